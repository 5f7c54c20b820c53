"""One reduced cluster for all tests here, in a folder of the tests, beside whatever else runs on the machine."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.reduced import ordinary
from tests.support.kube import Kube
from tests.support.prepared import prepared
from tests.support.stack import Engine, LiveStack
from toolchain import catalog
from toolchain.reduced import ours
from toolchain.reduced.layout import REQUIRED_TOOLS


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cluster's description; at the end everything of it is ended."""
    folder = tmp_path_factory.mktemp("reduced")
    paths: dict[str, str] = json.loads(prepared("ECHORATOR_TOOLS").read_text())["paths"]
    tools = {name: paths[name] for name in (*REQUIRED_TOOLS, *catalog.MODEL_TOOLS)}
    file = folder / "spec.json"
    # Deep, so that no unix socket's path may depend on it.
    state = folder / ("deep-" * 20) / "state"
    file.write_text(json.dumps({"state": str(state), "id": secrets.token_hex(4), "tools": tools}))
    yield file
    mark = state / "mark"
    if mark.exists():
        ours.end(ours.read_mark(mark))


@pytest.fixture(scope="session")
def cluster(spec: Path) -> dict[str, Any]:
    """What `up` brought, as its fields."""
    return ordinary.call(spec, "up")


@pytest.fixture
def kube(cluster: dict[str, Any]) -> Iterator[Kube]:
    with Kube(Path(cluster["kubeconfig"])) as client:
        yield client


@pytest.fixture
def live_stack(cluster: dict[str, Any], tmp_path: Path) -> Iterator[LiveStack]:
    engine = Engine(
        folder=prepared("ECHORATOR_PULUMI_ENGINE"),
        home=prepared("ECHORATOR_PULUMI_HOME"),
        kubeconfig=Path(cluster["kubeconfig"]),
    )
    stack = LiveStack(engine, tmp_path, "red")
    yield stack
    stack.end()
