"""What a Service's endpoints were, and when: for a test that has to say why an answer was lost."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import httpx

from tests.support.kube import Item, Kube

_EVERY_S = 0.25


class EndpointHistory:
    """Writes down the endpoints of one Service whenever they change, while the body runs."""

    def __init__(self, kube: Kube, namespace: str, service: str) -> None:
        self._kube = kube
        self._path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        self._query = f"labelSelector=kubernetes.io/service-name={service}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.lines: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        before = ""
        while not self._stop.wait(_EVERY_S):
            try:
                slices = self._kube.items(f"{self._path}?{self._query}")
            except httpx.HTTPError as error:
                now = repr(error)
            else:
                now = "; ".join(sorted(_told(one) for part in slices for one in _endpoints(part)))
            if now != before:
                before = now
                self.lines.append(f"{time.time():.1f} {now or 'none'}")


def _endpoints(part: Item) -> list[Item]:
    # The API has null where there is none.
    return part.get("endpoints") or []


def _told(endpoint: Item) -> str:
    conditions = [name for name, value in sorted(endpoint["conditions"].items()) if value]
    return f"{endpoint['targetRef']['name']} {','.join(endpoint['addresses'])} {'+'.join(conditions) or 'not ready'}"
