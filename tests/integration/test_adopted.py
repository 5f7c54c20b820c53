"""Proves that a server outside the cluster gets its models, and keeps what was its own when the stack goes.

The server is a real Ollama on loopback, and so is the registry that it pulls from; no pod takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.faulty_proxy import FaultyProxy
from tests.support.ollama_process import OllamaProcess, find_ollama
from tests.support.processes import free_port
from tests.support.registry import Registry, find_registry
from tests.support.stack import LiveStack
from tests.support.tiny_model import PushedModel, create_tiny, push_tiny

pytestmark = [pytest.mark.cluster, pytest.mark.ollama, pytest.mark.timeout(200)]

OWN = "own:1"
WANTED = "wanted:1"


@dataclass(frozen=True)
class Outside:
    """A server with a model of its own, and a registry with another one."""

    server: OllamaProcess
    model: PushedModel
    source: str

    def names(self) -> set[str]:
        """Return what the server lists."""
        listed = httpx.get(f"{self.server.url}/api/tags", trust_env=False).raise_for_status().json()["models"]
        return {str(one["name"]) for one in listed}


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    homes = {name: tmp_path / name for name in ("server", "builder", "registry")}
    for home in homes.values():
        home.mkdir()
    with (
        Registry(find_registry(), homes["registry"]) as registry,
        FaultyProxy(registry.host) as front,
        OllamaProcess(find_ollama(), homes["server"]) as server,
    ):
        with OllamaProcess(find_ollama(), homes["builder"]) as builder:
            model = push_tiny(builder.url, registry.host, f"library/{WANTED}", 2)
        create_tiny(server.url, OWN, 1)
        yield Outside(server, model, f"{front.host}/{model.repository}")


def test_it_gets_its_models_and_keeps_its_own(outside: Outside, make_stack: Callable[[str], LiveStack]) -> None:
    stack = make_stack("adopted")
    models = [{"name": WANTED, "source": outside.source, "digest": outside.model.digest}, {"name": OWN}]
    stack.configure(
        {"modelStore": {"enabled": False}, "servers": [{"name": "desk", "url": outside.server.url, "models": models}]}
    )
    stack.up()
    assert outside.names() == {OWN, WANTED}
    assert set(stack.up("--expect-no-changes").changes) == {"same"}
    # Taken away by hand, and mended.
    gone = httpx.request("DELETE", f"{outside.server.url}/api/delete", json={"model": WANTED}, trust_env=False)
    gone.raise_for_status()
    assert stack.up("--refresh").touched == {f"desk-{WANTED}": "create"}
    assert outside.names() == {OWN, WANTED}
    stack.destroy()
    assert outside.names() == {OWN}


def test_a_server_that_does_not_answer_is_named_in_bounded_time(make_stack: Callable[[str], LiveStack]) -> None:
    stack = make_stack("silent")
    url = f"http://127.0.0.1:{free_port()}"
    stack.configure(
        {"modelStore": {"enabled": False}, "servers": [{"name": "desk", "url": url, "models": [{"name": OWN}]}]}
    )
    outcome = stack.try_up(limit_s=120)
    assert outcome.code > 0
    assert outcome.seconds < 120
    assert any(url in line and OWN in line for line in outcome.output.splitlines()), outcome.output
    assert "Traceback" not in outcome.output
