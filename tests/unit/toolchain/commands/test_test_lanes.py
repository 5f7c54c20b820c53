"""Two lanes of a small suite, by the real pytest: both run, both are shown, either one's failure counts.

Does not prove that tests of the two lanes leave each other alone; `make test` shows that.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolchain.build import progress
from toolchain.commands import test_lanes

SUITE = """
import pathlib
import pytest

@pytest.mark.cluster
def test_of_the_cluster():
    assert {cluster}

def test_of_nothing():
    assert {others}, "this one alone"
"""


@pytest.mark.parametrize(("cluster", "others", "code"), [(True, True, 0), (False, True, 1), (True, False, 1)])
def test_both_count(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], *, cluster: bool, others: bool, code: int
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    cluster: a cluster\n")
    (tmp_path / "test_small.py").write_text(SUITE.format(cluster=cluster, others=others))
    found = test_lanes.run(tmp_path, dict(os.environ), tmp_path / "log", progress.reporter())
    assert found == code
    shown = capfd.readouterr().out
    assert shown.count("1 deselected in") == 2
    assert ("this one alone" in shown) is not others
