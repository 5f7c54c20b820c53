"""Waits, limits and retries.

Proves: the formulas, their bounds, and how often a call is made. Real waiting is in tests/ollama.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama import ConfigurationError, PullPolicy, TransientError
from ollama.policy import before, retry

FAST = PullPolicy(attempts=3, backoff_base_s=0, backoff_max_s=0)


@given(st.integers(1, 5000), st.floats(0, 1, exclude_max=True))
def test_backoff_is_bounded_and_spread(failures: int, jitter: float) -> None:
    policy = PullPolicy(backoff_base_s=1, backoff_max_s=30)
    wait = policy.backoff_s(failures, jitter)
    assert 0.5 <= wait <= 30
    assert wait <= policy.backoff_s(failures + 1, jitter)


def test_backoff_doubles() -> None:
    policy = PullPolicy(backoff_base_s=1, backoff_max_s=30)
    assert [policy.backoff_s(n, 0.5) for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert replace(policy, backoff_base_s=0).backoff_s(9, 0.9) == 0


@given(st.integers(0, 10**13))
def test_verifying_gets_the_time_of_a_slow_disk(size: int) -> None:
    policy = PullPolicy(no_progress_s=60, verify_bytes_per_s=20e6)
    assert policy.verify_s(size) == pytest.approx(60 + size / 20e6)


def test_all_faults_of_a_policy_at_once() -> None:
    with pytest.raises(ValueError, match=r"no_progress_s must be above 0.*attempts must be 1 or more.*backoff"):
        PullPolicy(no_progress_s=0, attempts=0, backoff_base_s=2, backoff_max_s=1)


@pytest.mark.anyio
@pytest.mark.parametrize(("failing", "made"), [(0, 1), (2, 3)])
async def test_retry_until_it_works(failing: int, made: int) -> None:
    calls: list[int] = []
    told: list[str] = []

    async def call() -> str:
        calls.append(1)
        if len(calls) <= failing:
            raise TransientError("r", None, f"failure {len(calls)}")
        return "done"

    assert await retry(FAST, call, told.append) == "done"
    assert len(calls) == made
    assert told == [f"failure {n + 1}" for n in range(failing)]


@pytest.mark.anyio
@pytest.mark.parametrize(("error", "made"), [(TransientError, 3), (ConfigurationError, 1)])
async def test_retry_gives_up(error: type[TransientError], made: int) -> None:
    calls: list[int] = []

    async def call() -> str:
        calls.append(1)
        raise error("r", None, "no")

    with pytest.raises(error):
        await retry(FAST, call, lambda _: None)
    assert len(calls) == made


@pytest.mark.anyio
async def test_a_deadline_is_told_from_other_timeouts() -> None:
    now = asyncio.get_running_loop().time()
    with pytest.raises(TransientError, match="not done within the deadline: work"):
        async with before(now + 0.01, "r", "m", "work"):
            await asyncio.sleep(5)
    with pytest.raises(TimeoutError):
        async with before(now + 5, "r", "m", "work"):
            raise TimeoutError
