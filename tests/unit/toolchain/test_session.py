"""Proves that commands find what `make up` wrote down, and say what to do when it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain import paths, session
from toolchain.machine import Kind
from toolchain.session import NotUpError, Session


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's state folder of its own."""
    monkeypatch.setattr(paths, "state_dir", lambda: tmp_path / "state")
    return tmp_path / "state"


def example(engine: Path | None) -> Session:
    return Session(
        kind=Kind.NODE, stack="dev", engine=engine, own_home=True, tools=(Path("/tools"),), kubeconfig="/kubeconfig"
    )


def test_nothing_is_up() -> None:
    assert Session.load() is None
    with pytest.raises(NotUpError, match="run `make up`"):
        session.current()


def test_a_session_is_found_again() -> None:
    example(Path("/engine")).save()
    assert session.current() == example(Path("/engine"))


def test_a_record_of_another_shape_counts_as_none() -> None:
    example(None).save()
    Session.file().write_text('{"kind": "node", "surprise": 1}')
    assert Session.load() is None


def test_an_engine_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotUpError, match="make up"):
        example(tmp_path / "gone").pulumi()


def test_the_environment_carries_the_session(state: Path) -> None:
    pulumi = example(None).pulumi()
    assert pulumi.stack == "dev"
    assert pulumi.variables["KUBECONFIG"] == "/kubeconfig"
    assert pulumi.variables["PATH"].startswith("/tools:")
    assert pulumi.variables["PULUMI_HOME"] == str(state / "pulumi" / "home")
