"""The formulas of retrieval, fading and learning, for any input: bounds, order, and what must never happen."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo.memory import fading
from echo.memory.ids import IdMaker
from echo.memory.kinds import Arm, AssociationKind, PatternTier, Tier
from echo.memory.learning import Learned, learn
from echo.memory.retrieval import fusion
from echo.memory.retrieval.graph import Activation, Edge, spread
from echo.memory.retrieval.vector import Found
from echo.memory.weights import ACTIVATION, FadingWeights, RetrievalWeights

UNIT = st.floats(0, 1)
FADES = FadingWeights()
IDS = [UUID(int=i) for i in range(1, 13)]
RANKED = st.lists(st.sampled_from(IDS), unique=True, max_size=10)


def _stability(**changes: float) -> float:
    values: dict[str, float] = {"importance": 0.5, "valence": 0.0, "arousal": 0.0, "access_count": 0} | changes
    return fading.stability_days(
        FADES, tier=Tier.SHORT_TERM, importance=values["importance"], valence=values["valence"],
        arousal=values["arousal"], access_count=int(values["access_count"]),
    )  # fmt: skip


@given(UNIT, st.floats(0, 1e5), st.floats(0, 1e5), st.floats(0.01, 1e4))
def test_retention_only_falls_and_stays_between_0_and_the_strength(
    strength: float, one: float, other: float, stability: float
) -> None:
    early, late = sorted((one, other))
    first, second = (fading.retention(strength, idle, stability) for idle in (early, late))
    assert 0 <= second <= first <= strength


@given(UNIT, UNIT)
def test_an_access_never_weakens_and_never_passes_1(left: float, gain: float) -> None:
    assert left - 1e-9 <= fading.reinforced(left, gain) <= 1 + 1e-9


@given(UNIT, UNIT, st.floats(-1, 1), UNIT, st.integers(0, 10_000))
def test_what_matters_moves_or_is_used_fades_slower(
    importance: float, more: float, valence: float, arousal: float, used: int
) -> None:
    low, high = sorted((importance, more))
    assert _stability(importance=low) <= _stability(importance=high)
    assert _stability() <= _stability(valence=valence, arousal=arousal)
    assert _stability(access_count=used) < _stability(access_count=used + 1)


def test_the_tiers_fade_in_their_order() -> None:
    days = FADES.stability_days
    assert days[Tier.WORKING] < days[Tier.SHORT_TERM] < days[Tier.LONG_TERM]


@given(st.datetimes(timezones=st.just(UTC)), st.timedeltas(timedelta(-400), timedelta(400)))
def test_a_clock_that_goes_back_is_no_idle_time(now: datetime, by: timedelta) -> None:
    try:
        recorded = now + by
    except OverflowError:
        return
    assert fading.idle_days(now, None, recorded) == max(0.0, -by.total_seconds() / 86_400)


@given(st.floats(allow_nan=False, allow_infinity=False), UNIT)
def test_a_factor_keeps_its_bounds(value: float, bound: float) -> None:
    assert 1 - bound - 1e-9 <= fusion.factor(value, bound) <= 1 + bound + 1e-9
    assert fusion.factor(value, 0) == 1


@given(st.floats(-1e6, 1e6), st.floats(0.1, 1e4))
def test_recency_is_between_0_and_1_and_the_future_is_now(age: float, scale: float) -> None:
    assert 0 <= fusion.recency(age, scale) <= 1
    if age <= 0:
        assert fusion.recency(age, scale) == 1


@given(RANKED, RANKED, RANKED)
def test_fusion_holds_every_candidate_once_in_the_order_of_the_formula(
    vector: list[UUID], text: list[UUID], graph: list[UUID]
) -> None:
    weights = RetrievalWeights()
    given_to = {Arm.VECTOR: vector, Arm.TEXT: text, Arm.GRAPH: graph}
    arms = {arm: [Found(one, 1.0) for one in ids] for arm, ids in given_to.items()}
    fused = fusion.fuse(arms, weights)
    assert set(fused) == {*vector, *text, *graph}
    for one, score in fused.items():
        expected = sum(
            fusion.weight_of(weights, arm) / (60 + ids.index(one) + 1) for arm, ids in given_to.items() if one in ids
        )
        assert score == pytest.approx(expected)
    assert list(fused.items()) == sorted(fused.items(), key=lambda item: (-item[1], item[0]))
    assert {one: {trace.arm for trace in traces} for one, traces in fusion.traces(arms).items()} == {
        one: {arm for arm, ids in given_to.items() if one in ids} for one in fused
    }


@given(RANKED, RANKED)
def test_first_in_every_arm_is_first(vector: list[UUID], text: list[UUID]) -> None:
    top = UUID(int=99)
    arms = {Arm.VECTOR: [Found(top, 1.0), *map(_found, vector)], Arm.TEXT: [Found(top, 1.0), *map(_found, text)]}
    assert next(iter(fusion.fuse(arms, RetrievalWeights()))) == top


def _found(one: UUID) -> Found:
    return Found(one, 0.5)


EDGES = st.builds(
    Edge, st.sampled_from(IDS), st.sampled_from(IDS), st.sampled_from(list(AssociationKind)), st.floats(0.01, 1)
).filter(lambda edge: edge.source != edge.target)


@given(st.lists(EDGES, max_size=30), st.lists(st.sampled_from(IDS), min_size=1, max_size=4, unique=True), UNIT)
def test_activation_is_never_made_from_nothing(edges: list[Edge], seeds: list[UUID], decay: float) -> None:
    active = {seed: Activation(1.0, (seed,)) for seed in seeds}
    reached = spread(active, edges, decay=decay)
    assert sum(each.value for each in reached.values()) <= decay * len(seeds) + 1e-9
    for there, each in reached.items():
        assert each.path[0] in seeds
        assert each.path[-1] == there
        assert len(set(each.path)) == len(each.path)
    assert reached == spread(active, edges[::-1], decay=decay)


def test_what_contradicts_passes_nothing() -> None:
    assert ACTIVATION[AssociationKind.CONTRADICTS] == 0
    assert set(ACTIVATION) == set(AssociationKind)
    edge = Edge(IDS[0], IDS[1], AssociationKind.CONTRADICTS, 1.0)
    assert spread({IDS[0]: Activation(1.0, (IDS[0],))}, [edge], decay=0.8) == {}


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=200))
def test_learning_keeps_its_bounds_whatever_the_feedback(feedback: list[float]) -> None:
    state: Learned | None = None
    for i, each in enumerate(feedback, start=1):
        before, state = state, learn(state, each)
        assert 0 <= state.strength <= 1
        assert 0 < state.confidence < 1
        assert state.frequency == i
        if before is not None:
            assert (state.strength - before.strength) * each >= 0
            assert abs(state.strength - before.strength) <= 0.1 * abs(each) + 1e-12


def test_a_pattern_climbs_through_its_tiers() -> None:
    state: Learned | None = None
    seen: list[PatternTier] = []
    for _ in range(50):
        state = learn(state, 0.5)
        if not seen or seen[-1] is not state.tier:
            seen.append(state.tier)
    assert seen == list(PatternTier)


@given(st.lists(st.integers(0, 4_000_000_000), min_size=2, max_size=20))
def test_ids_rise_whatever_the_clock_does_and_are_of_version_7(times: list[int]) -> None:
    make = IdMaker(lambda count: b"\xff" * count)
    ids = [make(datetime.fromtimestamp(time, UTC)) for time in times]
    assert ids == sorted(set(ids))
    assert {(one.version, one.variant) for one in ids} == {(7, "specified in RFC 4122")}


def test_ids_of_one_seed_are_the_same() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    one, other = IdMaker(lambda count: b"a" * count), IdMaker(lambda count: b"a" * count)
    assert [one(now) for _ in range(5)] == [other(now) for _ in range(5)]
    assert math.isclose((one(now).int >> 80) / 1000, now.timestamp())
