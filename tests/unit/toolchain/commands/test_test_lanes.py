"""The lanes of a small suite, by the real pytest: all run, all are shown, any one's failure counts.

What fails beside others and passes alone is named and does not fail the suite. Does not prove that tests of the
lanes leave each other alone; `make test` shows that.
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

@pytest.mark.ollama
def test_of_a_server():
    assert {server}

@pytest.mark.parametrize("n", range({failures}))
def test_of_many(n):
    assert n < 0

def test_of_nothing():
    assert {others}, "this one alone"
"""


def run(
    folder: Path, *, cluster: object = True, server: object = True, others: object = True, failures: int = 0
) -> int:
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    cluster: a cluster\n    ollama: a server\n")
    (folder / "test_small.py").write_text(
        SUITE.format(cluster=cluster, server=server, others=others, failures=failures)
    )
    # The plugins of the suite take a second to load, and nothing here needs them.
    variables = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return test_lanes.run(folder, variables, folder / "lanes", progress.reporter())


@pytest.mark.parametrize("wrong", [None, "cluster", "server", "others"])
def test_all_count(tmp_path: Path, capfd: pytest.CaptureFixture[str], wrong: str | None) -> None:
    assert run(tmp_path, **({} if wrong is None else {wrong: False})) == (wrong is not None)
    shown = capfd.readouterr()
    assert "UNSTEADY" not in shown.out + shown.err
    assert ("this one alone" in shown.out) is (wrong == "others")


def test_what_passes_alone_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "once").touch()
    # Fails the first time, and takes the reason away.
    others = "not pathlib.Path('once').exists() or pathlib.Path('once').unlink()"
    assert run(tmp_path, others=others) == 0
    shown = capfd.readouterr()
    assert "UNSTEADY, to be mended: test_small.py::test_of_nothing failed" in shown.out + shown.err
    assert run(tmp_path, others=others) == 0
    assert "UNSTEADY" not in "".join(capfd.readouterr())


def test_one_that_passes_alone_does_not_hide_one_that_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "once").touch()
    others = "not pathlib.Path('once').exists() or pathlib.Path('once').unlink()"
    assert run(tmp_path, others=others, failures=1) == 1
    assert "test_of_nothing failed beside others and passed alone" in "".join(capfd.readouterr())


def test_many_failures_are_no_accident(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, failures=test_lanes.MOST_AGAIN + 1) == 1
    assert "once more, alone" not in "".join(capfd.readouterr())


def test_a_broken_suite_is_not_judged_by_an_earlier_run(tmp_path: Path) -> None:
    assert run(tmp_path, others=False) == 1
    assert run(tmp_path, cluster="import") not in {0, 1}
