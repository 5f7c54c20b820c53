"""The files of the steps: numbered without a gap, refused otherwise, and a checksum of their text."""

from __future__ import annotations

from pathlib import Path

import pytest

from echo.memory.store import MIGRATIONS_NEEDED
from echo.migrations.steps import LATEST, Step, steps


def test_steps_are_numbered_and_the_library_needs_no_more_than_there_are() -> None:
    found = steps()
    assert [step.version for step in found] == list(range(1, LATEST + 1))
    assert len({step.checksum for step in found}) == LATEST
    assert MIGRATIONS_NEEDED <= LATEST


def test_files_that_are_no_steps(tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("SELECT 1;")
    assert steps(tmp_path)[0] == Step(1, "first", "SELECT 1;")
    (tmp_path / "0003_third.sql").write_text("SELECT 3;")
    with pytest.raises(ValueError, match="numbered 1, 2, 3"):
        steps(tmp_path)
    (tmp_path / "0003_third.sql").rename(tmp_path / "third.sql")
    with pytest.raises(ValueError, match="NNNN_name"):
        steps(tmp_path)


def test_a_step_says_whether_it_needs_no_transaction() -> None:
    assert Step(1, "a", "SELECT 1").transactional
    assert not Step(1, "a", "-- no transaction\nCREATE INDEX CONCURRENTLY a ON b (c)").transactional
