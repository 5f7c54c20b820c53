"""One deployed stack under watch, and the way through a fault."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.integration.mirror import Mirror
from tests.support.kube import Kube, wait_for
from tests.support.prometheus import InCluster
from tests.support.stack import LiveStack
from toolchain import paths
from toolchain.node.node import Node

FACTOR = float(os.environ.get("ECHORATOR_DRILL_FACTOR", "1"))
LIMIT_S = 900 / FACTOR + 120
SETTINGS = {
    "enabled": True,
    # As in prod: it has more that can go wrong.
    "tls": True,
    "responder": {"enabled": True},
    "kubelet": True,
    "kubeStateMetrics": True,
    "probes": {"enabled": True, "seconds": 10, "timeoutSeconds": 10},
    "prometheus": {"storage": "1Gi", "scrapeSeconds": 5, "retention": "1d", "memory": "512Mi"},
}
ROWS_FILE = paths.state_dir() / "drill.md"
NEARLY_FULL = 0.35
# Always there, and no news of a fault.
EXPECTED = {"Watchdog"}


def _of_this_machine() -> set[str]:
    """Alerts that are right, and no news: the local cluster's volumes are folders of a disk that others fill too."""
    found = shutil.disk_usage(paths.state_dir())
    return {"VolumeFilling"} if found.free < NEARLY_FULL * found.total else set()


@dataclass
class Drill:
    """One stack under watch."""

    kube: Kube
    stack: LiveStack
    prometheus: InCluster
    alertmanager: InCluster
    mirror: Mirror
    node: Node
    rows: list[str]

    def firing(self) -> set[str]:
        """Alerts that fire and are not held back by another one: what people would be told of."""
        told: list[dict[str, Any]] | None = self.alertmanager.get(
            "/api/v2/alerts?active=true&silenced=false&inhibited=false"
        )
        return {one["labels"]["alertname"] for one in told or []} - EXPECTED - _of_this_machine()

    def scale(self, name: str, replicas: int, kind: str = "statefulsets") -> None:
        path = f"/apis/apps/v1/namespaces/{self.stack.namespace}/{kind}/{name}"
        self.kube.patch(path, {"spec": {"replicas": replicas}})

    def tell(self, row: str) -> None:
        """Keep a row of the table; at once, since a drill that is cut off has some too."""
        self.rows.append(row)
        with ROWS_FILE.open("a", encoding="utf-8") as file:
            file.write(f"{row}\n")

    def quiet(self, when: str) -> None:
        """Wait until nothing fires."""
        try:
            wait_for(f"quiet {when}", lambda: not self.firing(), LIMIT_S)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.firing()} fire") from error

    def case(
        self,
        fault: str,
        alert: str,
        begin: Callable[[], None],
        end: Callable[[], None],
        also: frozenset[str] = frozenset(),
    ) -> None:
        """Begin the fault, wait for its alert, end the fault, wait until nothing fires.

        Args:
            fault: what is broken, for the table.
            alert: that must fire.
            begin: breaks it.
            end: mends it.
            also: alerts that may fire too, since they say what users notice of it.
        """
        self.quiet(f"before: {fault}")
        seen: set[str] = set()

        def fired() -> bool:
            seen.update(self.firing())
            return alert in seen

        started = time.monotonic()
        begin()
        try:
            self._until(f"{alert} after: {fault}", fired, seen)
            to_fire = time.monotonic() - started
        finally:
            end()
        ended = time.monotonic()

        def quiet() -> bool:
            now = self.firing()
            seen.update(now)
            return not now

        self._until(f"quiet after: {fault}", quiet, seen)
        others = ", ".join(sorted(seen - {alert})) or "none"
        self.tell(f"| {fault} | `{alert}` | {to_fire:.0f} | {time.monotonic() - ended:.0f} | {others} |")
        assert alert in seen <= {alert} | also, f"{fault}: also {others}"

    @staticmethod
    def _until(what: str, look: Callable[[], bool], seen: set[str]) -> None:
        try:
            wait_for(what, look, LIMIT_S)
        except AssertionError as error:
            raise AssertionError(f"{error}; seen so far: {sorted(seen)}") from error
