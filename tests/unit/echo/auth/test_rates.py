"""Token buckets give what they promise, over any sequence of moments; the table of them stays bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo.auth.principal import Principal
from echo.auth.rates import Buckets, LimitError, Rates
from echo.config.model import RateConfig


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.floats(0, 30), max_size=80), st.floats(1, 600), st.integers(1, 20))
def test_never_more_than_burst_and_rate(pauses: list[float], per_minute: float, burst: int) -> None:
    clock = Clock()
    buckets = Buckets(clock)
    taken = 0
    for pause in pauses:
        clock.now += pause
        wait = buckets.take("a", per_minute, burst)
        taken += wait == 0
        assert 0 <= wait <= 60 / per_minute
    assert taken <= burst + clock.now * per_minute / 60 + 1e-6


@given(st.floats(1, 600), st.integers(1, 20))
def test_who_waits_as_told_gets_one(per_minute: float, burst: int) -> None:
    clock = Clock()
    buckets = Buckets(clock)
    for _ in range(burst):
        assert buckets.take("a", per_minute, burst) == 0
    wait = buckets.take("a", per_minute, burst)
    assert wait > 0
    clock.now += wait + 1e-6
    assert buckets.take("a", per_minute, burst) == 0


def test_names_do_not_share_and_the_table_is_bounded() -> None:
    buckets = Buckets(Clock(), most=10)
    for name in map(str, range(1000)):
        assert buckets.take(name, 1, 1) == 0
    assert len(buckets) == 10
    assert buckets.take("999", 1, 1) > 0


def test_concurrent_requests_are_counted_and_given_back() -> None:
    rates = Rates(RateConfig.model_validate({"requestsPerMinute": None, "concurrent": 2}), Clock())
    one = Principal("a", frozenset({"user"}))
    rates.begin(one)
    rates.begin(one)
    with pytest.raises(LimitError, match="2 requests at once"):
        rates.begin(one)
    rates.begin(Principal("b", frozenset({"user"})))
    rates.end(one)
    rates.begin(one)


def test_a_key_has_limits_of_its_own() -> None:
    rates = Rates(RateConfig(), Clock())
    slow = Principal("a", frozenset({"user"}), requests_per_minute=1)
    rates.begin(slow)
    with pytest.raises(LimitError) as found:
        rates.begin(slow)
    assert found.value.retry_after == 60
