"""Machines and GPUs."""

from components.monitoring.dashboards.builder import Board, Row, line

BOARD = Board(
    "nodes",
    "Echorator: nodes and GPUs",
    (
        Row(
            "Nodes",
            (
                line(
                    "CPU in use",
                    '1 - avg by (pod) (rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))',
                    "{{pod}}",
                    "percentunit",
                ),
                line(
                    "Memory free",
                    "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
                    "{{pod}}",
                    "percentunit",
                ),
                line("Load", "node_load5", "{{pod}}"),
                line(
                    "Disk reads and writes",
                    "sum by (pod) (rate(node_disk_read_bytes_total[$__rate_interval])"
                    " + rate(node_disk_written_bytes_total[$__rate_interval]))",
                    "{{pod}}",
                    "Bps",
                ),
            ),
        ),
        Row(
            "GPUs",
            (
                line("Busy", "DCGM_FI_DEV_GPU_UTIL", "{{Hostname}} {{gpu}}", "percent", limit=85),
                line("Memory in use", "DCGM_FI_DEV_FB_USED * 1048576", "{{Hostname}} {{gpu}}", "bytes"),
                line("Temperature", "DCGM_FI_DEV_GPU_TEMP", "{{Hostname}} {{gpu}}", "celsius"),
                line("Faults (XID)", "DCGM_FI_DEV_XID_ERRORS", "{{Hostname}} {{gpu}}"),
            ),
        ),
    ),
)
