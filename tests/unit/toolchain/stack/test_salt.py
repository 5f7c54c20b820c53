"""Proves that a checkout's salt stays out of its commits, with a real git; not that Pulumi writes one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from toolchain.stack.salt import FILTER, install_filter, remove_salt, settle

CONFIG = "# a comment\nconfig:\n  echorator:environment: dev\n"
SALTED = f"encryptionsalt: v1:abc=:v1:def:ghi\n{CONFIG}"


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_git_sees_no_salt(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitattributes").write_text(f"Pulumi.dev.yaml filter={FILTER}\n")
    config = tmp_path / "Pulumi.dev.yaml"
    config.write_text(CONFIG)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    install_filter(tmp_path)
    config.write_text(SALTED)
    assert git(tmp_path, "diff") == ""
    settle(config)
    assert git(tmp_path, "status", "--short") == ""
    config.write_text(SALTED + "# an edit\n")
    settle(config)
    assert git(tmp_path, "status", "--short") == " M Pulumi.dev.yaml\n"
    git(tmp_path, "add", ".")
    assert "encryptionsalt" not in git(tmp_path, "show", ":Pulumi.dev.yaml")


def test_outside_a_git_checkout_nothing_happens(tmp_path: Path) -> None:
    install_filter(tmp_path)
    settle(tmp_path / "Pulumi.dev.yaml")
    assert list(tmp_path.iterdir()) == []


def test_the_salt_goes_and_the_rest_stays(tmp_path: Path) -> None:
    config = tmp_path / "Pulumi.dev.yaml"
    assert remove_salt(config) is False
    config.write_text(SALTED)
    assert remove_salt(config) is True
    assert config.read_text() == CONFIG
    assert remove_salt(config) is False


def test_a_salt_with_secrets_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "Pulumi.dev.yaml"
    config.write_text(SALTED + "  echorator:x:\n    secure: v1:zzz\n")
    with pytest.raises(ValueError, match="another passphrase"):
        remove_salt(config)
    assert "encryptionsalt" in config.read_text()
