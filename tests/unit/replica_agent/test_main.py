"""The command line's refusals, and what the process takes in at its start.

Not shown: the running process; tests/replica_agent shows that.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from replica_agent.__main__ import main

LEAST = {"server": "chat", "wantedFile": "/etc/wanted/wanted.json", "ledgerFile": "/data/ledger.json"}
ROOT = Path(__file__).parents[3]


def config(tmp_path: Path, **more: object) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LEAST | more))
    return str(path)


def test_check_reads_only(tmp_path: Path) -> None:
    assert main(["--config", config(tmp_path), "--check"]) == 0


def test_a_bad_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", config(tmp_path, colour="red")]) == 2
    assert "colour" in capsys.readouterr().err


def test_no_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("POD_NAME", raising=False)
    assert main(["--config", config(tmp_path)]) == 2
    assert "POD_NAME" in capsys.readouterr().err


def test_what_weighs_is_not_imported() -> None:
    """Each of these alone would take the agent out of its memory."""
    heavy = ("pulumi", "lightkube", "typer", "kubernetes")
    code = f"import sys, replica_agent.__main__; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
