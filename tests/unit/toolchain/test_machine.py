"""Proves which kind of machine is chosen from PATH, kubeconfig and configuration; talks to no cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from components.kube_context import KubeContextError
from toolchain import machine
from toolchain.machine import Kind, MachineError, choose, configured_context, local_context


def kubeconfig(folder: Path, **servers: str) -> dict[str, str]:
    """A kubeconfig with a context for each name, and the environment that names it."""
    path = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}} for name, server in servers.items()],
        "users": [{"name": name, "user": {"token": "none"}} for name in servers],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in servers],
    }
    path.write_text(yaml.safe_dump(content))
    return {"KUBECONFIG": str(path), "PATH": ""}


def stack(folder: Path, context: str | None = None) -> Path:
    path = folder / "Pulumi.dev.yaml"
    path.write_text(yaml.safe_dump({"config": {"echorator:cluster": {"context": context}}} if context else {}))
    return path


def on_path(name: str) -> str:
    return f"/bin/{name}"


def not_on_path(_name: str) -> None:
    return None


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release of Pulumi on PATH."""
    monkeypatch.setattr(machine.found, "pulumi", lambda: (Path("/bin/pulumi"), "3.224.0"))
    monkeypatch.setattr(machine.shutil, "which", on_path)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Pulumi on PATH."""
    monkeypatch.setattr(machine.found, "pulumi", lambda: None)
    monkeypatch.setattr(machine.shutil, "which", not_on_path)


def test_the_context_that_the_configuration_names(tmp_path: Path) -> None:
    assert configured_context(tmp_path / "none.yaml") is None
    assert configured_context(stack(tmp_path)) is None
    assert configured_context(stack(tmp_path, "cloud")) == "cloud"


def test_one_local_context_is_taken_and_two_are_not(tmp_path: Path) -> None:
    one = kubeconfig(tmp_path, cloud="https://203.0.113.7", local="https://127.0.0.1:6443")
    found = local_context(stack(tmp_path), one)
    assert found is not None
    assert found.name == "local"
    two = kubeconfig(tmp_path, a="https://127.0.0.1:1", b="https://127.0.0.1:2")
    assert local_context(stack(tmp_path), two) is None


def test_a_named_context_is_taken_wherever_it_is(tmp_path: Path) -> None:
    env = kubeconfig(tmp_path, cloud="https://203.0.113.7", local="https://127.0.0.1:6443")
    found = local_context(stack(tmp_path, "cloud"), env)
    assert found is not None
    assert found.server == "https://203.0.113.7"
    with pytest.raises(KubeContextError, match="`gone`"):
        local_context(stack(tmp_path, "gone"), env)


@pytest.mark.usefixtures("release")
def test_pulumi_and_a_local_cluster_are_used(tmp_path: Path) -> None:
    chosen = choose(
        stack(tmp_path), can_run_node=None, environment=kubeconfig(tmp_path, local="https://127.0.0.1:6443")
    )
    assert chosen.kind is Kind.EXISTING
    assert chosen.context is not None
    assert "local" in chosen.why


@pytest.mark.usefixtures("bare")
def test_a_bare_machine_runs_a_node_or_the_reduced_mode(tmp_path: Path) -> None:
    env = kubeconfig(tmp_path, local="https://127.0.0.1:6443")
    assert choose(stack(tmp_path), can_run_node=None, environment=env).kind is Kind.NODE
    reduced = choose(stack(tmp_path), can_run_node="not root", environment=env)
    assert reduced.kind is Kind.REDUCED
    assert "not root" in reduced.why


@pytest.mark.usefixtures("release")
def test_the_choice_can_be_made_by_hand(tmp_path: Path) -> None:
    env = kubeconfig(tmp_path, local="https://127.0.0.1:6443")
    for kind in Kind:
        wished = {**env, "ECHORATOR_MACHINE": kind.value}
        assert choose(stack(tmp_path), can_run_node=None, environment=wished).kind is kind


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("wished", "can_run_node", "message"),
    [
        ("cloud", None, "legal are existing, node, reduced"),
        ("existing", None, "needs a release of Pulumi"),
        ("node", "no namespaces", "cannot be: no namespaces"),
    ],
)
def test_an_impossible_choice_says_why(tmp_path: Path, wished: str, can_run_node: str | None, message: str) -> None:
    env = {**kubeconfig(tmp_path, local="https://127.0.0.1:6443"), "ECHORATOR_MACHINE": wished}
    with pytest.raises(MachineError, match=message):
        choose(stack(tmp_path), can_run_node=can_run_node, environment=env)
