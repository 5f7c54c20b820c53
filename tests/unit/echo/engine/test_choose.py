"""The choice of a replica: least busy, conversations stay where they are, and few move when replicas come or go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo.engine.choose import choose, prefix_of
from echo.engine.fleet import Replica

MODEL = "m"


def replica(number: int, running: int = 0, *, slots: int = 1, others: int = 0) -> Replica:
    found = Replica("chat", f"chat-{number}", f"http://10.0.0.{number}:1", None, slots, up=True, others=others)
    if running:
        found.running[MODEL] = running
    return found


loads = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), min_size=1, max_size=8)


@given(loads, st.integers(0, 2))
def test_without_a_conversation_the_least_busy_one_that_has_room(loads: list[tuple[int, int]], ahead: int) -> None:
    replicas = [replica(number, running, slots=slots) for number, (running, slots) in enumerate(loads)]
    found = choose(replicas, MODEL, None, ahead)
    free = [one for one in replicas if one.running.get(MODEL, 0) < one.slots + ahead]
    if found is None:
        assert not free
    else:
        assert found in free
        assert all(found.load / found.slots <= one.load / one.slots for one in free)


@given(loads, st.binary(min_size=16, max_size=16))
def test_a_conversation_never_waits_while_another_replica_is_free(loads: list[tuple[int, int]], prefix: bytes) -> None:
    replicas = [replica(number, running, slots=slots) for number, (running, slots) in enumerate(loads)]
    found = choose(replicas, MODEL, prefix, 0)
    if found is None:
        assert all(one.running.get(MODEL, 0) >= one.slots for one in replicas)
    else:
        assert found.running.get(MODEL, 0) < found.slots


@given(st.binary(min_size=16, max_size=16), st.permutations(range(6)))
def test_an_idle_fleet_gives_a_conversation_the_same_replica(prefix: bytes, order: list[int]) -> None:
    one = choose([replica(number) for number in range(6)], MODEL, prefix, 0)
    other = choose([replica(number) for number in order], MODEL, prefix, 0)
    assert one is not None
    assert other is not None
    assert one.name == other.name


def test_a_replica_that_goes_moves_only_its_own_conversations() -> None:
    replicas = [replica(number) for number in range(5)]
    prefixes = [number.to_bytes(16) for number in range(500)]
    before = {prefix: choose(replicas, MODEL, prefix, 0) for prefix in prefixes}
    after = {prefix: choose(replicas[1:], MODEL, prefix, 0) for prefix in prefixes}
    moved = [prefix for prefix in prefixes if before[prefix] is not after[prefix]]
    assert moved == [prefix for prefix in prefixes if before[prefix] is replicas[0]]
    assert 50 < len(moved) < 150


def test_what_others_run_there_counts() -> None:
    busy, idle = replica(1, others=3), replica(2)
    assert choose([busy, idle], MODEL, None, 1) is idle


PICTURE = [{"type": "text", "text": "what is this"}, {"type": "image_url", "image_url": {"url": "data:"}}]
TURNS: list[list[Any]] = [
    [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}],
    [{"role": "user", "content": PICTURE}],
]


@pytest.mark.parametrize("turns", TURNS)
def test_later_turns_are_of_the_same_conversation(turns: list[Any]) -> None:
    later = [*turns, {"role": "assistant", "content": "hi"}, {"role": "user", "content": "more"}]
    assert prefix_of({"messages": turns}) == prefix_of({"messages": later}) is not None


def test_other_beginnings_are_other_conversations() -> None:
    said = [{"role": "user", "content": text} for text in ("a", "b")]
    assert len({prefix_of({"messages": [one]}) for one in said}) == 2
    assert prefix_of({"prompt": "a"}) != prefix_of({"prompt": "a", "system": "b"})


@pytest.mark.parametrize(
    "body", [{}, {"input": "a"}, {"messages": []}, {"messages": "x"}, {"messages": [1]}, {"prompt": 3}]
)
def test_what_has_no_beginning(body: dict[str, Any]) -> None:
    assert prefix_of(body) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_body_is_taken(value: Any) -> None:
    for key in ("messages", "prompt", "system"):
        prefix_of({key: value})
