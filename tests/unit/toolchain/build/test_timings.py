"""The book of timings survives damage and concurrent writers."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from toolchain.build.timings import Timing, Timings


def test_kept_for_the_next_run(tmp_path: Path) -> None:
    Timings(tmp_path / "a" / "t.json").record("x", Timing(seconds=1.5, total=0))
    assert Timings(tmp_path / "a" / "t.json").last("x") == Timing(seconds=1.5, total=0)
    assert Timings(tmp_path / "a" / "t.json").last("y") is None


@pytest.mark.parametrize("text", ["", "{", '{"x": 3}', '{"x": {"seconds": -1}}', '{"x": {"seconds": 1, "more": 1}}'])
def test_damage_is_no_hint(tmp_path: Path, text: str) -> None:
    book = Timings(tmp_path / "t.json")
    book.path.write_text(text)
    assert book.last("x") is None
    book.record("x", Timing(seconds=2))
    assert book.last("x") == Timing(seconds=2)


def test_concurrent_writers_lose_nothing(tmp_path: Path) -> None:
    book = Timings(tmp_path / "t.json")
    writers = [threading.Thread(target=book.record, args=(str(i), Timing(seconds=i))) for i in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [book.last(str(i)) for i in range(20)] == [Timing(seconds=i) for i in range(20)]
