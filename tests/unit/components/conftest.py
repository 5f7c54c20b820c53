"""A kubeconfig that leads nowhere, for programs that look at it and go no further."""

from pathlib import Path

import pytest
import yaml


def write_kubeconfig(path: Path, contexts: dict[str, str], current: str | None) -> Path:
    """Writes a kubeconfig with a context for each name, leading to the server URL given."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [{"name": f"{name}-c", "cluster": {"server": url}} for name, url in contexts.items()],
        "users": [{"name": f"{name}-u", "user": {"token": "not-a-real-one"}} for name in contexts],
        "contexts": [{"name": name, "context": {"cluster": f"{name}-c", "user": f"{name}-u"}} for name in contexts],
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.fixture
def local_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """KUBECONFIG is a file whose current context is a local cluster."""
    path = write_kubeconfig(
        tmp_path / "kubeconfig", {"echorator-0123abcd": "https://127.0.0.1:6443"}, "echorator-0123abcd"
    )
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path
