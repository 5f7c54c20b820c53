"""The bench of retrieval quality, on a small made-up set: it reads the format, and what it reports is what was found.

Not shown: that retrieval is good. A set this small says nothing about that; `make bench` with a real one does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from echo.memory import Arm, HashEmbedder, MemoryStore
from tests.bench.locomo import evidence, load
from tests.bench.quality import Ours, befores, context_of, run
from tests.bench.retrieval_arms import BM25, additive, best, recall
from tests.memory.conftest import Urls

pytestmark = pytest.mark.anyio

MADE_UP = Path(__file__).parents[1] / "bench" / "conversations.json"


def test_the_format() -> None:
    first, second = load(MADE_UP)
    assert (first.name, len(first.turns), len(first.questions)) == ("made-up-1", 19, 7)
    assert (
        first.turns[4].said
        == "Ines: Yes please! Look how the cat copes. [picture: a photo of a cat asleep on a radiator]"
    )
    assert (first.turns[6].dia_id, first.turns[6].session, first.turns[6].at.day) == ("D2:1", "session_2", 11)
    assert context_of(first.turns[6], befores(first.turns)[6]) == "6:40 pm on 11 March, 2024"
    assert "plumber came" in context_of(first.turns[7], befores(first.turns)[7])
    wanted = {question.text: question.evidence for question in first.questions}
    assert wanted["Where does Paul's sister work?"] == {"D2:2", "D2:4"}
    assert wanted["When is the half marathon?"] == {"D2:7"}
    assert wanted["What is the cat called?"] == {"D1:6"}
    assert len(second.questions) == 4
    assert evidence(["D1:3", "D4:012", "nothing"]) == {"D1:3", "D4:12"}


def test_the_references() -> None:
    words = BM25([{"cat": 2, "dog": 1}, {"cat": 1, "bird": 1}, {"fish": 4}])
    scores = words.scores({"cat": 1, "fish": 1})
    assert best(scores, 3) == [2, 0, 1]
    assert best(words.scores({"whale": 1}), 3, above=0) == []
    assert additive([0.05, 0.5, 0.4], [30.0, 0.0, 9.0], 3, 3) == [2, 1]
    assert recall(["a", "b", "c"], frozenset({"b", "x"}), 2) == 0.5


async def test_a_run(store: MemoryStore, urls: Urls) -> None:
    embedder = HashEmbedder(64)
    made: dict[str, list[float]] = {}
    for conversation in load(MADE_UP):
        texts = [question.text for question in conversation.questions]
        texts += [turn.said for turn in conversation.turns]
        made |= dict(zip(texts, map(list, await embedder.embed(texts)), strict=True))
    ours = [Ours("words", arms=(Arm.TEXT,)), Ours("all")]
    scores = await run(
        store, urls.service, load(MADE_UP), lambda texts: np.asarray([made[text] for text in texts], np.float32), ours
    )
    assert {"BM25 alone", "vector alone", "mem0's scheme", "words", "all"} <= set(scores)
    assert all(len(one.by_cut[10]) == 11 for one in scores.values())
    assert all(0 <= value <= 1 for one in scores.values() for values in one.by_cut.values() for value in values)
    assert sum(scores["words"].by_cut[10]) / 11 > 0.7
    assert await store.spaces() == []
