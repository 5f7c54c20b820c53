"""What a judgement does to a memory and to a pattern, for any input: bounds, direction, and what it must never do.

Not shown: that memories which are kept longer this way make better answers.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo.memory.crediting import LEAST, MOST, importance_after, quality, strength_after
from echo.memory.fading import reinforced
from echo.memory.learning import Learned, corrected, learn
from echo.memory.weights import FadingWeights

UNIT, SIGNED = st.floats(0, 1), st.floats(-1, 1)
GAIN = FadingWeights().access_gain
PROTECTED = FadingWeights().protected_importance


@given(UNIT, SIGNED, UNIT)
def test_strength_keeps_its_bounds_and_moves_the_way_that_was_said(strength: float, judged: float, gain: float) -> None:
    after = strength_after(strength, judged, gain)
    assert -1e-12 <= after <= 1 + 1e-12
    assert (after - strength) * judged >= -1e-12
    assert abs(after - strength) <= gain * abs(judged) + 1e-12


@given(UNIT)
def test_praise_of_one_is_worth_one_access(strength: float) -> None:
    assert strength_after(strength, 1.0, GAIN) == pytest.approx(reinforced(strength, GAIN))
    assert strength_after(strength, 0.0, GAIN) == strength


@given(UNIT, st.lists(SIGNED, max_size=60))
def test_importance_is_never_moved_to_where_forgetting_spares_nor_from_there(
    importance: float, judged: list[float]
) -> None:
    now = importance
    for one in judged:
        after = importance_after(now, one)
        assert (after - now) * one >= 0
        assert abs(after - now) <= 0.1 * abs(one) + 1e-12
        now = after
    assert (now >= PROTECTED) == (importance >= PROTECTED)
    assert min(importance, LEAST) <= now <= max(importance, MOST)


@given(UNIT, SIGNED, SIGNED)
def test_more_is_more(value: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert strength_after(value, low, GAIN) <= strength_after(value, high, GAIN) + 1e-12
    assert importance_after(value, low) <= importance_after(value, high) + 1e-12


@given(st.lists(SIGNED, min_size=1, max_size=50))
def test_quality_stays_among_what_was_said(values: list[float]) -> None:
    found = quality(values)
    assert found is not None
    assert min(values) - 1e-12 <= found <= max(values) + 1e-12
    assert quality([values[0]] * 30) == pytest.approx(values[0])


def test_nobody_said_anything() -> None:
    assert quality([]) is None


@given(st.lists(SIGNED, min_size=1, max_size=40), SIGNED, SIGNED)
def test_a_pattern_that_is_corrected_keeps_its_bounds_and_its_count(
    before: list[float], counted: float, said: float
) -> None:
    state: Learned | None = None
    for one in [*before, counted]:
        state = learn(state, one)
    assert state is not None
    after = corrected(state, counted, said)
    assert after.frequency == state.frequency
    assert 0 <= after.positives <= after.frequency
    assert 0 <= after.strength <= 1
    assert (after.strength - state.strength) * (said - counted) >= 0
    assert abs(after.strength - state.strength) <= 0.1 * abs(said - counted) + 1e-12


@given(st.floats(0.3, 0.7), SIGNED, SIGNED)
def test_a_correction_is_as_if_it_had_been_known_where_no_bound_is_touched(
    first: float, counted: float, said: float
) -> None:
    known = learn(None, first)
    late, early = corrected(learn(known, counted), counted, said), learn(known, said)
    assert (late.positives, late.frequency) == (early.positives, early.frequency)
    assert late.strength == pytest.approx(early.strength)
