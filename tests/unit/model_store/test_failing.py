"""Failures in a row of a blob: when a pull is refused for them, with which words, and when they are forgotten.

Does not prove what a client sees of it: tests/model_store/test_faults.py.
"""

from __future__ import annotations

import pytest

from model_store.errors import DigestMismatchError, UpstreamFailedError
from model_store.failing import Failing
from model_store.names import Digest

ONE, OTHER = (Digest.parse(f"sha256:{letter * 64}") for letter in "ab")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def failing(clock: Clock) -> Failing:
    return Failing(clock)


def test_a_single_failure_may_be_an_accident(failing: Failing) -> None:
    failing.failed(ONE, UpstreamFailedError("no answer"))
    failing.check([ONE, OTHER])


def test_two_in_a_row_are_told_with_the_last_cause(failing: Failing, clock: Clock) -> None:
    failing.failed(ONE, UpstreamFailedError("no answer"))
    failing.failed(ONE, DigestMismatchError("wrong bytes"))
    failing.check([OTHER])
    clock.now += 15
    with pytest.raises(DigestMismatchError, match=r"wrong bytes .2 downloads in a row failed; the next .* in 30 s."):
        failing.check([OTHER, ONE])


def test_it_is_tried_again_and_one_more_failure_is_enough_then(failing: Failing, clock: Clock) -> None:
    for _ in range(2):
        failing.failed(ONE, UpstreamFailedError("no answer"))
    clock.now += 46
    failing.check([ONE])
    failing.failed(ONE, UpstreamFailedError("no answer"))
    with pytest.raises(UpstreamFailedError, match="3 downloads"):
        failing.check([ONE])


def test_a_blob_that_came_is_forgiven(failing: Failing) -> None:
    for _ in range(2):
        failing.failed(ONE, UpstreamFailedError("no answer"))
    failing.came(ONE)
    failing.check([ONE])
    failing.failed(ONE, UpstreamFailedError("no answer"))
    failing.check([ONE])


def test_old_failures_do_not_count(failing: Failing, clock: Clock) -> None:
    failing.failed(ONE, UpstreamFailedError("no answer"))
    clock.now += 601
    failing.failed(ONE, UpstreamFailedError("no answer"))
    failing.check([ONE])
