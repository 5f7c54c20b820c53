"""`echorator` as it is typed: from any folder, by a link, and in `make shell`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from toolchain import paths, session
from toolchain.commands.shell import shell

PROGRAM = paths.CHECKOUT / "cli" / "bin" / "echorator"


def test_it_is_found_by_a_link_from_another_folder(tmp_path: Path) -> None:
    link = tmp_path / "ech"
    link.symlink_to(PROGRAM)
    done = subprocess.run([link, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Usage: echorator [OPTIONS] COMMAND" in done.stdout


def test_a_checkout_without_its_environment_says_what_makes_it(tmp_path: Path) -> None:
    folder = tmp_path / "cli" / "bin"
    folder.mkdir(parents=True)
    copy = folder / "echorator"
    copy.write_bytes(PROGRAM.read_bytes())
    done = subprocess.run(["/bin/sh", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {tmp_path} has no environment yet: run `make status` there once\n"


def test_the_stacks_shell_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = tmp_path / "found"
    program = tmp_path / "shell"
    program.write_text(f"#!/bin/sh\ncommand -v echorator > {found}\n")
    program.chmod(0o755)
    monkeypatch.setenv("SHELL", str(program))
    environment = SimpleNamespace(project=paths.CHECKOUT)
    pulumi = SimpleNamespace(init=lambda: None, variables=dict(os.environ), environment=environment)
    monkeypatch.setattr(session, "current", lambda: SimpleNamespace(pulumi=lambda: pulumi))
    assert shell() == 0
    assert found.read_text() == f"{PROGRAM}\n"
