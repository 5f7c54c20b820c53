"""Loads, unloads and memory out of what Ollama says is in memory.

Ollama's answers are stand-ins here; tests/replica_agent/test_gate.py shows a real one's.
"""

from __future__ import annotations

import httpx
import pytest
from prometheus_client import CollectorRegistry

from ollama import OllamaClient
from replica_agent.loaded import Loaded

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def label(name: str | None) -> str:
    return name if name in {"a:1", "b:1"} else "other"


async def seen(*answers: list[tuple[str, int, int]] | None) -> CollectorRegistry:
    """Look once for each answer; None is no answer."""
    left = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        models = left.pop(0)
        if models is None:
            return httpx.Response(500, json={"error": "gone"})
        rows = [{"name": name, "size": size, "size_vram": part} for name, size, part in models]
        return httpx.Response(200, json={"models": rows})

    registry = CollectorRegistry()
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://ollama") as http:
        loaded = Loaded(OllamaClient(http, "chat-0"), label)
        registry.register(loaded)
        for _ in answers:
            await loaded.look()
    return registry


async def test_memory_is_that_of_the_last_look_and_unknown_names_are_added_up() -> None:
    registry = await seen([("a:1", 100, 60), ("x:1", 5, 1), ("y:1", 7, 2)])
    assert registry.get_sample_value("replica_model_memory_bytes", {"model": "a:1"}) == 100
    assert registry.get_sample_value("replica_model_gpu_memory_bytes", {"model": "a:1"}) == 60
    assert registry.get_sample_value("replica_model_memory_bytes", {"model": "other"}) == 12
    assert registry.get_sample_value("replica_models_loaded") == 3


async def test_comings_and_goings_are_counted_once() -> None:
    a, b = ("a:1", 1, 0), ("b:1", 1, 0)
    registry = await seen([a], [a], [a, b], [b], [a])
    assert registry.get_sample_value("replica_model_loads_total", {"model": "a:1"}) == 2
    assert registry.get_sample_value("replica_model_loads_total", {"model": "b:1"}) == 1
    assert registry.get_sample_value("replica_model_unloads_total", {"model": "a:1"}) == 1
    assert registry.get_sample_value("replica_model_unloads_total", {"model": "b:1"}) == 1
    assert registry.get_sample_value("replica_model_memory_bytes", {"model": "b:1"}) is None


async def test_an_ollama_that_does_not_answer_has_nothing_in_memory() -> None:
    registry = await seen([("a:1", 1, 0)], None)
    assert registry.get_sample_value("replica_model_unloads_total", {"model": "a:1"}) == 1
    assert registry.get_sample_value("replica_models_loaded") == 0
