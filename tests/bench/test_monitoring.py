"""What monitoring takes: series and memory of a Prometheus over 1, 10 and 100 replicas.

Each replica is what a real agent's metrics say after requests to two models; their values stand still. Memory is that
of Debian's Prometheus after a minute of scrapes, without queries.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ollama import OllamaClient
from ollama.document import Pull, WantedEntry
from replica_agent.loaded import Loaded
from replica_agent.metrics import Metrics
from replica_agent.observe import Observer
from replica_agent.status import Status
from tests.monitoring.bed import exporter
from tests.monitoring.rule_files import write
from tests.support.prepared import prepared
from tests.support.processes import Server, free_port

pytestmark = pytest.mark.timeout(600)

MODELS = ("smollm2:135m", "all-minilm:22m")
SETTLED_S = 60.0


def told() -> str:
    """What an agent tells that has answered, streamed, and refused."""
    status = Status("chat", "chat-0")
    entries = [WantedEntry(name=name, pull=Pull(source=f"store/library/{name}")) for name in MODELS]
    status.adopt(entries, "0123456789ab")
    metrics = Metrics(status, Path("/"))
    observer = Observer(metrics, status.names)
    observer.refresh()
    metrics.registry.register(Loaded(OllamaClient(httpx.AsyncClient(), "chat-0"), observer.label))
    figures = b'"prompt_eval_count":9,"prompt_eval_duration":9000000,"eval_count":9,"eval_duration":900000000}'
    for name in (*MODELS, "other"):
        for path in (b"/api/chat", b"/v1/chat/completions", b"/api/tags"):
            for code in (200, 404, 503):
                exchange = observer.begin(path)
                exchange.answer_begins(code, "application/x-ndjson")
                exchange.take(b'{"model":"' + name.encode() + b'",' + figures)
                exchange.complete = True
                observer.end(exchange)
    return metrics.render().decode()


@pytest.mark.parametrize("replicas", [1, 10, 100])
def test_series_and_memory(replicas: int, tmp_path: Path) -> None:
    host = f"127.0.0.1:{free_port()}"
    config = tmp_path / "prometheus.yaml"
    with exporter(told()) as address:
        targets: list[dict[str, Any]] = [
            {
                "targets": [address],
                "labels": {
                    "namespace": "models",
                    "server": "chat",
                    "role": "inference",
                    "pod": f"chat-{index}",
                    # Two targets of one address and path would be one.
                    "__metrics_path__": f"/replica/{index}",
                },
            }
            for index in range(replicas)
        ]
        scrapes = [{"job_name": "ollama", "static_configs": targets}]
        scrapes.append({"job_name": "prometheus", "static_configs": [{"targets": [host]}]})
        every = {"scrape_interval": "5s", "evaluation_interval": "5s"}
        config.write_text(
            yaml.safe_dump({"global": every, "rule_files": [str(write(tmp_path))], "scrape_configs": scrapes})
        )
        command = [str(prepared("ECHORATOR_PROMETHEUS")), f"--config.file={config}", f"--web.listen-address={host}"]
        command.append(f"--storage.tsdb.path={tmp_path / 'tsdb'}")
        server = Server(command, ready=f"http://{host}/-/ready", log=tmp_path / "log")
        server.start(60)
        try:
            time.sleep(SETTLED_S)
            found = {
                name: float(
                    httpx.get(
                        f"http://{host}/api/v1/query", params={"query": query}, timeout=20, trust_env=False
                    ).json()["data"]["result"][0]["value"][1]
                )
                for name, query in (
                    ("series", "prometheus_tsdb_head_series"),
                    ("memory", "process_resident_memory_bytes"),
                    ("replica", 'max(scrape_samples_post_metric_relabeling{job="ollama"})'),
                    ("up", 'sum(up{job="ollama"})'),
                )
            }
        finally:
            server.stop()
    assert found["up"] == replicas
    print(f"\n| {replicas} | {found['replica']:.0f} | {found['series']:.0f} | {found['memory'] / 2**20:.0f} MiB |")
