"""What is broken, and how it is mended: through the node and the API server, as a machine or a person would."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any

import httpx

from replica_agent.ports import GATE_PORT
from tests.drill.bed import Drill
from tests.integration.chat import SMOLLM2

VOLUME_BYTES = 900 * 2**20
_FILLER = "filler"
# Long enough to be read slowly, and no text that a model would know by heart.
_PROMPT = " ".join(f"word{number}" for number in range(60))


def fill(drill: Drill, folder: str, share: float) -> None:
    """Leave so much of a volume free; it is memory of the node, so that the machine's disk has no part in it."""
    free, size = _room(drill, folder)
    drill.node.run_inside(["fallocate", "--length", str(int(free - share * size)), f"{folder}/{_FILLER}"])


def empty(drill: Drill, folder: str) -> None:
    """Take away what filled it."""
    drill.node.run_inside(["rm", "--force", f"{folder}/{_FILLER}"])


@contextmanager
def small_volume(drill: Drill, pod: str) -> Generator[str]:
    """Give a replica a volume with an end, which the local cluster's folders have not; yields its folder."""
    folder = _folder(drill, pod)
    drill.node.run_inside(["mount", "-t", "tmpfs", "-o", f"size={VOLUME_BYTES},mode=0777", "tmpfs", folder])
    try:
        restart(drill, pod)
        yield folder
    finally:
        drill.node.run_inside(["umount", "--lazy", folder])
        restart(drill, pod)


def restart(drill: Drill, pod: str) -> None:
    """Delete a pod, and wait for the next of its name."""
    found = drill.kube.pod(drill.stack.namespace, pod)
    assert found is not None
    drill.kube.delete(f"/api/v1/namespaces/{drill.stack.namespace}/pods/{pod}")
    drill.kube.wait_ready(drill.stack.namespace, pod, other_than=found["metadata"]["uid"], limit_s=240)


def limit_processor(drill: Drill, pod: str, cpu: str) -> None:
    """Change how much of a processor Ollama may use, while it runs."""
    patch = {"spec": {"containers": [{"name": "ollama", "resources": {"limits": {"cpu": cpu}}}]}}
    path = f"/api/v1/namespaces/{drill.stack.namespace}/pods/{pod}/resize"
    answer = drill.kube.request("PATCH", path, patch, kind="application/strategic-merge-patch+json")
    assert answer.status_code == HTTPStatus.OK, answer.text


_MOST, _PERIOD_S = 7, 20
"""Questions, and the seconds from one to the next: from the tenth slow answer on the objectives' alerts would fire
too, and look back for hours; with fewer in a minute there would be no rate to go by."""


class Asking:
    """Somebody who asks one replica for streamed answers, one after the other, and not often."""

    def __init__(self, drill: Drill, pod: str) -> None:
        self._drill = drill
        self._path = f"/api/v1/namespaces/{drill.stack.namespace}/pods/{pod}:{GATE_PORT}/proxy/api/generate"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def once(self, number: int = 0) -> None:
        """Ask, and read the answer."""
        body: dict[str, Any] = {"model": SMOLLM2, "prompt": f"{number} {_PROMPT}", "options": {"num_predict": 3}}
        self._drill.kube.request("POST", self._path, body)

    def end(self) -> None:
        self._over.set()
        self._thread.join(120)

    def _run(self) -> None:
        for number in range(1, _MOST + 1):
            began = time.monotonic()
            # Who gives up asks the next one all the same.
            with suppress(httpx.TimeoutException):
                self.once(number)
            if self._over.wait(max(1, began + _PERIOD_S - time.monotonic())):
                return


def _folder(drill: Drill, pod: str) -> str:
    claim = drill.kube.get(f"/api/v1/namespaces/{drill.stack.namespace}/persistentvolumeclaims/data-{pod}")
    assert claim is not None
    volume = drill.kube.get(f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}")
    assert volume is not None
    spec: dict[str, Any] = volume["spec"]
    return str((spec.get("local") or spec["hostPath"])["path"])


def _room(drill: Drill, folder: str) -> tuple[int, int]:
    said = drill.node.run_inside(["stat", "--file-system", "--format=%a %b %S", folder]).stdout
    free, size, block = (int(word) for word in said.split())
    return free * block, size * block
