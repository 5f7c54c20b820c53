"""Cases as in `cases`: of the echo service, the memory's database, the cluster's objects, and models that are asked."""

from __future__ import annotations

from collections.abc import Mapping

from tests.monitoring.cases import Case

ECHO = 'job="echo",namespace="models",pod="echo-x"'
ECHO_LABELS = {"job": "echo", "namespace": "models", "pod": "echo-x"}
OBJECT = 'job="kube-state-metrics",namespace="models",pod="chat-0"'
REASON = f'kube_pod_container_status_waiting_reason{{{OBJECT},container="ollama",reason="'
CLAIM = 'kube_persistentvolumeclaim_status_phase{namespace="models",persistentvolumeclaim="data-chat-0",phase="'
ASKED = 'probe_success{job="ask",namespace="models",server="chat",model="smollm2:135m",instance="x"}'

ECHO_CASES: Mapping[str, Case] = {
    "EchoDown": Case(
        5,
        {},
        {f"up{{{ECHO}}}": "0x10"},
        {
            "one of two answers": {f"up{{{ECHO}}}": "0x10", 'up{job="echo",pod="echo-y"}': "1x10"},
            "it has just gone": {f"up{{{ECHO}}}": "1x4 0x6"},
        },
    ),
    "EchoReplicaDown": Case(5, ECHO_LABELS, {f"up{{{ECHO}}}": "0x10"}, {"it answers": {f"up{{{ECHO}}}": "1x10"}}),
    "EchoQueueLong": Case(
        10,
        ECHO_LABELS,
        {f"echo_queue_waiting{{{ECHO}}}": "150x20"},
        {"some wait": {f"echo_queue_waiting{{{ECHO}}}": "20x20"}},
    ),
    "EchoConfigurationRefused": Case(
        10,
        ECHO_LABELS,
        {f"echo_config_bad{{{ECHO}}}": "1x20"},
        {"mended at once": {f"echo_config_bad{{{ECHO}}}": "1x3 0x17"}},
    ),
    "KeysTried": Case(
        30,
        {},
        {f'echo_auth_failures_total{{{ECHO},reason="unknown"}}': "0+120x40"},
        {"now and then": {f'echo_auth_failures_total{{{ECHO},reason="unknown"}}': "0+6x40"}},
    ),
}

INSTANCE = 'job="memory-database",namespace="memory",pod="memory-1"'
INSTANCE_LABELS = {"job": "memory-database", "namespace": "memory", "pod": "memory-1"}
READY = f'cnpg_collector_pg_wal_archive_status{{{INSTANCE},value="ready"}}'
BACKUP = f"cnpg_collector_last_available_backup_timestamp{{{INSTANCE}}}"
DRILL = f"cnpg_memory_drill_succeeded{{{INSTANCE}}}"
GOOD_DRILL = f"cnpg_memory_drill_good_ended_timestamp_seconds{{{INSTANCE}}}"
STANDBY = f"cnpg_memory_replication_standby{{{INSTANCE}}}"
MOST = f"cnpg_memory_activity_connections_most{{{INSTANCE}}}"

MEMORY_CASES: Mapping[str, Case] = {
    "DatabaseDown": Case(
        5,
        {},
        # A fenced one is stopped, and says what it said last.
        {
            f"cnpg_collector_up{{{INSTANCE}}}": "1x10",
            f"cnpg_collector_fencing_on{{{INSTANCE}}}": "1x10",
            'cnpg_collector_up{pod="memory-2"}': "0x10",
        },
        {
            "a standby answers": {
                f"cnpg_collector_up{{{INSTANCE}}}": "0x10",
                'cnpg_collector_up{pod="memory-2"}': "1x10",
                f"cnpg_collector_fencing_on{{{INSTANCE}}}": "1x10",
            }
        },
    ),
    "DatabaseInstanceDown": Case(
        5,
        INSTANCE_LABELS,
        {f"up{{{INSTANCE}}}": "0x10"},
        {"it answers": {f"up{{{INSTANCE}}}": "1x10", f"cnpg_collector_up{{{INSTANCE}}}": "1x10"}},
    ),
    "DatabaseLagging": Case(
        10,
        {"pod": "memory-1"},
        {f"cnpg_memory_replication_lag_seconds{{{INSTANCE}}}": "90x20"},
        {
            "it keeps up": {f"cnpg_memory_replication_lag_seconds{{{INSTANCE}}}": "2x20"},
            "for a moment": {f"cnpg_memory_replication_lag_seconds{{{INSTANCE}}}": "0x6 90x3 0x10"},
        },
    ),
    "DatabaseStandbyCutOff": Case(
        10,
        {"pod": "memory-1"},
        {f"cnpg_memory_replication_receiving{{{INSTANCE}}}": "0x20"},
        {"it follows, or is the primary": {f"cnpg_memory_replication_receiving{{{INSTANCE}}}": "1x20"}},
    ),
    "DatabaseFailedOver": Case(
        25,
        {"pod": "memory-1"},
        {STANDBY: "1x20 0x20"},
        {
            "it always was the primary": {STANDBY: "0x40"},
            "it always was a standby": {STANDBY: "1x40"},
            "a new primary, which is an empty store's first": {STANDBY: "_x20 0x20"},
            "an hour ago": {STANDBY: "1x5 0x40"},
        },
    ),
    "DatabaseConnectionsHigh": Case(
        10,
        {"pod": "memory-1"},
        {f"cnpg_memory_activity_connections{{{INSTANCE}}}": "180x20", MOST: "200x20"},
        {"as on most days": {f"cnpg_memory_activity_connections{{{INSTANCE}}}": "20x20", MOST: "200x20"}},
    ),
    "ArchiveStuck": Case(
        10,
        {"pod": "memory-1"},
        {READY: "0+1x20"},
        {"one is being sent": {READY: "1x20"}, "for a moment": {READY: "0x7 5x3 0x10"}},
    ),
    "BackupLate": Case(
        30 * 60,
        {},
        {BACKUP: "0x60"},
        {"the last night's is there": {BACKUP: "0x40 72000x20"}},
        30,
    ),
    "DrillFailed": Case(
        5,
        {},
        {DRILL: "1x3 0x10"},
        {"it gave the same store": {DRILL: "0x3 1x10"}, "none was ever tried": {}},
    ),
    "DrillLate": Case(
        91 * 24 * 60,
        {},
        {GOOD_DRILL: "0x100"},
        {"one last month": {GOOD_DRILL: "0x30 5184000x70"}, "none was ever tried": {}},
        24 * 60,
    ),
}

OBJECT_CASES: Mapping[str, Case] = {
    "PodWaiting": Case(
        10,
        {"namespace": "models", "pod": "chat-0", "container": "ollama", "reason": "ImagePullBackOff"},
        {f'{REASON}ImagePullBackOff"}}': "1x20"},
        {
            "it is being made": {f'{REASON}ContainerCreating"}}': "1x20"},
            "for a moment": {f'{REASON}ErrImagePull"}}': "1x3"},
        },
    ),
    "PodUnschedulable": Case(
        10,
        {"namespace": "models", "pod": "chat-0"},
        {f"kube_pod_status_unschedulable{{{OBJECT}}}": "1x20"},
        {"a node came": {f"kube_pod_status_unschedulable{{{OBJECT}}}": "1x3 _x17"}},
    ),
    "VolumeNotBound": Case(
        15,
        {"namespace": "models", "persistentvolumeclaim": "data-chat-0"},
        {f'{CLAIM}Pending"}}': "1x20", f'{CLAIM}Bound"}}': "0x20"},
        {"it has one": {f'{CLAIM}Pending"}}': "0x20", f'{CLAIM}Bound"}}': "1x20"}},
    ),
    "ModelDoesNotAnswer": Case(
        10,
        {"namespace": "models", "server": "chat", "model": "smollm2:135m"},
        {ASKED: "0x20"},
        {"it does": {ASKED: "1x20"}, "one answer was missed": {ASKED: "1x7 0 1x12"}},
    ),
}
