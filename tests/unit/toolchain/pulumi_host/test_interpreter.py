"""Proves which Python is chosen for a program; that the engine passes these options is shown by every deploy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from toolchain.pulumi_host.interpreter import NoInterpreterError, interpreter


def venv(folder: Path, name: str) -> Path:
    python = folder / name / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return python


def test_a_named_virtual_environment(tmp_path: Path) -> None:
    python = venv(tmp_path, "env")
    assert interpreter({"virtualenv": "env"}, tmp_path) == python
    assert interpreter({"virtualenv": str(tmp_path / "env")}, Path("/elsewhere")) == python


def test_uv_has_its_own_default(tmp_path: Path) -> None:
    python = venv(tmp_path, ".venv")
    assert interpreter({"toolchain": "uv"}, tmp_path) == python


def test_without_options_the_command_line_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_PYTHON_CMD", sys.executable)
    assert interpreter({}, tmp_path) == Path(sys.executable)
    monkeypatch.setenv("PULUMI_PYTHON_CMD", "no-such-python")
    with pytest.raises(NoInterpreterError, match="no-such-python is not on PATH"):
        interpreter({}, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"toolchain": "poetry"}, "knows pip, uv"),
        ({"toolchain": "uv"}, "uv sync --frozen"),
        ({"virtualenv": "env"}, "python3 -m venv env"),
    ],
)
def test_what_is_missing_is_said_with_its_fix(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(NoInterpreterError, match=message):
        interpreter(options, tmp_path)
