"""One stack for all tests here: two replicas, a store, and monitoring of its own."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from components.monitoring import names
from tests.drill.bed import FACTOR, SETTINGS, Drill
from tests.drill.hurry import hurried
from tests.integration.chat import SMOLLM2, server, store
from tests.integration.mirror import Mirror
from tests.support import prepared
from tests.support.kube import Kube, wait_for
from tests.support.prometheus import InCluster
from tests.support.stack import LiveStack

_ORDER = ("test_stack", "test_drill")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First whether it stands, then what happens when it is pushed."""
    folder = Path(__file__).parent
    items.sort(key=lambda item: _ORDER.index(item.path.stem) if item.path.parent == folder else -1)


@pytest.fixture(scope="session")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    engine = prepared.engine()
    name = f"it-{secrets.token_hex(3)}-d"
    rows: list[str] = []
    with ExitStack() as cleanup:
        kube = cleanup.enter_context(Kube(engine.kubeconfig))
        mirror = cleanup.enter_context(Mirror(kube, f"mirror-{name}"))
        folder: Path = tmp_path_factory.mktemp(name, numbered=False)
        stack = LiveStack(engine, folder, name)
        cleanup.callback(stack.end)
        stack.configure(
            {
                "servers": [server(2, [SMOLLM2])],
                "modelStore": store(mirror),
                "monitoring": SETTINGS,
                "echo": {"enabled": True, "replicas": 1},
            }
        )
        began = time.monotonic()
        stack.up()
        deployed = f"deployed in {time.monotonic() - began:.0f} s; waits {FACTOR:g} times shorter"
        space = names.namespace_of(name)
        drill = Drill(
            kube,
            stack,
            InCluster(kube, space, f"prometheus-{name}-0", names.PROMETHEUS_PORT, scheme="https"),
            InCluster(kube, space, f"alertmanager-{name}-0", names.ALERTMANAGER_PORT, scheme="https"),
            mirror,
            prepared.node(),
            rows,
        )
        drill.tell(deployed)
        wait_for("every target is up", lambda: set(drill.prometheus.targets().values()) == {"up"}, 180)
        wait_for("alerts get to Alertmanager", lambda: drill.alertmanager.get("/api/v2/alerts"), 180)
        yield drill
        print("\n" + "\n".join(rows))


@pytest.fixture(scope="session")
def hurrying(drill: Drill) -> Drill:
    """The same stack with alerts that wait less."""
    path = f"/apis/monitoring.coreos.com/v1/namespaces/{names.namespace_of(drill.stack.name)}/prometheusrules/echorator"
    found = drill.kube.get(path)
    assert found is not None
    drill.kube.patch(path, {"spec": {"groups": hurried(found["spec"]["groups"], FACTOR)}})
    return drill
