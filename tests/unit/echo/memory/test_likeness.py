"""Which memories are the same, contradict each other, or are only alike; symmetric, and careful about numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo.memory.kinds import MemoryKind
from echo.memory.likeness import Relation, Statement, Thresholds, jaccard, newer, relation, words_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
THRESHOLDS = Thresholds()


def _statement(content: str, kind: MemoryKind = MemoryKind.SEMANTIC, number: int = 1, **changes: Any) -> Statement:
    fields: dict[str, Any] = {"source": "", "recorded_at": NOW, "valid_from": NOW, "metadata": {}, **changes}
    return Statement(id=UUID(int=number), content=content, kind=kind, **fields)


CASES = [
    ("The door is red", "the door is red!", 0.99, Relation.DUPLICATE),
    ("The door is red", "the door is red!", 0.90, Relation.ALIKE),
    ("The door is red", "The window is red and old and large", 0.99, Relation.ALIKE),
    ("Lunch is at 12:30", "Lunch is at 13:30", 0.97, Relation.CONTRADICTION),
    ("Lunch is at 12:30", "Lunch is at 13:30", 0.70, Relation.ALIKE),
    ("The shop is open", "The shop is not open", 0.95, Relation.CONTRADICTION),
    ("The shop isn't open", "The shop is not open", 0.96, Relation.ALIKE),
    ("Anna paid 5 of 7", "Anna paid 5", 0.95, Relation.ALIKE),
    ("Cats purr", "Stocks fell", 0.1, Relation.NONE),
]


@pytest.mark.parametrize(("one", "other", "cosine", "expected"), CASES)
def test_relations(one: str, other: str, cosine: float, expected: Relation) -> None:
    assert relation(_statement(one), _statement(other, number=2), cosine, THRESHOLDS) is expected


def test_only_facts_contradict() -> None:
    episode = MemoryKind.EPISODIC
    one, other = _statement("We met at 7", episode), _statement("We met at 8", episode, number=2)
    assert relation(one, other, 0.99, THRESHOLDS) is Relation.ALIKE
    assert relation(one, _statement("We met at 7", number=2), 0.99, THRESHOLDS) is Relation.ALIKE


def test_named_facts() -> None:
    def fact(value: str, attribute: str = "home") -> Statement:
        return _statement(value, metadata={"subject": "Anna", "attribute": attribute, "value": value})

    assert relation(fact("Bonn"), fact("Kiel"), 0.2, THRESHOLDS) is Relation.CONTRADICTION
    assert relation(fact("Bonn"), fact("Bonn", "birthplace"), 0.99, THRESHOLDS) is Relation.ALIKE
    assert relation(fact("Bonn"), fact("bonn "), 0.99, THRESHOLDS) is Relation.DUPLICATE


TEXTS = st.lists(st.sampled_from(["a", "red", "7", "8", "not", "door", "isn't", "12:30"]), max_size=6).map(" ".join)


@given(TEXTS, TEXTS, st.floats(-1, 1), st.sampled_from(list(MemoryKind)), st.sampled_from(list(MemoryKind)))
def test_the_order_does_not_matter(one: str, other: str, cosine: float, kind: MemoryKind, second: MemoryKind) -> None:
    left, right = _statement(one, kind), _statement(other, second, number=2)
    found = relation(left, right, cosine, THRESHOLDS)
    assert found is relation(right, left, cosine, THRESHOLDS)
    if found is Relation.DUPLICATE:
        assert words_of(one).numbers == words_of(other).numbers
        assert words_of(one).negated == words_of(other).negated


@given(st.frozensets(st.integers()), st.frozensets(st.integers()))
def test_jaccard(one: frozenset[int], other: frozenset[int]) -> None:
    left, right = frozenset(map(str, one)), frozenset(map(str, other))
    assert 0 <= jaccard(left, right) == jaccard(right, left) <= 1
    assert jaccard(left, left) == 1


def test_the_newer_is_what_holds_later() -> None:
    early = _statement("a", recorded_at=NOW + timedelta(1))
    late = _statement("b", number=2, valid_from=NOW + timedelta(2))
    assert newer(early, late) == newer(late, early) == (late, early)
