"""Prometheus and Alertmanager on loopback, with the rules of a stack, over the real things that they watch.

What a node or a GPU would tell comes from an exporter of ours: this machine has neither kubelet nor GPU here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import yaml

from cli.memory.record import Drilled, statement
from components.memory import queries as memory_queries
from components.monitoring import alertmanager
from components.settings.monitoring import AlertmanagerSettings
from echo.driver import connect
from tests.monitoring.rule_files import write
from tests.support.exporter import serve
from tests.support.postgres import Postgres
from tests.support.prepared import prepared
from tests.support.processes import Server, free_port

TOLD = """
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="0",Hostname="node-1"} 41
DCGM_FI_DEV_FB_USED{gpu="0",Hostname="node-1"} 5120
DCGM_FI_DEV_GPU_TEMP{gpu="0",Hostname="node-1"} 55
DCGM_FI_DEV_XID_ERRORS{gpu="0",Hostname="node-1"} 0
container_memory_working_set_bytes{namespace="models",pod="chat-0",container="ollama"} 100
container_spec_memory_limit_bytes{namespace="models",pod="chat-0",container="ollama"} 1000
cnpg_collector_up{namespace="memory",pod="memory-1"} 1
cnpg_collector_fencing_on{namespace="memory",pod="memory-1"} 0
cnpg_collector_pg_wal_archive_status{namespace="memory",pod="memory-1",value="ready"} 0
cnpg_collector_last_available_backup_timestamp{namespace="memory",pod="memory-1"} 1.7e9
kube_pod_status_phase{namespace="models",pod="chat-0",phase="Running"} 1
kube_pod_status_unschedulable{namespace="models",pod="chat-0"} 0
kube_pod_container_status_restarts_total{namespace="models",pod="chat-0",container="ollama"} 0
kube_pod_container_status_waiting_reason{namespace="models",pod="chat-1",container="ollama",reason="ErrImagePull"} 1
kube_persistentvolumeclaim_status_phase{namespace="models",persistentvolumeclaim="data-chat-0",phase="Bound"} 1
kube_persistentvolumeclaim_resource_requests_storage_bytes{namespace="models",persistentvolumeclaim="data-chat-0"} 1e10
kube_resourcequota{namespace="models",resourcequota="echorator",resource="requests.cpu",type="used"} 1
kube_resourcequota{namespace="models",resourcequota="echorator",resource="requests.cpu",type="hard"} 4
"""
"""Names and labels are those of the DCGM exporter, cAdvisor, kube-state-metrics and CloudNativePG."""

ASKED = """
# TYPE probe_success gauge
probe_success 1
probe_duration_seconds 0.2
"""
"""As the blackbox exporter says of one answer."""


def told_by(postgres: Postgres, database: str) -> str:
    """What CloudNativePG's exporter would tell of a database: its queries are run in the role that it takes.

    A restore of it was tried out, as `echorator drill` keeps it.
    """
    return asyncio.run(_told_by(postgres.url(database, "postgres")))


async def _told_by(url: str) -> str:
    connection = await connect(url, timeout=30)
    found: list[str] = []
    try:
        await connection.execute(statement(Drilled(took_s=66.0, outcome="good", rows=11, rpo_s=45.0, rto_s=46.0)))
        await connection.execute("SET ROLE pg_monitor")
        for name, (query, columns, _) in memory_queries.QUERIES.items():
            for row in await connection.fetch(query):
                assert set(row.keys()) == set(columns), name
                labels = [f'{key}="{row[key]}"' for key, (usage, _) in columns.items() if usage == "LABEL"]
                placed = ",".join(['namespace="memory"', 'pod="memory-1"', *labels])
                found += [
                    f"cnpg_{name}_{key}{{{placed}}} {float(row[key])}"
                    for key, (usage, _) in columns.items()
                    if usage != "LABEL"
                ]
    finally:
        await connection.close()
    return "\n".join([*found, ""])


@contextmanager
def exporter(text: str) -> Generator[str]:
    """Serve a text as metrics; yields its address."""
    with serve(lambda: text) as address:
        yield address


_OVERLAY = 'mount -t overlay overlay -o "lowerdir=$1/usr/share:/usr/share" /usr/share && shift && exec "$@"'


class Alertmanager(Server):
    """Debian's, with the routes of a stack."""

    def __init__(self, folder: Path, settings: AlertmanagerSettings) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        config = folder / "alertmanager.yaml"
        config.write_text(yaml.safe_dump(alertmanager.config(settings), sort_keys=False))
        program = prepared("ECHORATOR_PROMETHEUS_ALERTMANAGER")
        command = [
            # It reads a template below /usr/share, which is laid over this machine's for this process alone.
            *("unshare", "--mount", "sh", "-c", _OVERLAY, "sh", str(program.parents[2])),
            str(program),
            f"--config.file={config}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address={self.host}",
            "--cluster.listen-address=",
        ]
        super().__init__(command, ready=f"http://{self.host}/-/ready", log=folder / "alertmanager.log")

    def post(self, *alerts: Mapping[str, str]) -> None:
        """Tell it of alerts that fire, by their labels."""
        body = [{"labels": dict(one)} for one in alerts]
        httpx.post(f"http://{self.host}/api/v2/alerts", json=body, timeout=10, trust_env=False).raise_for_status()

    def held_back(self) -> dict[str, bool]:
        """Name of each alert to whether another one holds it back."""
        answer = httpx.get(f"http://{self.host}/api/v2/alerts", timeout=10, trust_env=False).raise_for_status()
        return {one["labels"]["alertname"]: bool(one["status"]["inhibitedBy"]) for one in answer.json()}


class Prometheus(Server):
    """Debian's, with the rules of a stack, every second or two."""

    def __init__(self, folder: Path, jobs: Mapping[str, tuple[str, Mapping[str, str]]], alertmanager_host: str) -> None:
        """Prepare.

        Args:
            folder: for its files.
            jobs: name to address and labels.
            alertmanager_host: where alerts go.
        """
        self.host = f"127.0.0.1:{free_port()}"
        scrapes: list[dict[str, Any]] = [
            {"job_name": job, "static_configs": [{"targets": [address], "labels": dict(labels)}]}
            for job, (address, labels) in {
                **jobs,
                "prometheus": (self.host, {"pod": "prometheus-0"}),
                "alertmanager": (alertmanager_host, {"pod": "alertmanager-0"}),
            }.items()
        ]
        config = folder / "prometheus.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    # A look that takes longer is lost, and on a machine with other work most take more than a second.
                    "global": {"scrape_interval": "2s", "evaluation_interval": "1s"},
                    "rule_files": [str(write(folder))],
                    "scrape_configs": scrapes,
                    "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager_host]}]}]},
                }
            )
        )
        command = [
            str(prepared("ECHORATOR_PROMETHEUS")),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            "--storage.tsdb.retention.size=100MB",
            f"--web.listen-address={self.host}",
        ]
        super().__init__(command, ready=f"http://{self.host}/-/ready", log=folder / "prometheus.log")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an instant query."""
        url = f"http://{self.host}/api/v1/query?query={quote(expression)}"
        found = httpx.get(url, timeout=20, trust_env=False).json()
        assert found["status"] == "success", f"{expression}: {found}"
        return list(found["data"]["result"])


class NodeExporter(Server):
    """Debian's, with the collectors that the stack uses."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        kept = [one for one in arguments if not one.startswith("--web.listen-address")]
        command = [str(prepared("ECHORATOR_PROMETHEUS_NODE_EXPORTER")), *kept, f"--web.listen-address={self.host}"]
        super().__init__(command, ready=f"http://{self.host}/", log=folder / "node-exporter.log")
