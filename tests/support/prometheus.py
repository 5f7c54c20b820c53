"""A Prometheus or Alertmanager in the cluster, asked through the API server's proxy to its pod."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import quote

from tests.support.kube import Kube

Sample = dict[str, Any]


class InCluster:
    """One pod's HTTP API; `scheme` is how the API server asks it."""

    def __init__(self, kube: Kube, namespace: str, pod: str, port: int, *, scheme: str = "http") -> None:
        self._kube = kube
        self._base = f"/api/v1/namespaces/{namespace}/pods/{scheme}:{pod}:{port}/proxy"

    def get(self, path: str) -> Any:
        """Return what a GET answers; None while nobody does."""
        answer = self._kube.request("GET", f"{self._base}{path}")
        return answer.json() if answer.is_success else None

    def post(self, path: str, body: object) -> None:
        """Send a document.

        Raises:
            AssertionError: it was not taken.
        """
        answer = self._kube.request("POST", f"{self._base}{path}", body)
        assert answer.is_success, answer.text

    def text(self, path: str) -> str:
        """Return what a GET answers, as it is."""
        return self._kube.request("GET", f"{self._base}{path}").text

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

    def schemes(self) -> dict[str, set[str]]:
        """Return each job's schemes, as its targets are asked."""
        answer = self.get("/api/v1/targets?state=active")
        active: list[Sample] = [] if answer is None else answer["data"]["activeTargets"]
        found: dict[str, set[str]] = {str(one["labels"]["job"]): set() for one in active}
        for one in active:
            found[one["labels"]["job"]].add(str(one["scrapeUrl"]).partition(":")[0])
        return found

    def alerts(self) -> dict[str, str]:
        """Return the alerts that are pending or firing, name to state; the louder state of two counts."""
        found = self.get("/api/v1/alerts")
        active: list[Sample] = [] if found is None else found["data"]["alerts"]
        states = sorted((one["labels"]["alertname"], one["state"]) for one in active)
        return dict(sorted(states, key=lambda pair: pair[1] == "firing"))
