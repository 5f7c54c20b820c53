"""Every expression of rules and dashboards finds series in a real Prometheus over real parts.

Real: an agent before an Ollama that answers, an echo service with a memory in PostgreSQL, a model store before a
registry, Prometheus, Alertmanager, the node exporter. Made up: what GPUs, kubelets, kube-state-metrics and the blackbox
exporter tell. So a metric that was renamed, or a label that is not there, is found.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from components.monitoring.dashboards import BOARDS
from components.monitoring.exporters import node_exporter
from components.settings.monitoring import AlertmanagerSettings
from echo.auth.keys import digest
from tests.echo.harness import Echo, new_key
from tests.model_store.harness import Store
from tests.monitoring.bed import ASKED, TOLD, Alertmanager, NodeExporter, Prometheus, exporter, told_by
from tests.monitoring.rule_files import groups
from tests.replica_agent.conftest import Rig
from tests.replica_agent.harness import Agent, delete, entry, listing, until
from tests.support.postgres import SERVICE, Postgres
from tests.support.registry import Registry

pytestmark = [pytest.mark.ollama, pytest.mark.timeout(600)]

MODEL = "tiny:1"
ASK = {"model": MODEL, "options": {"num_predict": 20}, "messages": [{"role": "user", "content": "a b c"}]}
_NAME = re.compile(
    r"(?<![\w:.$\"])((?:replica|model_store|echo|kube|cnpg|probe|node|DCGM|container|prometheus|alertmanager|process|gen_ai)_\w+"
    r"|(?:echorator|measure|server|server_model|server_model_reason):[\w:]+|up|ALERTS)(?![\w:(])"
)
# As labels they stand beside metrics' names.
_LABELS = {"gen_ai_request_model"}


def use(agent: Agent, ollama_url: str) -> None:
    """Have it do what its metrics tell of: answer, fail, lose a model and bring it again, load and unload."""
    with httpx.Client(base_url=agent.gate, timeout=60, trust_env=False) as client:
        for _ in range(3):
            client.post("/api/chat", json=ASK).raise_for_status()
        assert client.post("/api/chat", json={**ASK, "model": "absent:1"}).status_code == 404
        until(lambda: agent.metric("models_loaded") == 1, 90)
        client.post("/api/generate", json={"model": MODEL, "keep_alive": 0})
        until(lambda: agent.metric("model_unloads_total") == 1, 90)
        delete(ollama_url, MODEL)
        until(lambda: agent.metric("model_drifts_total") >= 1, 90)
        agent.wait_ready(MODEL)
        client.post("/api/chat", json=ASK).raise_for_status()
        until(lambda: agent.metric("models_loaded") == 1, 90)


def ask(echo: Echo, mindful: str) -> None:
    """Have the service answer, learn and recall, turn somebody away, and fail."""
    until(lambda: MODEL in echo.get("/api/tags").text, 90)
    until(lambda: echo.metric("memory_up") == 1, 90)
    for number, words in enumerate(("I am so angry and frustrated! My name is Ann.", "What is my name?"), 1):
        told = {**ASK, "messages": [{"role": "user", "content": words}], "echo": {"space": "ann"}}
        echo.post("/api/chat", told, key=mindful).raise_for_status()
        until(lambda least=number: echo.metric("memory_turns_total", outcome="learned") == least, 90)
    for _ in range(2):
        echo.post("/api/chat", ASK).raise_for_status()
    assert echo.post("/api/chat", {**ASK, "model": "absent:1"}).status_code == 404
    assert echo.post("/api/chat", ASK, key="wrong").status_code == 401


def remembering(folder: Path, agent: Agent, url: str, key: str) -> Echo:
    """A service with a memory in a database, where somebody with a key has a space."""
    file = folder / "memory-url"
    file.write_text(url)
    memory = {
        "databaseUrlFile": str(file),
        # Noise, and of the right length.
        "embedder": {"model": MODEL, "width": 64},
        "recall": {"seconds": 60},
        "learning": {"lookSeconds": 1},
    }
    ann = {"name": "ann", "sha256": digest(key), "spaces": ["ann"], "requestsPerMinute": 1e9, "concurrent": 100}
    return Echo(folder / "echo", [{"name": "chat", "url": agent.gate}], keys=[ann], memory=memory)


@pytest.fixture
def prometheus(rig: Rig, registry: Registry, postgres: Postgres, tmp_path: Path) -> Iterator[Prometheus]:
    with ExitStack() as stack:
        folder = tmp_path / "monitoring"
        folder.mkdir()
        store = Store(tmp_path / "store", [f"http://{registry.host}"])
        manager = Alertmanager(folder, AlertmanagerSettings())
        daemon = node_exporter("it", "image")["template"]["spec"]["containers"][0]
        node = NodeExporter(folder, daemon["args"])
        for server in (store, manager, node):
            server.start(60)
            stack.callback(server.stop)
        database = postgres.create()
        told = stack.enter_context(exporter(TOLD + told_by(postgres, database)))
        asked = stack.enter_context(exporter(ASKED))
        agent = rig.start()
        mindful = new_key()
        echo = stack.enter_context(remembering(tmp_path, agent, postgres.url(database, SERVICE), mindful))
        replica = {"namespace": "models", "server": "chat", "pod": "chat-0", "role": "inference"}
        nothing: dict[str, str] = {}
        jobs: dict[str, tuple[str, dict[str, str]]] = {
            "ollama": (agent.face.removeprefix("http://"), replica),
            "model-store": (store.host, {"namespace": "models", "pod": "model-store-0"}),
            "node-exporter": (node.host, {"pod": "node-exporter-0"}),
            "told": (told, nothing),
            "echo": (echo.internal.removeprefix("http://"), {"namespace": "models", "pod": "echo-x"}),
            "ask": (asked, {"namespace": "models", "server": "chat", "model": MODEL}),
        }
        server = Prometheus(folder, jobs, manager.host)
        server.start(60)
        stack.callback(server.stop)
        # Before anything happens, so that what happens is a rise. Not all at once: a busy machine misses a look.
        until(lambda: len(server.query("max_over_time(up[5m]) == 1")) == len(jobs) + 2, 120)
        wish = entry(rig.models[0], store.host, MODEL, digest=rig.models[0].digest)
        rig.api.publish(listing(wish))
        agent.wait_ready(MODEL)
        use(agent, rig.ollama.url)
        ask(echo, mindful)
        until(lambda: server.query('measure:echo_mind:avg{measure="resonance"}'), 90)
        until(lambda: server.query("server_model:replica_time_to_first_token_seconds:p95_5m > 0"), 90)
        yield server


def wanted(folder: Path) -> dict[str, str]:
    """Every query that must find series: by what it is of."""
    found: dict[str, str] = {}
    for rule in (rule for group in groups(folder) for rule in group["rules"]):
        for name in {*_NAME.findall(rule["expr"]), *([rule["record"]] if "record" in rule else [])} - _LABELS:
            found[f"{rule.get('alert', rule.get('record'))}: {name}"] = f'{{__name__="{name}"}}'
    for board in BOARDS:
        for panel in board.panels:
            for query in panel.queries:
                expression = query.expression.replace("$__rate_interval", "1m")
                expression = expression.replace("$server", ".*").replace("$model", ".*")
                found[f"{board.name}, {panel.title}: {expression}"] = expression
    return found


def test_every_expression_finds_series(prometheus: Prometheus, tmp_path: Path) -> None:
    for rule in (rule for group in groups(tmp_path) for rule in group["rules"]):
        prometheus.query(rule["expr"])
    missing: dict[str, str] = wanted(tmp_path)
    assert len(missing) > len(BOARDS)
    # Two looks at a counter make a rate; on a machine with other work a look may be missed.
    end = time.monotonic() + 90
    while missing and time.monotonic() < end:
        # Many ask for the same.
        empty: set[str] = {query for query in set(missing.values()) if not prometheus.query(query)}
        missing = {what: query for what, query in missing.items() if query in empty}
        time.sleep(0.5 if missing else 0)
    assert sorted(missing) == []


def test_consequences_are_held_back_by_their_causes(tmp_path: Path) -> None:
    pod = {"namespace": "models", "server": "chat", "pod": "chat-0", "severity": "warning"}
    manager = Alertmanager(tmp_path, AlertmanagerSettings())
    manager.start(60)
    try:
        manager.post({"alertname": "PullStuck", **pod, "model": "a"}, {"alertname": "QueueLong", **pod})
        until(lambda: manager.held_back() == {"PullStuck": False, "QueueLong": False})
        manager.post({"alertname": "StoreDown", "severity": "critical"})
        until(lambda: manager.held_back() == {"PullStuck": True, "QueueLong": False, "StoreDown": False})
        manager.post({"alertname": "ReplicaDown", **pod})
        until(lambda: manager.held_back()["QueueLong"])
        assert not manager.held_back()["ReplicaDown"]
        manager.post({"alertname": "ServerDown", "server": "chat", "severity": "critical"})
        until(lambda: manager.held_back()["ReplicaDown"])
    finally:
        manager.stop()
