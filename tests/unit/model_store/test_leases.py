"""Promises: how they are given, renewed, shared and ended, on a clock of the test's own."""

from __future__ import annotations

import pytest

from model_store.leases import Leases
from model_store.names import Digest

MANIFEST, OTHER = Digest("e" * 64), Digest("f" * 64)
A, B, C = (Digest(letter * 64) for letter in "abc")


class Clock:
    """The monotonic clock, which the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("model_store.leases.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_request_for_one_blob_renews_all_of_its_manifest(clock: Clock) -> None:
    leases = Leases(10)
    leases.grant(MANIFEST, [A, B])
    clock.now += 9
    leases.used(A)
    clock.now += 9
    assert leases.holds_blob(A)
    assert leases.holds_blob(B)
    assert leases.holds_manifest(MANIFEST)
    assert not leases.holds_blob(C)
    clock.now += 2
    assert not leases.holds_blob(A)
    assert not leases.holds_blob(B)
    assert not leases.holds_manifest(MANIFEST)


def test_an_ended_promise_is_not_renewed(clock: Clock) -> None:
    leases = Leases(10)
    leases.grant(MANIFEST, [A, B])
    clock.now += 11
    leases.used(A)
    assert leases.holds_blob(A), "the request itself holds its blob"
    assert not leases.holds_blob(B)


def test_a_promise_taken_back_leaves_the_other(clock: Clock) -> None:
    leases = Leases(10)
    leases.grant(MANIFEST, [A, B])
    leases.grant(OTHER, [B, C])
    leases.used(A)
    leases.release(MANIFEST)
    leases.release(MANIFEST)
    assert not leases.holds_blob(A)
    assert leases.holds_blob(B)
    assert clock.now == 1000


def test_asking_counts(clock: Clock) -> None:
    leases = Leases(10)
    with leases.asking("a", "r"):
        with leases.asking("a", "r"):
            clock.now += 1
        assert leases.is_asked("a", "r")
        assert not leases.is_asked("a", "s")
    assert not leases.is_asked("a", "r")


def test_ended_promises_take_no_memory_for_ever(clock: Clock) -> None:
    leases = Leases(10)
    for number in range(20_000):
        leases.grant(Digest(f"{number:064x}"), [A])
        leases.used(Digest(f"{number:064x}"))
        clock.now += 1
    assert len(leases) <= 4096 + 2
