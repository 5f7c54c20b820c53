"""How two memories relate, judged from their words and vectors alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from echo.memory.kinds import MemoryKind

_WORD = re.compile(r"\w+(?:[.,:]\d+)*(?:n't)?")
_NEGATIONS = frozenset({"not", "no", "never", "none", "nobody", "nothing", "without", "cannot", "neither", "nor"})
_FACT = ("subject", "attribute", "value")


class Relation(Enum):
    """What one memory is to another."""

    DUPLICATE = "duplicate"
    CONTRADICTION = "contradiction"
    ALIKE = "alike"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """From where on two memories are the same, about the same, or alike."""

    same_cosine: float = 0.95
    same_words: float = 0.8
    about_cosine: float = 0.8
    about_words: float = 0.6
    alike_cosine: float = 0.7


@dataclass(frozen=True, kw_only=True)
class Statement:
    """As much of a memory as is compared."""

    id: UUID
    content: str
    kind: MemoryKind
    source: str
    recorded_at: datetime
    valid_from: datetime
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Words:
    """What a statement says, taken apart."""

    plain: frozenset[str]
    """Words that are neither numbers nor negations."""
    numbers: frozenset[str]
    negated: bool

    @property
    def all(self) -> frozenset[str]:
        """Every word of it."""
        return self.plain | self.numbers


def words_of(text: str) -> Words:
    """Take a text apart."""
    found = [word.lower() for word in _WORD.findall(text.replace("\u2019", "'"))]
    numbers = frozenset(word for word in found if any(character.isdigit() for character in word))
    negations = [word for word in found if word in _NEGATIONS or word.endswith("n't")]
    return Words(frozenset(found) - numbers - frozenset(negations), numbers, len(negations) % 2 == 1)


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared words over all words; 1 for two empty texts."""
    union = one | other
    return len(one & other) / len(union) if union else 1.0


def relation(one: Statement, other: Statement, cosine: float, thresholds: Thresholds) -> Relation:
    """What two memories are to each other; the same whichever comes first.

    Two texts are the same only when vector, words, numbers and negation all agree: a vector alone takes "at 7" for
    "at 8". They contradict each other when they are facts (semantic) about the same that differ in a number or in
    being denied, or name another value for the same subject and attribute.
    """
    facts = _fact(one), _fact(other)
    if facts[0] is not None and facts[1] is not None and facts[0][:2] == facts[1][:2]:
        if facts[0][2] != facts[1][2]:
            return Relation.CONTRADICTION
    elif facts[0] is not None and facts[1] is not None:
        return Relation.ALIKE if cosine >= thresholds.alike_cosine else Relation.NONE
    mine, yours = words_of(one.content), words_of(other.content)
    agree = mine.numbers == yours.numbers and mine.negated == yours.negated
    shared = jaccard(mine.plain, yours.plain)
    if agree and one.kind is other.kind and cosine >= thresholds.same_cosine and shared >= thresholds.same_words:
        return Relation.DUPLICATE
    both_facts = one.kind is MemoryKind.SEMANTIC and other.kind is MemoryKind.SEMANTIC
    differ = mine.negated != yours.negated or (
        mine.numbers != yours.numbers and len(mine.numbers) == len(yours.numbers)
    )
    if both_facts and differ and cosine >= thresholds.about_cosine and shared >= thresholds.about_words:
        return Relation.CONTRADICTION
    return Relation.ALIKE if cosine >= thresholds.alike_cosine else Relation.NONE


def newer(one: Statement, other: Statement) -> tuple[Statement, Statement]:
    """(newer, older) by since when they hold, then by when they were told."""
    first, second = sorted((one, other), key=lambda each: (each.valid_from, each.recorded_at, each.id))
    return second, first


def _fact(statement: Statement) -> tuple[str, str, str] | None:
    if statement.kind is not MemoryKind.SEMANTIC:
        return None
    parts = [statement.metadata.get(name) for name in _FACT]
    if not all(isinstance(part, str) and part.strip() for part in parts):
        return None
    subject, attribute, value = (str(part).strip().lower() for part in parts)
    return subject, attribute, value
