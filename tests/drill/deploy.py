"""Deploy a stack, and watch it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from components.monitoring import names
from tests.drill.bed import FACTOR, Drill
from tests.drill.hurry import hurried
from tests.integration.mirror import Mirror
from tests.support import prepared
from tests.support.kube import Kube, wait_for
from tests.support.prometheus import InCluster
from tests.support.stack import LiveStack


@contextmanager
def watched(folders: pytest.TempPathFactory, settings: Callable[[Mirror], dict[str, Any]]) -> Generator[Drill]:
    """Deploy what `settings` says, and wait until it is watched; at the end it goes, and the table is shown."""
    engine = prepared.engine()
    name = f"it-{secrets.token_hex(3)}-d"
    rows: list[str] = []
    with ExitStack() as cleanup:
        kube = cleanup.enter_context(Kube(engine.kubeconfig))
        mirror = cleanup.enter_context(Mirror(kube, f"mirror-{name}"))
        stack = LiveStack(engine, folders.mktemp(name, numbered=False), name)
        cleanup.callback(stack.end)
        stack.configure(settings(mirror))
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


def hurry(drill: Drill) -> None:
    """Have the stack's alerts wait less."""
    path = f"/apis/monitoring.coreos.com/v1/namespaces/{names.namespace_of(drill.stack.name)}/prometheusrules/echorator"
    found = drill.kube.get(path)
    assert found is not None
    drill.kube.patch(path, {"spec": {"groups": hurried(found["spec"]["groups"], FACTOR)}})
