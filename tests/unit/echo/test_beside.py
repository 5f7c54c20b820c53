"""What stands beside a memory of a turn: the date, the last two turns with their speakers, within bounds."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from echo.beside import beside
from echo.memory import Limits
from echo.mind import Said

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_the_date_and_the_last_two_turns_with_their_speakers() -> None:
    before = [Said(speaker=who, text=text) for who, text in (("anna", "one"), ("tiny:1", "two"), ("anna", "three"))]
    assert beside(AT, before) == "Sunday, 1 March 2026\ntiny:1: two\nanna: three"
    assert beside(AT, []) == "Sunday, 1 March 2026"


@given(st.lists(st.builds(Said, speaker=st.text(max_size=128), text=st.text(max_size=5_000)), max_size=4))
def test_whatever_was_said_a_memory_can_hold_it(before: list[Said]) -> None:
    found = beside(AT, [Said(speaker="anna", text="x" * 100_000), *before])
    assert len(found.encode()) <= Limits().content_bytes
