"""The echo service is upgraded under load, twice: by a restart of its pods, and by a deploy with another setting.

No stream that can finish within the grace time breaks. In front of a fake Ollama, so that there are more streams than a
small machine's models could give; tests/integration/test_echo.py does it with a real one. Not shown: several nodes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from components.labels import ECHO_CLIENT, namespace_labels
from components.versions import image
from tests.faults.deploys import FaultStack
from tests.faults.table import Table
from tests.integration.probes import pod
from tests.support import fake_ollama, steady_streams
from tests.support.kube import Kube, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(500)]

STREAMS, EVENTS, EVERY_S = 40, 40, 0.25
"""Each stream takes 10 s, and as many run at any moment."""
SERVERS = [f"fake-{number}" for number in range(STREAMS // 2)]
"""One process under many names: each replica of the service gives an adopted server two requests at once."""
PORT = 11434
ROLLED_S = 240
_ROOM = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}


class Rolling:
    """A stack with two replicas of the service, a fake Ollama behind it, and clients in front."""

    def __init__(self, kube: Kube, stack: FaultStack) -> None:
        self.kube = kube
        self.stack = stack
        self.apart = f"{stack.name}-apart"
        """A namespace without policies of its own: of the fake Ollama and the clients."""

    def begin(self) -> None:
        """Bring all of it up."""
        labels = namespace_labels(self.stack.name)
        self.kube.create("/api/v1/namespaces", {"metadata": {"name": self.apart, "labels": labels}})
        # No address is every one.
        run = [fake_ollama.TEXT, str(PORT), ""]
        fake = pod("fake", {"app": "fake"}, run, image=image("echo"), resources=_ROOM)
        self.kube.create(f"/api/v1/namespaces/{self.apart}/pods", fake)
        service = {"selector": {"app": "fake"}, "ports": [{"port": PORT, "protocol": "TCP"}]}
        for name in SERVERS:
            made = {"metadata": {"name": name}, "spec": service}
            self.kube.create(f"/api/v1/namespaces/{self.apart}/services", made)
        self.kube.wait_ready(self.apart, "fake")
        self.deploy("512Mi")

    def deploy(self, memory: str) -> None:
        """Deploy; another limit of memory is another template of the pods."""
        resources = {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": memory}}
        self.stack.configure(
            {
                "servers": [
                    {"name": name, "url": f"http://{name}.{self.apart}.svc.cluster.local:{PORT}"} for name in SERVERS
                ],
                "modelStore": {"enabled": False},
                "echo": {
                    "enabled": True,
                    "replicas": 2,
                    "resources": resources,
                    "keys": [{"name": "default", "requestsPerMinute": 1_000_000, "concurrent": 1_000}],
                },
            }
        )
        self.stack.up()

    def key(self) -> str:
        """The key that was made."""
        document = json.loads(self.stack.state("--show-secrets"))
        (found,) = [
            one["outputs"]["echo-keys"]
            for one in document["deployment"]["resources"]
            if one["type"] == "pulumi:pulumi:Stack"
        ]
        return str((json.loads(found["plaintext"]) if "plaintext" in found else found)["default"])

    def pods(self) -> set[str]:
        """Uids of the pods that are not leaving."""
        path = f"/api/v1/namespaces/{self.stack.namespace}/pods?labelSelector=app.kubernetes.io/name=echo"
        return {one["metadata"]["uid"] for one in self.kube.items(path) if "deletionTimestamp" not in one["metadata"]}

    def others(self, before: set[str]) -> Callable[[], bool]:
        """Whether there are two pods and none of those of before."""

        def rolled() -> bool:
            now = self.pods()
            return len(now) == 2 and not now & before

        return rolled


@pytest.fixture
def rolling(kube: Kube, make_stack: Callable[[str], FaultStack]) -> Iterator[Rolling]:
    found = Rolling(kube, make_stack("roll"))
    found.begin()
    yield found
    found.stack.end()
    kube.delete_namespace(found.apart)


def test_a_rolling_upgrade_breaks_no_stream(rolling: Rolling, kube: Kube, table: Table) -> None:
    turn = table.turn(f"Two rolling upgrades of the echo service under {STREAMS} streams")
    url = f"http://echo.{rolling.stack.namespace}.svc.cluster.local:5000"
    given = [steady_streams.TEXT, url, rolling.key(), str(STREAMS), str(EVENTS), str(EVERY_S)]
    clients = pod("clients", {ECHO_CLIENT: "true"}, given, resources=_ROOM)
    kube.create(f"/api/v1/namespaces/{rolling.apart}/pods", clients)
    kube.wait_ready(rolling.apart, "clients")
    before = rolling.pods()
    turn.fault()
    restart = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    kube.patch(f"/apis/apps/v1/namespaces/{rolling.stack.namespace}/deployments/echo", restart)
    wait_for("every pod is another one", rolling.others(before), ROLLED_S)
    between = rolling.pods()
    rolling.deploy("520Mi")
    wait_for("every pod is another one again", rolling.others(between), ROLLED_S)
    turn.over()
    kube.execute(rolling.apart, "clients", "probe", *steady_streams.STOP)

    def ended() -> bool:
        found: Any = kube.pod(rolling.apart, "clients")
        return found is not None and found["status"].get("phase") == "Succeeded"

    wait_for("the clients end", ended, ROLLED_S)
    told = json.loads(kube.request("GET", f"/api/v1/namespaces/{rolling.apart}/pods/clients/log").text)
    turn.saw(
        f"{told['whole']} streams whole, {len(told['broken'])} broken; an event {told['late_s']:.1f} s late at most"
    )
    assert told["broken"] == []
    assert told["whole"] > STREAMS
    turn.right()
