"""The ways of the peers, as they deploy a model: otwld/ollama-helm by `helm`, and the objects of ollama-operator.

Both pull from a registry that counts what it serves. The operator itself is not run: its objects are, as its code
(pkg/model, ece3188) makes them: a store that pulls onto one volume, and replicas that mount it read-only.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path
from typing import Any

from components.versions import OLLAMA_VERSION, image
from tests.support import prepared
from tests.support.kube import Kube
from toolchain import paths
from toolchain.images import build_and_push
from toolchain.images.spec import Binary, Debs, ImageSpec
from toolchain.local import REGISTRY_FORWARD, REGISTRY_INSIDE

SHELL_IMAGE = "docker.io/bench/ollama"
"""Ollama with a shell, which the chart's postStart hook needs and our own image has not."""

PORT = 5000
MOUNT = "/root/.ollama"


def push_shell_image() -> str:
    """Put Ollama with busybox into the node's registry; returns its reference."""
    spec = ImageSpec(
        name=SHELL_IMAGE,
        tag=OLLAMA_VERSION,
        licence="MIT AND GPL-2.0-only",
        debs=Debs(closed=("libstdc++6",), alone=("ca-certificates", "busybox-static")),
        binaries=(Binary("ollama", "/usr/bin/ollama"),),
        busybox_links=True,
        entrypoint=("/bin/ollama",),
        command=("serve",),
        env=(("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/root"), ("OLLAMA_HOST", "0.0.0.0:11434")),
    )
    port = prepared.node().forward(REGISTRY_FORWARD, REGISTRY_INSIDE)
    build_and_push(
        [spec],
        tools=prepared.tools(),
        registry_url=f"http://127.0.0.1:{port}",
        work_dir=paths.cache_dir() / "images",
        progress=_silent,
    )
    return spec.reference


def counting_registry(kube: Kube, namespace: str) -> str:
    """Start a registry in front of the node's that counts what it serves; returns `host:port`."""
    config = (
        '{"root": "/data", "listen": "0.0.0.0:5000", "upstreams": [{"host": "registry.ollama.ai", "alias": "counter",'
        ' "endpoints": ["http://mirror.local-registry.svc.cluster.local:5000"]}]}'
    )
    labels = {"app": "counter"}
    kube.create(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "counter"}, "data": {"c": config}})
    kube.create(
        f"/api/v1/namespaces/{namespace}/services",
        {"metadata": {"name": "counter"}, "spec": {"selector": labels, "ports": [{"port": PORT}]}},
    )
    container = {
        "name": "counter",
        "image": image("runtime"),
        "args": ["model_store", "--config", "/config/c"],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "config", "mountPath": "/config"}],
    }
    volumes: list[dict[str, Any]] = [
        {"name": "data", "emptyDir": {}},
        {"name": "config", "configMap": {"name": "counter"}},
    ]
    pod = {
        "metadata": {"name": "counter", "labels": labels},
        "spec": {"containers": [container], "volumes": volumes, "securityContext": {"fsGroup": 1001}},
    }
    kube.create(f"/api/v1/namespaces/{namespace}/pods", pod)
    kube.wait_ready(namespace, "counter")
    return f"counter.{namespace}.svc.cluster.local:{PORT}"


def served_bytes(kube: Kube, namespace: str) -> float:
    """Bytes of blobs and manifests that the counting registry has handed out."""
    text = kube.request("GET", f"/api/v1/namespaces/{namespace}/pods/counter:{PORT}/proxy/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("model_store_served_bytes_total{")]
    wanted = [line for line in lines if 'kind="blob' in line or 'kind="manifest' in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in wanted)


class _Place:
    """A namespace of its own."""

    def __init__(self, kube: Kube, model: str) -> None:
        self.kube = kube
        self.model = model
        self.namespace = f"bench-peer-{secrets.token_hex(3)}"
        kube.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})

    def remove(self) -> None:
        """Take everything away."""
        self.kube.delete_namespace(self.namespace)


class Helm(_Place):
    """One release of the chart, with its defaults."""

    name = "otwld/ollama-helm"
    selector = "app.kubernetes.io/instance%3Dpeer"

    def __init__(self, kube: Kube, model: str, chart: Path, program: str) -> None:
        super().__init__(kube, model)
        self._chart = chart
        self._program = program

    def install(self, replicas: int) -> None:
        """Deploy."""
        self._run("install", replicas, {})

    def upgrade(self, replicas: int) -> None:
        """Change nothing but an annotation of the pods."""
        self._run("upgrade", replicas, {"podAnnotations.turn": "second"})

    def _run(self, verb: str, replicas: int, more: dict[str, str]) -> None:
        texts = {
            "image.repository": SHELL_IMAGE,
            "image.tag": OLLAMA_VERSION,
            "ollama.models.pull[0]": self.model,
            **more,
        }
        options = [part for key, value in texts.items() for part in ("--set-string", f"{key}={value}")]
        options += ["--set", f"replicaCount={replicas}", "--set", "ollama.insecure=true"]
        self._call(verb, "peer", str(self._chart), *options)

    def _call(self, *arguments: str) -> None:
        environment = {**os.environ, "KUBECONFIG": str(prepared.engine().kubeconfig)}
        command = [self._program, *arguments, "-n", self.namespace]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


class Operator(_Place):
    """The objects that ollama-operator makes of one Model."""

    name = "the way of ollama-operator"
    selector = "app%3Dollama-model"

    def install(self, replicas: int) -> None:
        """Make the store and then the model's Deployment."""
        core, apps = f"/api/v1/namespaces/{self.namespace}", f"/apis/apps/v1/namespaces/{self.namespace}"
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
        self.kube.create(
            f"{core}/persistentvolumeclaims", {"metadata": {"name": "ollama-models-store-pvc"}, "spec": claim}
        )
        store = {"app": "ollama-models-store"}
        self.kube.create(
            f"{core}/services",
            {"metadata": {"name": "ollama-models-store"}, "spec": {"selector": store, "ports": [{"port": 11434}]}},
        )
        self.kube.create(
            f"{apps}/statefulsets",
            {
                "metadata": {"name": "ollama-models-store"},
                "spec": {
                    "replicas": 1,
                    "selector": {"matchLabels": store},
                    "serviceName": "ollama-models-store",
                    "template": {"metadata": {"labels": store}, "spec": self._pod(read_only=False)},
                },
            },
        )
        # Its controller waits for the store before it makes the Deployment, and looks again each 5 s.
        self.kube.wait_ready(self.namespace, "ollama-models-store-0")
        model = {"app": "ollama-model"}
        pull = {
            "name": "ollama-image-pull",
            "image": f"{SHELL_IMAGE}:{OLLAMA_VERSION}",
            "command": ["/bin/sh", "-c"],
            "args": [f"ollama pull --insecure {self.model}"],
            "env": [{"name": "OLLAMA_HOST", "value": f"ollama-models-store.{self.namespace}"}],
        }
        template = {
            "metadata": {"labels": model},
            "spec": {**self._pod(read_only=True), "initContainers": [pull]},
        }
        spec = {"replicas": replicas, "selector": {"matchLabels": model}, "template": template}
        self.kube.create(f"{apps}/deployments", {"metadata": {"name": "ollama-model"}, "spec": spec})

    def upgrade(self, replicas: int) -> None:
        """Change nothing but an annotation of the pods."""
        del replicas
        change = {"spec": {"template": {"metadata": {"annotations": {"turn": "second"}}}}}
        self.kube.patch(f"/apis/apps/v1/namespaces/{self.namespace}/deployments/ollama-model", change)

    def _pod(self, *, read_only: bool) -> dict[str, Any]:
        probe = {
            "httpGet": {"path": "/api/tags", "port": 11434},
            "initialDelaySeconds": 5,
            "failureThreshold": 2500,
            "timeoutSeconds": 5,
        }
        container = {
            "name": "server",
            "image": f"{SHELL_IMAGE}:{OLLAMA_VERSION}",
            "args": ["serve"],
            "env": [{"name": "OLLAMA_HOST", "value": ":11434"}],
            "readinessProbe": probe,
            "volumeMounts": [{"name": "image-storage", "mountPath": MOUNT, "readOnly": read_only}],
        }
        claim = {"claimName": "ollama-models-store-pvc", "readOnly": read_only}
        return {"containers": [container], "volumes": [{"name": "image-storage", "persistentVolumeClaim": claim}]}


def warm(kube: Kube, namespace: str, image: str, reference: str) -> None:
    """Have the node fetch the image, and the counting registry the model."""
    script = f"ollama serve & sleep 2; ollama pull --insecure {reference}"
    container = {"name": "warm", "image": image, "command": ["/bin/sh", "-c", script]}
    kube.run_pod(
        namespace, {"metadata": {"name": "warm"}, "spec": {"restartPolicy": "Never", "containers": [container]}}
    )


def _silent(what: str, detail: str) -> None:
    """Take progress that no display shows."""
    del what, detail
