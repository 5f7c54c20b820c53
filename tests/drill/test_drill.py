"""`make drill`: each fault raises its alert, and no other that people are told of; the alert ends after the fault.

The table at the end has the seconds from the fault to the alert, and from the end of the fault to its end. With
ECHORATOR_DRILL_FACTOR above 1 the alerts' own waits are so many times shorter (docs/monitoring.md).
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.monitoring import names
from tests.drill.hurry import hurried
from tests.integration.chat import SMOLLM2, server, store
from tests.integration.mirror import Mirror
from tests.support import prepared
from tests.support.kube import Kube, wait_for
from tests.support.prometheus import InCluster
from tests.support.stack import LiveStack

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]

FACTOR = float(os.environ.get("ECHORATOR_DRILL_FACTOR", "1"))
LIMIT_S = 900 / FACTOR + 120
SETTINGS = {
    "enabled": True,
    "images": "debian",
    "prometheus": {"storage": "1Gi", "scrapeSeconds": 5, "retention": "1d", "memory": "512Mi"},
}
# Always there, and no news of a fault.
_EXPECTED = {"Watchdog"}


@dataclass
class Drill:
    """One stack under watch."""

    kube: Kube
    stack: LiveStack
    prometheus: InCluster
    alertmanager: InCluster
    rows: list[str]

    def firing(self) -> set[str]:
        """Alerts that fire and are not held back by another one: what people would be told of."""
        told: list[dict[str, Any]] | None = self.alertmanager.get(
            "/api/v2/alerts?active=true&silenced=false&inhibited=false"
        )
        return {one["labels"]["alertname"] for one in told or []} - _EXPECTED

    def scale(self, name: str, replicas: int) -> None:
        path = f"/apis/apps/v1/namespaces/{self.stack.namespace}/statefulsets/{name}"
        self.kube.patch(path, {"spec": {"replicas": replicas}})

    def case(self, fault: str, alert: str, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Begin the fault, wait for its alert, end the fault, wait until nothing fires."""
        wait_for(f"quiet before: {fault}", lambda: not self.firing(), LIMIT_S)
        seen: set[str] = set()

        def fired() -> bool:
            seen.update(self.firing())
            return alert in seen

        started = time.monotonic()
        begin()
        try:
            wait_for(f"{alert} after: {fault}", fired, LIMIT_S)
            to_fire = time.monotonic() - started
        finally:
            end()
        ended = time.monotonic()

        def quiet() -> bool:
            now = self.firing()
            seen.update(now)
            return not now

        wait_for(f"quiet after: {fault}", quiet, LIMIT_S)
        others = ", ".join(sorted(seen - {alert})) or "none"
        self.rows.append(f"| {fault} | `{alert}` | {to_fire:.0f} | {time.monotonic() - ended:.0f} | {others} |")
        assert seen == {alert}, f"{fault}: also {others}"


@pytest.fixture(scope="module")
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
        stack.configure({"servers": [server(2, [SMOLLM2])], "modelStore": store(mirror), "monitoring": SETTINGS})
        began = time.monotonic()
        stack.up()
        rows.append(f"deployed in {time.monotonic() - began:.0f} s; waits {FACTOR:g} times shorter")
        space = names.namespace_of(name)
        path = f"/apis/monitoring.coreos.com/v1/namespaces/{space}/prometheusrules/echorator"
        found = kube.get(path)
        assert found is not None
        kube.patch(path, {"spec": {"groups": hurried(found["spec"]["groups"], FACTOR)}})
        drill = Drill(
            kube,
            stack,
            InCluster(kube, space, f"prometheus-{name}-0", names.PROMETHEUS_PORT),
            InCluster(kube, space, f"alertmanager-{name}-0", names.ALERTMANAGER_PORT),
            rows,
        )
        wait_for("every target is up", lambda: set(drill.prometheus.targets().values()) == {"up"}, 180)
        wait_for("alerts get to Alertmanager", lambda: drill.alertmanager.get("/api/v2/alerts"), 180)
        yield drill
        print("\n" + "\n".join(rows))


def test_the_store_is_blocked(drill: Drill) -> None:
    drill.case(
        "the store is taken away",
        "StoreDown",
        lambda: drill.scale("model-store", 0),
        lambda: drill.scale("model-store", 1),
    )


def test_a_replica_is_killed_and_does_not_come_back(drill: Drill) -> None:
    drill.case(
        "one of two replicas is taken away",
        "ReplicaMissing",
        lambda: drill.scale("chat", 1),
        lambda: drill.scale("chat", 2),
    )


def test_a_model_is_deleted_by_hand(drill: Drill) -> None:
    def delete() -> None:
        # Through Ollama itself: the gate lets no client do it.
        script = (
            f'import urllib.request as u; gone = b\'{{"model":"{SMOLLM2}"}}\';'
            "u.urlopen(u.Request('http://127.0.0.1:11435/api/delete', gone, method='DELETE'))"
        )
        drill.kube.execute(drill.stack.namespace, "chat-0", "agent", "/usr/bin/python3.11", "-c", script)

    drill.case("a model is deleted by hand", "ModelDrifted", delete, lambda: None)


def test_the_stack_in_figures(drill: Drill) -> None:
    """What monitoring itself takes, for docs/monitoring.md."""
    (series,) = drill.prometheus.query("prometheus_tsdb_head_series")
    (memory,) = drill.prometheus.query('process_resident_memory_bytes{job="prometheus"}')
    per_job = drill.prometheus.query("sum by (job) (scrape_samples_scraped)")
    drill.rows.append(f"series {series['value'][1]}, memory {float(memory['value'][1]) / 2**20:.0f} MiB")
    drill.rows.append(", ".join(f"{one['metric']['job']} {one['value'][1]}" for one in per_job))
    assert float(series["value"][1]) > 0
