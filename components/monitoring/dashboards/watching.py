"""Monitoring itself: what it holds, and whether alerts go out."""

from components.monitoring.dashboards.builder import Board, Panel, Query, Row, line

BOARD = Board(
    "watching",
    "Echorator: monitoring itself",
    (
        Row(
            "Prometheus",
            (
                line("Series", "prometheus_tsdb_head_series", "{{pod}}"),
                line("Memory", 'process_resident_memory_bytes{job="prometheus"}', "{{pod}}", "bytes"),
                line(
                    "Samples a second", "rate(prometheus_tsdb_head_samples_appended_total[$__rate_interval])", "{{pod}}"
                ),
                Panel("Targets", (Query("sum by (job) (up)", "{{job}}"),)),
                line("Blocks on the disk", "prometheus_tsdb_storage_blocks_bytes", "{{pod}}", "bytes"),
                line(
                    "Slowest group of rules",
                    "max by (pod) (prometheus_rule_group_last_duration_seconds)",
                    "{{pod}}",
                    "s",
                ),
            ),
        ),
        Row(
            "Alertmanager",
            (
                line("Alerts it holds", "sum by (state) (alertmanager_alerts)", "{{state}}"),
                line(
                    "Sent",
                    "sum by (integration) (rate(alertmanager_notifications_total[$__rate_interval]))",
                    "{{integration}}",
                    "reqps",
                ),
            ),
        ),
    ),
)
