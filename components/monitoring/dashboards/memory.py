"""The memory store: what it holds, whether its database keeps up, whether it is backed up."""

from components.monitoring.dashboards.builder import Board, Panel, Query, Row, line, number

_WELL = "sum by (pod) (rate(cnpg_memory_database_pages_cached[5m]))"
_READ = "sum by (pod) (rate(cnpg_memory_database_pages_read[5m]))"

BOARD = Board(
    "memory",
    "Echorator: memory store",
    (
        Row(
            "Now",
            (
                number("Instances that answer", "sum(cnpg_collector_up) - sum(cnpg_collector_fencing_on)"),
                number("Standbys that follow", "max(cnpg_memory_replication_standbys)"),
                number("Furthest behind", "max(cnpg_memory_replication_lag_seconds)", "s", limit=30),
                number(
                    "Connections in use",
                    "max(cnpg_memory_activity_connections / cnpg_memory_activity_connections_most)",
                    "percentunit",
                    limit=0.85,
                ),
                number("On the disk", "max(cnpg_memory_database_bytes)", "bytes"),
                number(
                    "Since the last whole backup", "time() - max(cnpg_collector_last_available_backup_timestamp)", "s"
                ),
            ),
            height=4,
        ),
        Row(
            "What it holds",
            (
                line("Memories by kind", "sum by (kind) (echo_mind_memories)", "{{kind}}"),
                line("Rows", "max by (table) (cnpg_memory_table_rows)", "{{table}}"),
                line("Room", "max by (table) (cnpg_memory_table_bytes)", "{{table}}", "bytes"),
            ),
        ),
        Row(
            "The database at work",
            (
                Panel(
                    "Transactions a second",
                    (
                        Query("sum by (pod) (rate(cnpg_memory_database_commits[5m]))", "committed {{pod}}"),
                        Query("sum by (pod) (rate(cnpg_memory_database_rollbacks[5m]))", "given up {{pod}}"),
                    ),
                    "reqps",
                ),
                line("Pages found in memory", f"{_WELL} / ({_WELL} + {_READ})", "{{pod}}", "percentunit"),
                line(
                    "Oldest open transaction", "max by (pod) (cnpg_memory_activity_transaction_seconds)", "{{pod}}", "s"
                ),
                line("Sessions that wait for a lock", "max by (pod) (cnpg_memory_activity_waiting)", "{{pod}}"),
                line("Rows that vacuum has to take away", "max by (table) (cnpg_memory_table_dead_rows)", "{{table}}"),
                line("Deadlocks in an hour", "sum by (pod) (increase(cnpg_memory_database_deadlocks[1h]))", "{{pod}}"),
            ),
        ),
        Row(
            "Copies",
            (
                line(
                    "Behind the primary", "max by (pod) (cnpg_memory_replication_lag_seconds)", "{{pod}}", "s", limit=30
                ),
                line("Primary", "1 - max by (pod) (cnpg_memory_replication_standby)", "{{pod}}", "bool"),
                line(
                    "Segments that wait for the archive",
                    'max by (pod) (cnpg_collector_pg_wal_archive_status{value="ready"})',
                    "{{pod}}",
                    limit=3,
                ),
            ),
        ),
        Row(
            "Restores that were tried out",
            (
                number("The last one gave the same store", "max(cnpg_memory_drill_succeeded)", "bool"),
                number("Since the last good one", "time() - max(cnpg_memory_drill_good_ended_timestamp_seconds)", "s"),
                number("Until its copy answered (RTO)", "max(cnpg_memory_drill_good_rto_seconds)", "s"),
                number("A loss would have cost (RPO)", "max(cnpg_memory_drill_good_rpo_seconds)", "s"),
            ),
            height=4,
        ),
    ),
)
