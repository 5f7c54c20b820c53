"""Ports are kept, apart from each other, and move only where that is safe.

Not proved: that a program really listens on them (tests/reduced does).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.reduced import ports
from toolchain.reduced.errors import ReducedError

IDS = st.text("0123456789abcdef", min_size=8, max_size=8)


def free(_port: int) -> bool:
    return False


@given(IDS, st.sets(st.integers(ports.FIRST, ports.LAST), max_size=200))
def test_each_name_gets_a_free_port_of_its_own_below_the_ephemeral_range(checkout: str, busy: set[int]) -> None:
    found = ports.settle({}, begin=ports.seed(checkout), foreign=busy.__contains__)
    assert set(found) == set(ports.OWNERS)
    assert len(set(found.values())) == len(found)
    assert not busy & set(found.values())
    assert all(ports.FIRST <= port <= ports.LAST for port in found.values())


@given(IDS)
def test_what_was_chosen_stays(checkout: str) -> None:
    first = ports.settle({}, begin=ports.seed(checkout), foreign=free)
    assert ports.settle(first, begin=ports.FIRST, foreign=free) == first


def test_a_port_that_someone_else_took_moves() -> None:
    first = ports.settle({}, begin=ports.FIRST, foreign=free)
    stolen = first[ports.API]
    second = ports.settle(first, begin=ports.FIRST, foreign=lambda port: port == stolen)
    assert second[ports.API] not in first.values()
    assert {name: port for name, port in second.items() if name != ports.API} == {
        name: port for name, port in first.items() if name != ports.API
    }


@pytest.mark.parametrize("name", ports.NAMED_BY_STACK)
def test_a_port_that_the_stack_names_never_moves(name: str) -> None:
    first = ports.settle({}, begin=ports.FIRST, foreign=free)
    with pytest.raises(ReducedError, match=rf"127\.0\.0\.1:{first[name]} of {name},[\s\S]*PURGE=1"):
        ports.settle(first, begin=ports.FIRST, foreign=lambda port: port == first[name])


def test_no_port_at_all() -> None:
    with pytest.raises(ReducedError, match="no port"):
        ports.settle({}, begin=ports.LAST, foreign=lambda _: True)


def test_they_are_written_down(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    assert ports.read(file) == {}
    ports.write(file, {"api": 20001})
    assert ports.read(file) == {"api": 20001}
