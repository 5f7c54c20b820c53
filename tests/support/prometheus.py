"""A Prometheus or Alertmanager in the cluster, asked through the API server's proxy to its pod."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import quote

from tests.support.kube import Kube

Sample = dict[str, Any]


class InCluster:
    """One pod's HTTP API."""

    def __init__(self, kube: Kube, namespace: str, pod: str, port: int) -> None:
        self._kube = kube
        self._base = f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy"

    def get(self, path: str) -> Any:
        """Return what a GET answers; None while nobody does."""
        answer = self._kube.request("GET", f"{self._base}{path}")
        return answer.json() if answer.is_success else None

    def query(self, expression: str) -> list[Sample]:
        """Return the samples of an instant query."""
        path = f"{self._base}/api/v1/query?query={quote(expression)}"
        answer = self._kube.request("GET", path)
        found = answer.json()
        assert found.get("status") == "success", f"{expression}: {found}"
        return cast("list[Sample]", found["data"]["result"])

    def targets(self) -> dict[str, str]:
        """Return `job/pod` of each target to its health, with the error where there is one."""
        found = self.get("/api/v1/targets?state=active")
        active: list[Sample] = [] if found is None else found["data"]["activeTargets"]
        return {
            f"{one['labels']['job']}/{one['labels'].get('pod', '')}": f"{one['health']}: {one['lastError']}".rstrip(
                ": "
            )
            for one in active
        }

    def alerts(self) -> dict[str, str]:
        """Return the alerts that are pending or firing, name to state; the louder state of two counts."""
        found = self.get("/api/v1/alerts")
        active: list[Sample] = [] if found is None else found["data"]["alerts"]
        states = sorted((one["labels"]["alertname"], one["state"]) for one in active)
        return dict(sorted(states, key=lambda pair: pair[1] == "firing"))
