"""The kubeconfig is read as kubectl reads it, and a development stack goes to no cluster that is not local.

Not proved: that a server behind a loopback address is a local one (a tunnel to a far cluster also ends there).
"""

from pathlib import Path

import pytest

from components.kube_context import KubeContextError, guard, kubeconfig_paths, load, minified
from tests.unit.components.conftest import write_kubeconfig

PUBLIC = "https://34.1.2.3"


def test_paths_by_precedence() -> None:
    assert kubeconfig_paths("/x/y", {"KUBECONFIG": "/a:/b"}) == [Path("/x/y")]
    assert kubeconfig_paths(None, {"KUBECONFIG": "/a::/b"}) == [Path("/a"), Path("/b")]
    assert kubeconfig_paths(None, {}) == [Path("~/.kube/config").expanduser()]


def test_the_first_file_wins(tmp_path: Path) -> None:
    one = write_kubeconfig(tmp_path / "one", {"same": "https://10.0.0.1"}, None)
    two = write_kubeconfig(tmp_path / "two", {"same": "https://10.0.0.2", "other": "https://10.0.0.3"}, "other")
    assert load(paths=[one, two]).server == "https://10.0.0.3"
    assert load("same", paths=[one, two]).server == "https://10.0.0.1"


def test_one_context_out_of_several_files(tmp_path: Path) -> None:
    one = write_kubeconfig(tmp_path / "one", {"same": "https://10.0.0.1"}, "same")
    two = write_kubeconfig(tmp_path / "two", {"same": "https://10.0.0.2", "other": "https://10.0.0.3"}, "other")
    found = minified("same", paths=[one, two])
    assert found["current-context"] == "same"
    assert [entry["cluster"]["server"] for entry in found["clusters"]] == ["https://10.0.0.1"]
    assert (len(found["contexts"]), len(found["users"])) == (1, 1)
    with pytest.raises(KubeContextError, match="no context `gone`"):
        minified("gone", paths=[one, two])


def test_files_count_from_their_kubeconfig(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    path = write_kubeconfig(folder / "config", {"a": "https://10.0.0.1"}, "a")
    text = path.read_text().replace(
        "token: not-a-real-one", "client-certificate: pki/me.crt\n    client-key: /abs/me.key"
    )
    path.write_text(text)
    user = load(paths=[path]).config.user
    assert user is not None
    assert (user.client_cert, user.client_key) == (str(folder / "pki/me.crt"), "/abs/me.key")


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("anything", "https://127.0.0.1:6443"),
        ("anything", "https://[::1]:6443"),
        ("anything", "https://localhost:6443"),
        ("kind-dev", "https://172.18.0.2:6443"),
        ("k3d-x", "https://192.168.1.7:6550"),
        ("minikube", "https://192.168.49.2:8443"),
        ("docker-desktop", "https://kubernetes.docker.internal:6443"),
        ("orbstack", "https://127.0.0.1:26443"),
        ("rancher-desktop", "https://127.0.0.1:6443"),
        ("colima", "https://127.0.0.1:6443"),
        ("echorator-0123abcd", "https://127.0.0.1:40001"),
    ],
)
def test_local_contexts_are_let_through(tmp_path: Path, name: str, server: str) -> None:
    path = write_kubeconfig(tmp_path / "config", {name: server}, name)
    assert guard("dev", None, paths=[path]).name == name


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("prod", PUBLIC),
        ("prod", "https://10.0.0.1"),
        ("minikube", PUBLIC),
        ("kind-dev", "https://api.example.com"),
        ("notkind-dev", "https://192.168.1.7"),
        ("echorator-prod", "https://192.168.1.7"),
        ("prod", "https://127.0.0.1.example.com"),
    ],
)
def test_dev_refuses_others(tmp_path: Path, name: str, server: str) -> None:
    path = write_kubeconfig(tmp_path / "config", {name: server}, name)
    with pytest.raises(KubeContextError) as caught:
        guard("dev", None, paths=[path])
    message = str(caught.value)
    assert f"current context `{name}` (server {server}) is not local" in message
    assert f"pulumi config set --path 'cluster.context' {name}" in message
    assert guard("dev", name, paths=[path]).name == name
    assert guard("prod", None, paths=[path]).name == name


def test_unknown_context_lists_the_known(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", {"a": PUBLIC, "b": PUBLIC}, "a")
    with pytest.raises(KubeContextError, match=r"no context `c` in .*config\. Legal contexts: `a`, `b`"):
        load("c", paths=[path])


def test_no_current_context(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", {"a": PUBLIC}, None)
    with pytest.raises(KubeContextError, match="names no current context"):
        load(paths=[path])


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(KubeContextError, match=r"absent does not exist\. Point KUBECONFIG to one, or run `make up`"):
        load(paths=[tmp_path / "absent"])


def test_a_broken_file_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("users: [token: very-secret\n")
    with pytest.raises(KubeContextError, match="must be a kubeconfig in YAML") as caught:
        load(paths=[path])
    assert "very-secret" not in str(caught.value)


def test_a_context_without_cluster(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", {"a": PUBLIC}, "a")
    path.write_text(path.read_text().replace("name: a-c", "name: z"))
    with pytest.raises(KubeContextError, match=r"context `a` in .* is not complete"):
        load(paths=[path])
