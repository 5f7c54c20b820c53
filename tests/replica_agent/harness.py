"""An agent process in front of a real Ollama, and the questions that tests ask of it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from ollama.document import Pull, WantedDocument, WantedEntry, dump
from replica_agent.report import ModelReport, ReplicaReport
from tests.replica_agent.api_server import CONFIG_MAP, KEY, NAMESPACE, ApiServer
from tests.support.processes import Server, free_port
from tests.support.tiny_model import PushedModel, tiny_gguf

_METRIC = re.compile(r"^(\w+)(?:\{(.*)\})? ([0-9.e+-]+)$")


def entry(model: PushedModel, host: str, name: str, **more: Any) -> WantedEntry:
    """Return the wish for a pushed model under a name."""
    return WantedEntry(name=name, pull=Pull(source=f"{host}/{model.repository}", insecure=True), **more)


def listing(*entries: WantedEntry) -> str:
    return dump(WantedDocument(models=tuple(entries)))


def until(what: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until `what` is true.

    Raises:
        AssertionError: it was not by then.
    """
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


class Agent(Server):
    """`python -m replica_agent` on free loopback ports.

    Attributes:
        gate: base URL for clients.
        face: base URL of probes, metrics and the report.
        ledger: its ledger file.
        account: folder with its token.
    """

    def __init__(self, folder: Path, ollama_url: str, api: ApiServer | None, **settings: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        gate, face = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.gate, self.face = f"http://{gate}", f"http://{face}"
        self.ledger = folder / "ledger.json"
        self.wanted_file = folder / "wanted.json"
        self.account = folder / "account"
        self.account.mkdir(exist_ok=True)
        (self.account / "token").write_text("first\n")
        where = None
        if api is not None:
            where = {"configMap": CONFIG_MAP, "key": KEY, "url": api.url, "account": str(self.account)}
        config = folder / "config.json"
        document = {
            "server": "chat",
            "ollamaUrl": ollama_url,
            "gateListen": gate,
            "agentListen": face,
            "wantedFile": str(self.wanted_file),
            "ledgerFile": str(self.ledger),
            "api": where,
            "lookSeconds": 1,
            "drainSettleSeconds": 0.5,
            "drainLimitSeconds": 30,
            "policy": {"noProgressS": 2, "deadlineS": 30},
        }
        config.write_text(json.dumps(document | settings))
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "POD_NAMESPACE": NAMESPACE,
            "POD_NAME": "chat-0",
            "POD_UID": "6a1f",
        }
        command = [sys.executable, "-m", "replica_agent", "--config", str(config)]
        super().__init__(command, ready=f"{self.face}/healthz", log=folder / "agent.log", env=env)

    @property
    def pid(self) -> int:
        """Process id of the running agent."""
        assert self._process is not None
        return self._process.pid

    def exit_code(self) -> int:
        """Wait for the agent's own end and return its status."""
        assert self._process is not None
        return self._process.wait(20)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.face + path, timeout=60, trust_env=False)

    def report(self) -> ReplicaReport:
        return ReplicaReport.model_validate_json(self.get("/v1/models").raise_for_status().content)

    def model(self, name: str) -> ModelReport:
        return next(model for model in self.report().models if model.name == name)

    def phases(self) -> list[str]:
        return [model.phase for model in self.report().models]

    def ready(self) -> bool:
        return self.get("/readyz").status_code == 200

    def wait_ready(self, *names: str, seconds: float = 60.0) -> None:
        """Wait until exactly these models are wanted, and all are Ready."""

        def there() -> bool:
            report = self.report()
            return [model.name for model in report.models] == list(names) and report.phase == "Ready"

        until(there, seconds)

    def metric(self, name: str, **labels: str) -> float:
        """Sum of a metric's series with these labels; 0 when there is none."""
        total = 0.0
        for line in self.get("/metrics").raise_for_status().text.splitlines():
            match = _METRIC.match(line)
            if match and match[1] == f"replica_{name}":
                found = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
                if labels.items() <= found.items():
                    total += float(match[3])
        return total

    def logged(self, name: str) -> list[dict[str, Any]]:
        """The log's events of one kind."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]


def names_of(ollama_url: str) -> list[str]:
    """Return what an Ollama lists, sorted."""
    found: Sequence[dict[str, str]] = httpx.get(f"{ollama_url}/api/tags", trust_env=False).json()["models"] or []
    return sorted(model["name"] for model in found)


def delete(ollama_url: str, name: str) -> None:
    """Delete a model behind the agent's back."""
    answer = httpx.request("DELETE", f"{ollama_url}/api/delete", json={"model": name}, trust_env=False)
    answer.raise_for_status()


def create_talker(ollama_url: str, name: str = "talker:1") -> None:
    """Create a tiny model whose context is long enough for answers that take seconds.

    After the prompt `a` it writes 2,281 tokens, always the same: with more threads than one, sums come in another
    order and so the noise is another one; and threads that wait for each other crawl on a busy machine.
    """
    short, long = (b"llama.context_length" + struct.pack("<II", 4, size) for size in (256, 16384))
    data = tiny_gguf(7)
    assert data.count(short) == 1
    data = data.replace(short, long)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    with httpx.Client(base_url=ollama_url, timeout=60, trust_env=False) as http:
        http.post(f"/api/blobs/{digest}", content=data).raise_for_status()
        parameters = {"num_ctx": 16384, "num_thread": 1, "temperature": 0, "seed": 1}
        request = {"model": name, "files": {"t.gguf": digest}, "parameters": parameters, "stream": False}
        http.post("/api/create", json=request).raise_for_status()
