"""Proves which variables pulumi gets and that secrets on disk are private; runs no pulumi."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from toolchain.stack.environment import StackEnvironment


def environment(tmp_path: Path, *, built: bool = True) -> StackEnvironment:
    return StackEnvironment(
        project=tmp_path,
        state=tmp_path / "state",
        engine=Path("/engine") if built else None,
        own_home=built,
        tools=(Path("/tools"),),
        kubeconfig=str(tmp_path / "kubeconfig"),
    )


def test_files_are_private_and_made_once(tmp_path: Path) -> None:
    env = environment(tmp_path)
    env.make_files()
    first = env.passphrase.read_text()
    env.make_files()
    assert env.passphrase.read_text() == first
    assert len(first) >= 32
    assert stat.S_IMODE(env.passphrase.stat().st_mode) == 0o600
    assert stat.S_IMODE(env.backend.stat().st_mode) == 0o700


def test_variables_of_a_built_engine(tmp_path: Path) -> None:
    env = environment(tmp_path)
    found = env.variables({"PATH": "/usr/bin", "HOME": "/home/user"})
    assert found["PATH"].split(os.pathsep) == ["/engine", "/tools", "/usr/bin"]
    assert found["PULUMI_HOME"] == str(env.home)
    assert found["PULUMI_BACKEND_URL"] == env.backend.as_uri()
    assert found["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(env.passphrase)
    assert found["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert found["KUBECONFIG"] == str(tmp_path / "kubeconfig")
    assert found["TMPDIR"] == str(env.temporary)
    assert found["HOME"] == "/home/user"


def test_a_release_on_path_keeps_its_own_home_and_the_users_choices_win(tmp_path: Path) -> None:
    base = {"PATH": "/usr/bin", "PULUMI_BACKEND_URL": "s3://mine", "PULUMI_CONFIG_PASSPHRASE": ""}
    found = environment(tmp_path, built=False).variables(base)
    assert "PULUMI_HOME" not in found
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" not in found
    assert found["PULUMI_BACKEND_URL"] == "s3://mine"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in found
    assert found["PATH"] == "/tools:/usr/bin"


def test_what_the_provider_leaves_is_deleted(tmp_path: Path) -> None:
    env = environment(tmp_path)
    env.make_files()
    (env.temporary / "kubeconfig123").write_text("keys")
    env.clear_temporary()
    assert list(env.temporary.iterdir()) == []
