"""One order out of several: reciprocal rank fusion, then bounded factors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from uuid import UUID

from echo.memory.kinds import Arm
from echo.memory.records import ArmTrace
from echo.memory.retrieval.vector import Found
from echo.memory.weights import RetrievalWeights


def weight_of(weights: RetrievalWeights, arm: Arm) -> float:
    """An arm's weight in the sum."""
    return {Arm.VECTOR: weights.vector, Arm.TEXT: weights.text, Arm.GRAPH: weights.graph}[arm]


def fuse(arms: Mapping[Arm, Sequence[Found]], weights: RetrievalWeights) -> dict[UUID, float]:
    """Every memory that any arm found, with the sum of ``weight / (k + rank)`` over the arms; best first, ties by id.

    Ranks and not scores are added, since a cosine and a BM25 have no common scale.
    """
    sums: dict[UUID, float] = {}
    for arm in Arm:
        for rank, found in enumerate(arms.get(arm, ()), start=1):
            sums[found.id] = sums.get(found.id, 0.0) + weight_of(weights, arm) / (weights.rrf_k + rank)
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def traces(arms: Mapping[Arm, Sequence[Found]]) -> dict[UUID, tuple[ArmTrace, ...]]:
    """For each memory, the arms that found it."""
    collected: dict[UUID, list[ArmTrace]] = {}
    for arm in Arm:
        for rank, found in enumerate(arms.get(arm, ()), start=1):
            collected.setdefault(found.id, []).append(ArmTrace(arm=arm, rank=rank, score=found.score))
    return {identity: tuple(several) for identity, several in collected.items()}


def factor(value: float, bound: float) -> float:
    """``1 - bound`` for 0, 1 for a half, ``1 + bound`` for 1."""
    return 1 + bound * (2 * min(1.0, max(0.0, value)) - 1)


def named(source: str, text: str) -> bool:
    """Whether a word of the source's name, of two letters or more, stands in a text."""
    asked = set(_WORD.findall(text.casefold()))
    return any(word in asked for word in _WORD.findall(source.casefold()))


def recency(age_days: float, scale_days: float) -> float:
    """1 for now, falling to 1/e after the scale; what lies ahead counts as now."""
    return math.exp(-max(0.0, age_days) / scale_days)


_WORD = re.compile(r"\w{2,}")
