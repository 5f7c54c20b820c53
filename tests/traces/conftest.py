"""One stack for all tests here: a model, an echo service with a memory, Jaeger, the collector, a place for logs.

`make drill OF=traces` brings what it needs.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.labels import ECHO_CLIENT, namespace_labels
from components.monitoring import names
from tests.integration.chat import MINILM, SMOLLM2, server, store
from tests.integration.mirror import Mirror
from tests.integration.probes import pod
from tests.support import prepared
from tests.support.kube import Kube
from tests.support.prometheus import InCluster
from tests.support.stack import LiveStack
from tests.traces.sink import Sink, sink

SPACE = "home"
_SMALL = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
_ASK = """
import json, sys, time, urllib.request
base, key, body, headers = sys.argv[1], sys.argv[2], sys.argv[3].encode(), json.loads(sys.argv[4])
for _ in range(240):
    # A policy reaches a new pod's rules some seconds after the pod starts.
    try:
        urllib.request.urlopen(base + "/api/health", timeout=5).close()
        break
    except OSError:
        time.sleep(0.5)
headers |= {"content-type": "application/json", "authorization": "Bearer " + key}
request = urllib.request.Request(base + "/api/chat", data=body, headers=headers)
with urllib.request.urlopen(request, timeout=240) as answer:
    print(answer.read().decode())
"""


@dataclass
class Traced:
    """The stack, and where its traces and logs go."""

    kube: Kube
    stack: LiveStack
    sink: Sink
    key: str
    clients: str
    asked: int = 0

    def ask(self, words: str, **headers: str) -> dict[str, Any]:
        """Return the answer to a chat in the space, asked by a pod of a client's."""
        self.asked += 1
        body = {
            "model": SMOLLM2,
            "messages": [{"role": "user", "content": words}],
            "stream": False,
            "options": {"num_predict": 8},
            "echo": {"conversation": "talk"},
        }
        url = f"http://echo.{self.stack.namespace}.svc.cluster.local:5000"
        arguments = [_ASK, url, self.key, json.dumps(body), json.dumps(headers)]
        asking = pod(f"ask-{self.asked}", {ECHO_CLIENT: "true"}, arguments)
        found: dict[str, Any] = json.loads(self.kube.run_pod(self.clients, asking, limit_s=400))
        return found

    @property
    def monitoring(self) -> str:
        return names.namespace_of(self.stack.name)

    def jaeger(self) -> InCluster:
        """What answers questions about traces."""
        return InCluster(self.kube, self.monitoring, self.pod(names.JAEGER), names.JAEGER_PORT)

    def pod(self, part: str, namespace: str = "") -> str:
        """Return the name of a part's only pod."""
        space = namespace or self.monitoring
        path = f"/api/v1/namespaces/{space}/pods?labelSelector=app.kubernetes.io/name={part}"
        (found,) = [one["metadata"]["name"] for one in self.kube.items(path)]
        return str(found)


@pytest.fixture(scope="session")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    engine = prepared.engine()
    name = f"tr-{secrets.token_hex(3)}"
    with ExitStack() as cleanup:
        kube = cleanup.enter_context(Kube(engine.kubeconfig))
        mirror = cleanup.enter_context(Mirror(kube, f"mirror-{name}"))
        place = cleanup.enter_context(sink(kube, f"sink-{name}"))
        folder: Path = tmp_path_factory.mktemp(name, numbered=False)
        stack = LiveStack(engine, folder, name)
        cleanup.callback(stack.end)
        stack.configure(settings(name, mirror, place))
        stack.up()
        # By its labels of the stack; by its name not, or the readers would send what these pods print.
        clients = f"clients-{name}"
        kube.create("/api/v1/namespaces", {"metadata": {"name": clients, "labels": namespace_labels(name)}})
        cleanup.callback(kube.delete_namespace, clients)
        yield Traced(kube, stack, place, key_of(stack), clients)


def settings(name: str, mirror: Mirror, place: Sink) -> dict[str, Any]:
    """Of the stack; what it need not have for a trace is off."""
    to = names.service_url(names.COLLECTOR, name, names.OTLP_PORT)
    return {
        "environment": "dev",
        "servers": [server(1, [SMOLLM2, MINILM])],
        "modelStore": store(mirror),
        "memory": {
            "enabled": True,
            "storage": "1Gi",
            "resources": _SMALL,
            "redis": {"memory": "32Mi"},
            "backups": {"enabled": False},
        },
        "echo": {
            "enabled": True,
            "replicas": 1,
            "keys": [{"name": "default", "roles": ["user", "operator"], "spaces": [SPACE], "space": SPACE}],
            "memory": {"embedder": {"model": MINILM, "width": 384}},
            "traces": {"endpoint": to, "share": 1},
        },
        "monitoring": {
            "enabled": True,
            "nodeExporter": False,
            "dashboards": False,
            "prometheus": {"storage": "1Gi", "scrapeSeconds": 5, "retention": "1d", "memory": "512Mi"},
            "collector": {
                "enabled": True,
                "logs": {"url": place.url},
                "traces": {"url": place.url},
                "jaeger": True,
            },
        },
    }


def key_of(stack: LiveStack) -> str:
    """Return the key that the stack made."""
    resources = json.loads(stack.state("--show-secrets"))["deployment"]["resources"]
    (outputs,) = [one["outputs"] for one in resources if one["type"] == "pulumi:pulumi:Stack"]
    found = outputs["echo-keys"]
    # As a secret, its text is JSON in JSON.
    keys = json.loads(found["plaintext"]) if "plaintext" in found else found
    return str(keys["default"])
