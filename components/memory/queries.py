"""What the database's exporter tells besides CloudNativePG's own figures, by queries of ours.

The operator's default queries are in a ConfigMap of its release, which an operator that a stack brings has not. These
are few, go by names of their own, and run as `pg_monitor`, which reads no memory: of the schema, the drills alone.
"""

from typing import Any

import yaml

from components.memory import names

CONFIG_MAP = "memory-queries"
KEY = "queries.yaml"

_REPLICATION = """
SELECT pg_is_in_recovery() AS standby,
  CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
    ELSE GREATEST(0, EXTRACT(EPOCH FROM now() - pg_last_xact_replay_timestamp())) END AS lag_seconds,
  CASE WHEN pg_is_in_recovery() THEN EXISTS (SELECT FROM pg_stat_wal_receiver) ELSE true END AS receiving,
  (SELECT count(*) FROM pg_stat_replication) AS standbys
"""
_ACTIVITY = """
SELECT count(*) FILTER (WHERE backend_type = 'client backend') AS connections,
  current_setting('max_connections')::int AS connections_most,
  COALESCE(max(EXTRACT(EPOCH FROM now() - xact_start)) FILTER (WHERE backend_type = 'client backend'), 0)
    AS transaction_seconds,
  count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting
FROM pg_stat_activity
"""
_TABLES = """
SELECT relname AS "table", n_live_tup AS rows, n_dead_tup AS dead_rows, pg_total_relation_size(relid) AS bytes
FROM pg_stat_user_tables WHERE schemaname = 'echo'
"""
_DATABASE = """
SELECT pg_database_size(datname) AS bytes, xact_commit AS commits, xact_rollback AS rollbacks, deadlocks,
  blks_hit AS pages_cached, blks_read AS pages_read
FROM pg_stat_database WHERE datname = current_database()
"""
_DRILL = """
SELECT outcome = 'good' AS succeeded, EXTRACT(EPOCH FROM ended) AS ended_timestamp_seconds
FROM echo.drills ORDER BY ended DESC, id DESC LIMIT 1
"""
_GOOD_DRILL = """
SELECT EXTRACT(EPOCH FROM ended) AS ended_timestamp_seconds, rpo_seconds, rto_seconds
FROM echo.drills WHERE outcome = 'good' ORDER BY ended DESC, id DESC LIMIT 1
"""
# A deploy brings these queries before the step that makes the table.
_DRILLS_ARE_KEPT = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'echo' AND tablename = 'drills')"

_Columns = dict[str, tuple[str, str]]
_GAUGE, _COUNTER, _LABEL = "GAUGE", "COUNTER", "LABEL"
_OF_DRILLS = {"target_databases": [names.DATABASE], "primary": True, "predicate_query": _DRILLS_ARE_KEPT}

QUERIES: dict[str, tuple[str, _Columns, dict[str, Any]]] = {
    "memory_replication": (
        _REPLICATION,
        {
            "standby": (_GAUGE, "1 on a standby, 0 on the primary"),
            "lag_seconds": (_GAUGE, "How old the last change is that a standby has taken over"),
            "receiving": (_GAUGE, "1 while a standby is connected to its primary; 1 on the primary"),
            "standbys": (_GAUGE, "Standbys that follow this instance"),
        },
        {},
    ),
    "memory_activity": (
        _ACTIVITY,
        {
            "connections": (_GAUGE, "Clients that are connected"),
            "connections_most": (_GAUGE, "As many as may be"),
            "transaction_seconds": (_GAUGE, "Age of the oldest open transaction"),
            "waiting": (_GAUGE, "Sessions that wait for a lock"),
        },
        {},
    ),
    "memory_table": (
        _TABLES,
        {
            "table": (_LABEL, "Of the memory's schema"),
            "rows": (_GAUGE, "Live rows, as PostgreSQL estimates them"),
            "dead_rows": (_GAUGE, "Rows that vacuum has not taken away yet"),
            "bytes": (_GAUGE, "With its indexes"),
        },
        # What is estimated is known on the primary alone.
        {"target_databases": [names.DATABASE], "primary": True},
    ),
    "memory_database": (
        _DATABASE,
        {
            "bytes": (_GAUGE, "On the disk"),
            "commits": (_COUNTER, "Transactions that were committed"),
            "rollbacks": (_COUNTER, "Transactions that were given up"),
            "deadlocks": (_COUNTER, "Transactions that waited for each other"),
            "pages_cached": (_COUNTER, "Pages that were found in memory"),
            "pages_read": (_COUNTER, "Pages that were read from the disk"),
        },
        {"target_databases": [names.DATABASE]},
    ),
    "memory_drill": (
        _DRILL,
        {
            "succeeded": (
                _GAUGE,
                "1 where the last restore that was tried out gave the same store, 0 where it did not",
            ),
            "ended_timestamp_seconds": (_GAUGE, "When it ended"),
        },
        _OF_DRILLS,
    ),
    "memory_drill_good": (
        _GOOD_DRILL,
        {
            "ended_timestamp_seconds": (_GAUGE, "When the last one ended that gave the same store"),
            "rpo_seconds": (_GAUGE, "Changes that the loss of the cluster would have cost when it began"),
            "rto_seconds": (_GAUGE, "Until the copy answered"),
        },
        _OF_DRILLS,
    ),
}
"""Name to query, its columns with usage and meaning, and more of its settings. Series are `cnpg_<name>_<column>`."""


def text() -> str:
    """As CloudNativePG's instances read it."""
    return yaml.safe_dump(
        {
            name: {
                "query": query.strip(),
                "metrics": [
                    {column: {"usage": usage, "description": meaning}} for column, (usage, meaning) in columns.items()
                ],
                **more,
            }
            for name, (query, columns, more) in QUERIES.items()
        },
        sort_keys=False,
        width=200,
    )


def monitoring() -> dict[str, Any]:
    """Of the Cluster's spec: these queries, and TLS with the database's own certificate."""
    return {"customQueriesConfigMap": [{"name": CONFIG_MAP, "key": KEY}], "tls": {"enabled": True}}
