"""Coherence: how far what is believed, what one is, and what one wants agree with each other. Measured, never set."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)


@dataclass(frozen=True)
class Constraint(Generic[Node]):
    """Two beliefs that should be held together, or that cannot be."""

    one: Node
    other: Node
    weight: float
    """Above 0."""
    positive: bool
    """They support each other; where not, they contradict each other."""


@dataclass(frozen=True)
class Settled(Generic[Node]):
    """What resolving contradictions came to."""

    rejected: tuple[tuple[Node, Node], ...]
    """(the belief that is given up, the one that is kept), in the order in which they were settled."""
    left: int
    """Contradictions where neither side has decidedly more behind it: they stay, and are told."""


@dataclass(frozen=True, kw_only=True)
class Coherence:
    """The whole, and what it is made of; None where there is nothing to measure."""

    facts: float | None = None
    """Of memories with each other."""
    identity: float | None = None
    """Of the self with what it was before."""
    goals: float | None = None
    """Of what happens with what is wanted."""

    @property
    def value(self) -> float | None:
        """The mean of the parts that can be measured, 0 to 1."""
        parts = [part for part in (self.facts, self.identity, self.goals) if part is not None]
        return sum(parts) / len(parts) if parts else None


def ratio(satisfied: float, total: float) -> float | None:
    """Weight of satisfied constraints over the weight of all, 0 to 1; None without any."""
    return min(1.0, max(0.0, satisfied / total)) if total > 0 else None


def of_constraints(constraints: Sequence[Constraint[Node]], accepted: Collection[Node]) -> float | None:
    """Coherence as constraint satisfaction (Thagard and Verbeurgt, 1998).

    A positive constraint is satisfied where both of its beliefs are held or both are not; a negative one where
    exactly one of them is.
    """
    held = set(accepted)
    satisfied = math.fsum(c.weight for c in constraints if ((c.one in held) == (c.other in held)) == c.positive)
    return ratio(satisfied, math.fsum(c.weight for c in constraints))


def settle(
    constraints: Sequence[Constraint[Node]],
    accepted: Collection[Node],
    evidence: Mapping[Node, float],
    *,
    margin: float,
    most: int = 100,
) -> Settled[Node]:
    """Give beliefs up until coherence rises no more: the greedy way of Thagard and Verbeurgt.

    Of each contradiction between two held beliefs, the side whose loss costs less is given up, where that makes the
    whole more coherent and the other side's loss would cost decidedly more. Evidence counts as their data priority:
    each belief is tied to what was observed by a constraint of that weight. Every step gives one belief up, so it
    ends; no step lowers coherence; doing it again changes nothing.

    Args:
        constraints: that bear on the contradictions.
        accepted: what is held.
        evidence: how much was observed for each, at least 0.
        margin: by how much the two losses must differ, as a share of the contradiction's weight.
        most: beliefs that are given up in one go.
    """
    held = set(accepted)
    touching: dict[Node, list[Constraint[Node]]] = defaultdict(list)
    for one in constraints:
        touching[one.one].append(one)
        touching[one.other].append(one)
    order = [c for c in constraints if not c.positive]

    def gain(node: Node, *, judging: bool) -> float:
        """What giving a belief up adds to the weight that is satisfied."""
        change = -evidence.get(node, 0.0)
        for c in touching[node]:
            together = (c.other if c.one == node else c.one) in held
            # That it won over a third belief earlier says nothing for it against this one.
            if c.one == c.other or (judging and not c.positive and not together):
                continue
            # Held now; both ends held satisfies a positive constraint and breaks a negative one.
            change += c.weight if together != c.positive else -c.weight
        return change

    rejected: list[tuple[Node, Node]] = []
    while len(rejected) < most:
        best: tuple[float, int] | None = None
        for i, c in enumerate(order):
            if c.one not in held or c.other not in held:
                continue
            first, second = gain(c.one, judging=True), gain(c.other, judging=True)
            risen = gain(c.one if first > second else c.other, judging=False)
            if risen > 0 and first != second and abs(first - second) >= margin * c.weight:
                found = (risen, -i)
                best = found if best is None else max(best, found)
        if best is None:
            break
        c = order[-best[1]]
        worse = gain(c.one, judging=True) > gain(c.other, judging=True)
        loser, winner = (c.one, c.other) if worse else (c.other, c.one)
        held.discard(loser)
        rejected.append((loser, winner))
    left = sum(1 for c in order if c.one in held and c.other in held)
    return Settled(tuple(rejected), left)


def support(sources: int) -> float:
    """How much a belief rests on what was observed, 0 to below 1: ``n / (1 + n)``.

    Args:
        sources: independent pieces of evidence that it came from, at least 0.
    """
    return sources / (1 + sources)


def continuity(before: Mapping[str, float], now: Mapping[str, float]) -> float | None:
    """How much of a self is left: Ruzicka's similarity of its claims by confidence, 0 to 1; None for two empty ones."""
    keys = before.keys() | now.keys()
    most = math.fsum(max(before.get(key, 0.0), now.get(key, 0.0)) for key in keys)
    least = math.fsum(min(before.get(key, 0.0), now.get(key, 0.0)) for key in keys)
    return ratio(least, most)


def alignment(relevances: Sequence[tuple[float, float]]) -> float | None:
    """How much of what is wanted was taken up lately: the mean relevance of each goal by its priority, 0 to 1.

    Args:
        relevances: (priority, highest relevance of a recent experience), each 0 to 1.

    Returns:
        None without a goal of any priority.
    """
    total = math.fsum(priority for priority, _ in relevances)
    return ratio(math.fsum(priority * relevance for priority, relevance in relevances), total)
