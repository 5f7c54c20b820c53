"""A pod that tries to connect, and says to what it could."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.versions import image
from tests.support.kube import Kube

_SCRIPT = """
import json, socket, sys, time
wanted = json.loads(sys.argv[1])
def tried(target):
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        return "open"
    except OSError as error:
        return f"closed ({error})"
deadline = time.monotonic() + 30
steady = 0
while steady < 2 and time.monotonic() < deadline:
    # A policy reaches a new pod's rules some seconds after the pod starts.
    found = {target: tried(target) for target in wanted}
    steady = steady + 1 if all(found[t].startswith(w) for t, w in wanted.items()) else 0
    time.sleep(0.5)
print(json.dumps(found))
"""


def pod(name: str, labels: Mapping[str, str], arguments: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return a pod of the runtime image that Pod Security `restricted` lets in and that runs the probe once."""
    container = {
        "name": "probe",
        "image": image("runtime"),
        "command": ["/usr/bin/python3.11", "-c", *arguments],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        **more,
    }
    return {
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }


def connects(
    kube: Kube, namespace: str, labels: Mapping[str, str], wanted: Mapping[str, bool], **more: Any
) -> dict[str, bool]:
    """Return which targets a pod with these labels could connect to, twice in a row or after 30 s.

    Args:
        kube: the cluster.
        namespace: where the pod runs.
        labels: of the pod.
        wanted: `host:port` to what is right; the pod tries until it finds that.
        more: further keys of the container.
    """
    asked = {target: "open" if is_open else "closed" for target, is_open in wanted.items()}
    log = kube.run_pod(namespace, pod("probe", labels, [_SCRIPT, json.dumps(asked)], **more))
    found: dict[str, str] = json.loads(log)
    return {target: said == "open" for target, said in found.items()}
