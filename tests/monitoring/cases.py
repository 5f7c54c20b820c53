"""Of each alert: series at which it fires, and series at which it stays silent, as promtool writes them.

Values are as in `promtool test rules`: `a+bxn` is a, a+b, ... n times more. One value a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Series = Mapping[str, str]

AGENT = 'namespace="models",server="chat",pod="chat-0",job="ollama",role="inference"'
MODEL = f'{AGENT},model="smollm2:135m"'
ASKED = f'{MODEL},route="/api/chat"'
POD = {"namespace": "models", "server": "chat", "pod": "chat-0"}
AGENT_LABELS = {**POD, "job": "ollama", "role": "inference"}
MODEL_LABELS = {**AGENT_LABELS, "model": "smollm2:135m"}
ONE_MODEL = {**POD, "model": "smollm2:135m"}
SERVER = {"namespace": "models", "server": "chat"}
GIB = 1 << 30
DAY = 1440


@dataclass(frozen=True)
class Case:
    """One alert.

    Attributes:
        at: when it is looked at, minutes from the beginning.
        labels: that it has, besides those that the rule sets.
        firing: series at which it fires.
        silent: by what they show, series at which it does not.
        step: minutes between two values, and between two looks.
    """

    at: int
    labels: Mapping[str, str]
    firing: Series
    silent: Mapping[str, Series] = field(default_factory=dict[str, Series])
    step: int = 1


def gauge(name: str, labels: str, value: str) -> tuple[str, str]:
    return f"{name}{{{labels}}}", value


def requests(good: str, bad: str = "", reason: str = "server") -> Series:
    """Series of requests that were answered, and of those that failed."""
    found = {f'replica_requests_total{{{ASKED},status="200"}}': good}
    return {**found, **({f'replica_request_errors_total{{{ASKED},reason="{reason}"}}': bad} if bad else {})}


def histogram(name: str, bound: str, below: str, count: str) -> Series:
    return {
        f'replica_{name}_bucket{{{MODEL},le="{bound}"}}': below,
        f'replica_{name}_bucket{{{MODEL},le="+Inf"}}': count,
        f"replica_{name}_count{{{MODEL}}}": count,
    }


def phase(phase_name: str, value: str) -> tuple[str, str]:
    return f'replica_model_phase{{{MODEL},phase="{phase_name}"}}', value


PULLED = f"replica_model_pulled_bytes_total{{{MODEL}}}"
ADMITTED = f"replica_admitted{{{AGENT}}}"
OLLAMA = f"replica_ollama_up{{{AGENT}}}"
UP = f"up{{{AGENT}}}"
FREE, SIZE = f"replica_volume_free_bytes{{{AGENT}}}", f"replica_volume_size_bytes{{{AGENT}}}"
STORE = 'job="model-store",namespace="models",pod="model-store-0"'
STORE_LABELS = {"job": "model-store", "namespace": "models", "pod": "model-store-0"}
NODE = 'job="node-exporter",pod="node-exporter-x"'
NODE_LABELS = {"job": "node-exporter", "pod": "node-exporter-x"}
GPU = 'Hostname="node-1",gpu="0"'
GPU_LABELS = {"Hostname": "node-1", "gpu": "0"}
CONTAINER = 'namespace="models",pod="chat-0",container="ollama"'
ME = 'job="prometheus",pod="prometheus-0"'

REPLICAS: Mapping[str, Case] = {
    "ServerDown": Case(
        5,
        {"server": "chat"},
        {ADMITTED: "1x20", OLLAMA: "0x20"},
        {
            "one of two replicas answers": {
                ADMITTED: "1x20",
                OLLAMA: "0x20",
                f"replica_admitted{{{AGENT.replace('chat-0', 'chat-1')}}}": "1x20",
                f"replica_ollama_up{{{AGENT.replace('chat-0', 'chat-1')}}}": "1x20",
            },
            "it is back before a minute is over": {ADMITTED: "1x20", OLLAMA: "1x4 0 1x20"},
        },
    ),
    "ReplicaMissing": Case(
        10,
        {"server": "chat"},
        {UP: "1x20"},
        {"both are there": {UP: "1x20", UP.replace("chat-0", "chat-1"): "1x20"}},
    ),
    "ReplicaDown": Case(
        5, AGENT_LABELS, {UP: "1x2 0x20"}, {"it answers": {UP: "1x20"}, "another job": {f"up{{{STORE}}}": "0x20"}}
    ),
    "OllamaDown": Case(5, AGENT_LABELS, {OLLAMA: "1x2 0x20"}, {"it answers": {OLLAMA: "1x20"}}),
    "ReplicaCrashLooping": Case(
        15,
        AGENT_LABELS,
        {f"process_start_time_seconds{{{AGENT}}}": "100x3 200x3 300x3 400x20"},
        {
            "one restart": {f"process_start_time_seconds{{{AGENT}}}": "100x6 200x20"},
            "a crash long ago": {f"replica_ollama_starts{{{AGENT}}}": "3x30"},
        },
    ),
    "WantedListLost": Case(
        15,
        AGENT_LABELS,
        {f"replica_watch_connected{{{AGENT}}}": "0x30"},
        {"a watch that ended and began again": {f"replica_watch_connected{{{AGENT}}}": "1x9 0 1x20"}},
    ),
    "ModelNotReady": Case(
        15,
        ONE_MODEL,
        dict([phase("Failed", "1x30")]),
        {
            "it is there": dict([phase("Ready", "1x30")]),
            "bytes are on their way": {**dict([phase("Pulling", "1x30")]), PULLED: "0+1000x30"},
            "it came meanwhile": dict([phase("Pending", "1x9 _x20"), phase("Ready", "_x9 1x20")]),
        },
    ),
    "ModelWrongDigest": Case(
        10,
        MODEL_LABELS,
        {f"replica_model_digest_as_wanted{{{MODEL}}}": "0x20"},
        {"the pinned one": {f"replica_model_digest_as_wanted{{{MODEL}}}": "1x20"}},
    ),
    "ModelDrifted": Case(
        14,
        MODEL_LABELS,
        # The series begins with the first drift.
        {f"replica_model_drifts_total{{{MODEL}}}": "_x6 1x20"},
        {"nobody touched it": {f"replica_model_drifts_total{{{MODEL}}}": "4x20"}},
    ),
    "PullStuck": Case(
        15,
        ONE_MODEL,
        {**dict([phase("Pulling", "1x30")]), PULLED: "0+1000x3 3000x30"},
        {
            "slow, but it goes on": {**dict([phase("Pulling", "1x30")]), PULLED: "0+1x30"},
            "nothing to pull": dict([phase("Ready", "1x30")]),
        },
    ),
    "PullFailing": Case(
        5,
        {**ONE_MODEL, "kind": "resource"},
        {f'replica_model_failures{{{MODEL},kind="resource"}}': "3x20"},
        {"once is no row": {f'replica_model_failures{{{MODEL},kind="transient"}}': "1x20"}},
    ),
    "QueueLong": Case(
        6,
        AGENT_LABELS,
        {f"replica_requests_waiting{{{AGENT}}}": "15x20"},
        {
            "ten may wait": {f"replica_requests_waiting{{{AGENT}}}": "10x20"},
            "a burst": {f"replica_requests_waiting{{{AGENT}}}": "0x4 40 0x20"},
        },
    ),
    "ResponseSlow": Case(
        15,
        {**SERVER, "model": "smollm2:135m"},
        {
            **histogram("time_to_first_token_seconds", "5.0", "0x30", "0+60x30"),
            f'replica_time_to_first_token_seconds_bucket{{{MODEL},le="10.0"}}': "0+60x30",
        },
        {
            "fast ones": histogram("time_to_first_token_seconds", "5.0", "0+60x30", "0+60x30"),
            "nobody asks": histogram("time_to_first_token_seconds", "5.0", "7x30", "9x30"),
        },
    ),
    "ReplicaOverloaded": Case(
        6,
        POD,
        {f'replica_request_errors_total{{{ASKED},reason="queue_full"}}': "0+6x20"},
        {"the client's own fault": {f'replica_request_errors_total{{{ASKED},reason="client"}}': "0+6x20"}},
    ),
    "VolumeFilling": Case(
        10,
        AGENT_LABELS,
        {FREE: f"{0.08 * GIB}x20", SIZE: f"{GIB}x20"},
        {
            "half of it is free": {FREE: f"{0.5 * GIB}x20", SIZE: f"{GIB}x20"},
            "it is full, which is said otherwise": {FREE: f"{0.01 * GIB}x20", SIZE: f"{GIB}x20"},
            "a model that came once is no trend": {FREE: f"{0.9 * GIB}x5 {0.6 * GIB}x20", SIZE: f"{GIB}x30"},
        },
    ),
    "VolumeFull": Case(
        5,
        AGENT_LABELS,
        {FREE: "1000x20", SIZE: f"{GIB}x20"},
        {"a tenth is free": {FREE: f"{0.1 * GIB}x20", SIZE: f"{GIB}x20"}},
    ),
}

STORE_CASES: Mapping[str, Case] = {
    "StoreDown": Case(5, STORE_LABELS, {f"up{{{STORE}}}": "1x2 0x20"}, {"it answers": {f"up{{{STORE}}}": "1x20"}}),
    "StoreVolumeFilling": Case(
        10,
        STORE_LABELS,
        {f"model_store_disk_free_bytes{{{STORE}}}": "5x20", f"model_store_disk_size_bytes{{{STORE}}}": "100x20"},
        {
            "room is left, and no limit is set": {
                f"model_store_disk_free_bytes{{{STORE}}}": "50x20",
                f"model_store_disk_size_bytes{{{STORE}}}": "100x20",
                f"model_store_stored_bytes{{{STORE}}}": "50x20",
                f"model_store_max_bytes{{{STORE}}}": "0x20",
            }
        },
    ),
    "StoreUpstreamFailing": Case(
        20,
        {"host": "registry.ollama.ai"},
        {f'model_store_upstream_requests_total{{{STORE},host="registry.ollama.ai",status="unreachable"}}': "0+2x30"},
        {
            "a model that is not there": {
                f'model_store_upstream_requests_total{{{STORE},host="registry.ollama.ai",status="404"}}': "0+2x30"
            },
            "few of many": {
                f'model_store_upstream_requests_total{{{STORE},host="registry.ollama.ai",status="502"}}': "0+1x30",
                f'model_store_upstream_requests_total{{{STORE},host="registry.ollama.ai",status="200"}}': "0+9x30",
            },
        },
    ),
    "StoreBlobDamaged": Case(
        30,
        STORE_LABELS,
        {f"model_store_scrub_bad_blobs_total{{{STORE}}}": "0x9 1x30"},
        {"all are whole": {f"model_store_scrub_bad_blobs_total{{{STORE}}}": "0x40"}},
    ),
    "StoreListUnreadable": Case(
        15,
        STORE_LABELS,
        {f"model_store_wanted_list_usable{{{STORE}}}": "0x30"},
        {"it is read": {f"model_store_wanted_list_usable{{{STORE}}}": "1x30"}},
    ),
}

NODE_CASES: Mapping[str, Case] = {
    "NodeMemoryLow": Case(
        20,
        NODE_LABELS,
        {f"node_memory_MemAvailable_bytes{{{NODE}}}": "3x30", f"node_memory_MemTotal_bytes{{{NODE}}}": "100x30"},
        {
            "enough, and steady": {
                f"node_memory_MemAvailable_bytes{{{NODE}}}": "15x30",
                f"node_memory_MemTotal_bytes{{{NODE}}}": "100x30",
            },
            "a model is loaded into a machine that has room": {
                f"node_memory_MemAvailable_bytes{{{NODE}}}": "90-2x30",
                f"node_memory_MemTotal_bytes{{{NODE}}}": "100x30",
            },
        },
    ),
    "OutOfMemoryKill": Case(
        8,
        NODE_LABELS,
        {f"node_vmstat_oom_kill{{{NODE}}}": "3x5 4x20"},
        {"kills of another day": {f"node_vmstat_oom_kill{{{NODE}}}": "4x20"}},
    ),
    "ContainerMemoryHigh": Case(
        15,
        {"namespace": "models", "pod": "chat-0", "container": "ollama"},
        {
            f"container_memory_working_set_bytes{{{CONTAINER}}}": "95x30",
            f"container_spec_memory_limit_bytes{{{CONTAINER}}}": "100x30",
        },
        {
            "no limit is set": {
                f"container_memory_working_set_bytes{{{CONTAINER}}}": "95x30",
                f"container_spec_memory_limit_bytes{{{CONTAINER}}}": "0x30",
            }
        },
    ),
    "GpuBusy": Case(
        20,
        GPU_LABELS,
        {f"DCGM_FI_DEV_GPU_UTIL{{{GPU}}}": "95x30"},
        {
            "it rests now and then": {
                f"DCGM_FI_DEV_GPU_UTIL{{{GPU}}}": "95 0 95 0 95 0 95 0 95 0 95 0 95 0 95 0 95 0 95"
            }
        },
    ),
    "GpuFault": Case(
        8,
        GPU_LABELS,
        {f"DCGM_FI_DEV_XID_ERRORS{{{GPU}}}": "0x5 79x20"},
        {"a fault that was there at the start": {f"DCGM_FI_DEV_XID_ERRORS{{{GPU}}}": "79x20"}},
    ),
    "GpuGone": Case(
        40,
        {"Hostname": "node-1"},
        {
            f"DCGM_FI_DEV_GPU_UTIL{{{GPU}}}": "5x60",
            f"DCGM_FI_DEV_GPU_UTIL{{{GPU.replace('0', '1')}}}": "5x20 _x40",
        },
        {"both are there": {f"DCGM_FI_DEV_GPU_UTIL{{{GPU}}}": "5x60"}},
    ),
}

OWN_CASES: Mapping[str, Case] = {
    "Watchdog": Case(1, {}, {}),
    "TargetDown": Case(
        6,
        NODE_LABELS,
        {f"up{{{NODE}}}": "0x20"},
        {"replicas have alerts of their own": {UP: "0x20"}, "it answers": {f"up{{{NODE}}}": "1x20"}},
    ),
    "RuleFailing": Case(
        12,
        {"job": "prometheus", "pod": "prometheus-0", "rule_group": "g"},
        {f'prometheus_rule_evaluation_failures_total{{{ME},rule_group="g"}}': "0+1x20"},
        {"once, long ago": {f'prometheus_rule_evaluation_failures_total{{{ME},rule_group="g"}}': "1x20"}},
    ),
    "ConfigurationRefused": Case(
        8,
        {"job": "prometheus", "pod": "prometheus-0"},
        {f"prometheus_config_last_reload_successful{{{ME}}}": "0x20"},
        {"taken": {f"prometheus_config_last_reload_successful{{{ME}}}": "1x20"}},
    ),
    "AlertsNotSent": Case(
        12,
        {"job": "prometheus", "pod": "prometheus-0"},
        {f"prometheus_notifications_dropped_total{{{ME}}}": "0+1x20"},
        {"all are sent": {f"prometheus_notifications_dropped_total{{{ME}}}": "0x20"}},
    ),
    "HistoryCutShort": Case(
        15,
        {"job": "prometheus", "pod": "prometheus-0"},
        {
            f"prometheus_tsdb_storage_blocks_bytes{{{ME}}}": "97x30",
            f"prometheus_tsdb_retention_limit_bytes{{{ME}}}": "100x30",
        },
        {
            "room is left": {
                f"prometheus_tsdb_storage_blocks_bytes{{{ME}}}": "80x30",
                f"prometheus_tsdb_retention_limit_bytes{{{ME}}}": "100x30",
            },
            "no limit is set": {
                f"prometheus_tsdb_storage_blocks_bytes{{{ME}}}": "80x30",
                f"prometheus_tsdb_retention_limit_bytes{{{ME}}}": "0x30",
            },
        },
    ),
    "TooManySeries": Case(
        15,
        {"job": "prometheus", "pod": "prometheus-0"},
        {f"prometheus_tsdb_head_series{{{ME}}}": "2000000x30"},
        {"as many as usual": {f"prometheus_tsdb_head_series{{{ME}}}": "20000x30"}},
    ),
    "CertificateExpiring": Case(
        5,
        {"of": "metrics"},
        dict([gauge("echorator:certificate_expires_timestamp_seconds", 'of="metrics"', f"{29 * 86_400}x10")]),
        {
            "a deploy will renew it": dict(
                [gauge("echorator:certificate_expires_timestamp_seconds", 'of="metrics"', f"{31 * 86_400}x10")]
            )
        },
    ),
    "PolicyExceptionEnds": Case(
        5,
        {"check": "rbac-read-secrets", "resource": "a::soon"},
        {},
    ),
}

_HOURS = 60
BUDGET_CASES: Mapping[str, Case] = {
    "AvailabilityBudgetBurnFast": Case(
        2 * _HOURS,
        SERVER,
        requests("0+10x200", "0+1x200"),
        {
            "the clients' own faults": requests("0+10x200", "0+1x200", reason="client"),
            "none failed": requests("0+10x200"),
            "it is over": requests("0+10x200", "0+2x60 120x140"),
            "one of three is no share": requests("0x100 3x100", "0x100 1x100"),
        },
    ),
    "AvailabilityBudgetBurnSlow": Case(
        2 * DAY,
        SERVER,
        requests("0+10x144", "0+0.3x144"),
        {"within the allowance": requests("0+1000x144", "0+1x144")},
        30,
    ),
    "FirstTokenBudgetBurnFast": Case(
        2 * _HOURS,
        SERVER,
        histogram("time_to_first_token_seconds", "2.5", "0+1x200", "0+10x200"),
        {"in time": histogram("time_to_first_token_seconds", "2.5", "0+10x200", "0+10x200")},
    ),
    "FirstTokenBudgetBurnSlow": Case(
        2 * DAY,
        SERVER,
        histogram("time_to_first_token_seconds", "2.5", "0+8x144", "0+10x144"),
        {"one in fifty is late": histogram("time_to_first_token_seconds", "2.5", "0+49x144", "0+50x144")},
        30,
    ),
    "TokenRateBudgetBurnFast": Case(
        2 * _HOURS,
        SERVER,
        histogram("generated_tokens_per_second", "5.0", "0+9x200", "0+10x200"),
        {"fast enough": histogram("generated_tokens_per_second", "5.0", "0x200", "0+10x200")},
    ),
    "TokenRateBudgetBurnSlow": Case(
        2 * DAY,
        SERVER,
        histogram("generated_tokens_per_second", "5.0", "0+2x144", "0+10x144"),
        {"one in fifty is slow": histogram("generated_tokens_per_second", "5.0", "0+1x144", "0+50x144")},
        30,
    ),
}

CASES: Mapping[str, Case] = {**REPLICAS, **STORE_CASES, **NODE_CASES, **OWN_CASES, **BUDGET_CASES}
