"""Retrieval quality on long conversations: our arms and others' on the same turns, questions and vectors."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np

from echo.driver import connect
from echo.memory import Arm, MemorySpace, MemoryStore, NewMemory, Query, RetrievalWeights
from tests.bench.locomo import Conversation, Turn
from tests.bench.retrieval_arms import BM25, Stems, Vectors, additive, best, cosines, recall

CUTS = (5, 10, 20)
BATCH = 500
BESIDE = 2
"""Turns before one that are its context."""
Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True)
class Ours:
    """One way to run our retrieval."""

    name: str
    weights: RetrievalWeights = field(default_factory=RetrievalWeights)
    arms: tuple[Arm, ...] = (Arm.VECTOR, Arm.TEXT, Arm.GRAPH)


@dataclass
class Scores:
    """Recall of one arm, by cut and by category."""

    by_cut: dict[int, list[float]] = field(default_factory=lambda: {cut: [] for cut in CUTS})
    by_category: dict[int, list[float]] = field(default_factory=dict[int, list[float]])

    def add(self, found: Sequence[str], wanted: frozenset[str], category: int) -> None:
        """Score one question."""
        for cut in CUTS:
            self.by_cut[cut].append(recall(found, wanted, cut))
        self.by_category.setdefault(category, []).append(recall(found, wanted, 10))

    def line(self) -> str:
        """Means: R@5, R@10, R@20, then R@10 of each category."""
        parts = [f"{fmean(self.by_cut[cut]):.3f}" for cut in CUTS]
        parts += [f"{fmean(self.by_category[one]):.3f}" for one in sorted(self.by_category)]
        return " ".join(parts)


def as_memory(turn: Turn, before: Sequence[Turn], vector: Vectors) -> NewMemory:
    """A turn as one memory; the turns before and the session's date are its context."""
    return NewMemory(
        content=turn.said,
        context=context_of(turn, before),
        embedding=vector,  # pyright: ignore[reportArgumentType]
        occurred_at=turn.at,
        source=turn.speaker,
        session=turn.session,
        source_ids=[turn.dia_id],
    )


def context_of(turn: Turn, before: Sequence[Turn]) -> str:
    """What stands beside a turn: the session's date and what was said just before."""
    return "\n".join([turn.date, *(one.said for one in before)])


def befores(turns: Sequence[Turn]) -> list[list[Turn]]:
    """For each turn, those of its session just before it."""
    return [
        [one for one in turns[max(0, i - BESIDE) : i] if one.session == turn.session] for i, turn in enumerate(turns)
    ]


async def stems(url: str, texts: Sequence[str]) -> list[Stems]:
    """Each text's stems by PostgreSQL's own stemmer, for the references too."""
    connection = await connect(url, timeout=30)
    try:
        rows = await connection.fetch(
            "SELECT (SELECT json_object_agg(lexeme, cardinality(positions)) "
            "FROM unnest(to_tsvector('english', t)))::text AS stems "
            "FROM unnest($1::text[]) WITH ORDINALITY AS g (t, place) ORDER BY place",
            list(texts),
        )
    finally:
        await connection.close()
    return [json.loads(row["stems"]) if row["stems"] is not None else {} for row in rows]


async def run(
    store: MemoryStore, url: str, conversations: Sequence[Conversation], embed: Embed, ours: Sequence[Ours]
) -> dict[str, Scores]:
    """Every arm on every conversation, each in a space of its own."""
    scores: dict[str, Scores] = {}
    for conversation in conversations:
        name = conversation.name.lower()
        await store.create_space(name)
        space = store.space(name)
        await _encode(space, conversation, embed)
        await space.consolidate()
        await _references(url, conversation, embed, scores)
        asked = embed([question.text for question in conversation.questions])
        for way in ours:
            for question, vector in zip(conversation.questions, asked, strict=True):
                query = Query(
                    text=question.text, embedding=vector, limit=max(CUTS), arms=way.arms, touch=False,  # pyright: ignore[reportArgumentType]
                )  # fmt: skip
                found = await space.retrieve(query, weights=way.weights)
                ids = [hit.memory.source_ids[0] for hit in found.hits]
                scores.setdefault(way.name, Scores()).add(ids, question.evidence, question.category)
        await space.delete()
    return scores


async def _encode(space: MemorySpace, conversation: Conversation, embed: Embed) -> None:
    turns = conversation.turns
    vectors = embed([turn.said for turn in turns])
    batch = [as_memory(*each) for each in zip(turns, befores(turns), vectors, strict=True)]
    for start in range(0, len(batch), BATCH):
        await space.encode(batch[start : start + BATCH])


async def _references(url: str, conversation: Conversation, embed: Embed, scores: dict[str, Scores]) -> None:
    turns = conversation.turns
    ids = [turn.dia_id for turn in turns]
    plain = await stems(url, [f"{turn.said} {turn.date}" for turn in turns])
    asked = await stems(url, [question.text for question in conversation.questions])
    words = BM25(plain)
    around = [f"{context_of(*each)}\n{each[0].said}" for each in zip(turns, befores(turns), strict=True)]
    beside = BM25(await stems(url, around))
    vectors = embed([turn.said for turn in turns])
    questions = embed([question.text for question in conversation.questions])
    for question, stemmed, vector in zip(conversation.questions, asked, questions, strict=True):
        cosine = cosines(vectors, vector)
        ranked = {"vector alone": best(cosine, max(CUTS))}
        for suffix, scored in (("", words), (" with context", beside)):
            bm25 = scored.scores(stemmed)
            ranked[f"BM25 alone{suffix}"] = best(bm25, max(CUTS), above=0)
            ranked[f"mem0's scheme{suffix}"] = additive(cosine, bm25, len(stemmed), max(CUTS))
        for name, places in ranked.items():
            found = [ids[i] for i in places]
            scores.setdefault(name, Scores()).add(found, question.evidence, question.category)


def unit(vectors: Sequence[Sequence[float]]) -> Vectors:
    """Vectors as one array."""
    return np.asarray(vectors, dtype=np.float32)
