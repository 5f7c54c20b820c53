"""Coherence, for any web of beliefs: bounded, blind to scale, never lowered by resolving, resolved once and for all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo.cognition.coherence import (
    Coherence,
    Constraint,
    alignment,
    continuity,
    of_constraints,
    ratio,
    settle,
    support,
)
from tests.unit.echo.cognition.brief import BRIEF

NODES = st.integers(0, 7)
CONSTRAINTS = st.lists(
    st.builds(Constraint, NODES, NODES, st.floats(0.01, 1), st.booleans()).filter(lambda one: one.one != one.other),
    max_size=25,
)
HELD = st.frozensets(NODES)
EVIDENCE = st.dictionaries(NODES, st.floats(0, 0.99))
SHARE = st.floats(0, 1)
CLAIMS = st.dictionaries(st.text(max_size=3), st.floats(0.01, 0.99), max_size=8)


@BRIEF
@given(CONSTRAINTS, HELD)
def test_it_is_a_share(constraints: list[Constraint[int]], held: frozenset[int]) -> None:
    value = of_constraints(constraints, held)
    assert (value is None) == (not constraints)
    assert value is None or 0 <= value <= 1


@BRIEF
@given(CONSTRAINTS, HELD, st.floats(0.1, 100))
def test_only_the_proportion_of_weights_counts(
    constraints: list[Constraint[int]], held: frozenset[int], factor: float
) -> None:
    scaled = [Constraint(c.one, c.other, c.weight * factor, c.positive) for c in constraints]
    value = of_constraints(constraints, held)
    assert of_constraints(scaled, held) == (None if value is None else pytest.approx(value))


@BRIEF
@given(CONSTRAINTS, HELD)
def test_a_contradiction_lowers_and_support_raises(constraints: list[Constraint[int]], held: frozenset[int]) -> None:
    both = held | {8, 9}
    value = of_constraints(constraints, both)
    disputed = of_constraints([*constraints, Constraint(8, 9, 1.0, positive=False)], both)
    supported = of_constraints([*constraints, Constraint(8, 9, 1.0, positive=True)], both)
    assert disputed is not None
    assert supported is not None
    assert disputed <= (1 if value is None else value) <= supported or value is None
    assert disputed <= supported


@BRIEF
@given(CONSTRAINTS, HELD, EVIDENCE, st.floats(0, 1))
def test_resolving_never_lowers_it_and_ends(
    constraints: list[Constraint[int]], held: frozenset[int], evidence: dict[int, float], margin: float
) -> None:
    before = of_constraints(constraints, held)
    done = settle(constraints, held, evidence, margin=margin)
    losers = [loser for loser, _ in done.rejected]
    assert len(set(losers)) == len(losers) <= len(held)
    assert set(losers) <= held
    kept = held - set(losers)
    after = of_constraints(constraints, kept)
    if before is not None and after is not None:
        assert after >= before - 1e-9
    again = settle(constraints, kept, evidence, margin=margin)
    assert (again.rejected, again.left) == ((), done.left)


@BRIEF
@given(CONSTRAINTS, HELD, EVIDENCE)
def test_what_nothing_contradicts_is_never_given_up(
    constraints: list[Constraint[int]], held: frozenset[int], evidence: dict[int, float]
) -> None:
    disputed = {end for c in constraints if not c.positive for end in (c.one, c.other)}
    assert {loser for loser, _ in settle(constraints, held, evidence, margin=0.25).rejected} <= disputed


@BRIEF
@given(st.floats(0, 0.99), st.floats(0, 0.99))
def test_the_side_with_more_behind_it_wins_and_even_ones_are_left(one: float, other: float) -> None:
    done = settle([Constraint("a", "b", 1.0, positive=False)], {"a", "b"}, {"a": one, "b": other}, margin=0.25)
    if abs(one - other) >= 0.25 + 1e-9:
        assert done.rejected == ((("b", "a") if one > other else ("a", "b")),)
        assert done.left == 0
    elif abs(one - other) < 0.25 - 1e-9:
        assert (done.rejected, done.left) == ((), 1)


def test_a_belief_that_others_support_outweighs_one_that_stands_alone() -> None:
    web = [
        Constraint("a", "b", 1.0, positive=False),
        Constraint("a", "c", 0.8, positive=True),
        Constraint("d", "a", 0.8, positive=True),
    ]
    assert settle(web, {"a", "b", "c", "d"}, {}, margin=0.25).rejected == (("b", "a"),)


def test_having_won_before_is_no_evidence() -> None:
    web = [Constraint("a", "old", 1.0, positive=False), Constraint("a", "b", 1.0, positive=False)]
    done = settle(web, {"a", "b"}, {"a": 0.5, "b": 0.5}, margin=0.25)
    assert (done.rejected, done.left) == ((), 1)


@BRIEF
@given(st.integers(0, 10_000))
def test_more_evidence_supports_more_and_never_wholly(sources: int) -> None:
    assert 0 <= support(sources) < support(sources + 1) < 1


@BRIEF
@given(CLAIMS, CLAIMS)
def test_continuity_is_symmetric_and_1_for_the_same_self_alone(one: dict[str, float], other: dict[str, float]) -> None:
    value = continuity(one, other)
    assert value == continuity(other, one)
    assert value is None or 0 <= value <= 1
    assert (value == 1) == (one == other and bool(one))


@BRIEF
@given(CLAIMS.filter(bool), st.floats(0.01, 0.99))
def test_a_new_claim_makes_for_less_continuity(claims: dict[str, float], confidence: float) -> None:
    value = continuity(claims, {**claims, "quite new": confidence})
    assert value is not None
    assert value < 1


@BRIEF
@given(st.lists(st.tuples(SHARE, SHARE), max_size=8))
def test_alignment_lies_among_its_relevances(pairs: list[tuple[float, float]]) -> None:
    value = alignment(pairs)
    counted = [relevance for priority, relevance in pairs if priority > 0]
    if value is not None:
        assert min(counted) - 1e-9 <= value <= max(counted) + 1e-9


@BRIEF
@given(st.none() | SHARE, st.none() | SHARE, st.none() | SHARE)
def test_the_whole_is_the_mean_of_what_can_be_measured(
    facts: float | None, identity: float | None, goals: float | None
) -> None:
    parts = [part for part in (facts, identity, goals) if part is not None]
    value = Coherence(facts=facts, identity=identity, goals=goals).value
    assert value == (pytest.approx(sum(parts) / len(parts)) if parts else None)


def test_nothing_to_measure_is_no_number() -> None:
    assert Coherence().value is None
    assert ratio(0, 0) is None
    assert of_constraints([], {1}) is None
    assert continuity({}, {}) is None
    assert alignment([(0.0, 1.0)]) is None
