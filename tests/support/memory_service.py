"""A pod beside the models that signs in to the memory store as the echo service does: our image, the Secret's URL."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any

from components import pod_security
from components.memory import names
from components.versions import image
from tests.support.kube import Kube, wait_for

POD = "memory-service"
PYTHON = "/usr/bin/python3.11"
_SLEEP = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(0)); signal.pause()"


class MemoryService:
    """The pod, once it is Ready."""

    def __init__(self, kube: Kube, kubeconfig: Path, namespace: str) -> None:
        self.kube = kube
        self.namespace = namespace
        self._kubectl = [os.environ["ECHORATOR_KUBECTL"], "--kubeconfig", str(kubeconfig), "-n", namespace]

    def python(self, script: str, *arguments: str, limit_s: float = 300) -> str:
        """What a script in the pod writes.

        Raises:
            AssertionError: it failed; with what it wrote on its error stream.
        """
        done = subprocess.run(
            [*self._kubectl, "exec", "-i", POD, "--", PYTHON, "-c", script, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def start(self, script: str, *arguments: str) -> Generator[Running]:
        """Run a script that writes JSON lines and goes on until its input ends."""
        command = [*self._kubectl, "exec", "-i", POD, "--", PYTHON, "-c", script, *arguments]
        with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) as process:
            try:
                yield Running(process)
            finally:
                process.kill()


class Running:
    """A script that runs in the pod."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._errors: list[str] = []
        self.told: dict[str, Any] = {}
        """Its last line."""
        self._listening = threading.Thread(target=self._listen, daemon=True)
        for reader in (self._listening, threading.Thread(target=self._note, daemon=True)):
            reader.start()

    def wait_for(self, what: str, look: Callable[[dict[str, Any]], bool], limit_s: float = 300) -> None:
        """Wait until its last line is as wanted."""

        def found() -> bool:
            assert self._process.poll() is None, f"it ended: {''.join(self._errors)}"
            return bool(self.told) and look(self.told)

        wait_for(what, found, limit_s)

    def end(self, limit_s: float = 300) -> dict[str, Any]:
        """End its input, and return the last line that it writes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(limit_s) == 0, "".join(self._errors)
        self._listening.join(10)
        return self.told

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self.told = json.loads(line)

    def _note(self) -> None:
        self._errors.extend(self._process.stderr or ())


@contextmanager
def memory_service(kube: Kube, kubeconfig: Path, namespace: str) -> Generator[MemoryService]:
    """Make the pod; it goes at the end."""
    kube.create(f"/api/v1/namespaces/{namespace}/pods", pod())
    try:
        kube.wait_ready(namespace, POD, limit_s=300)
        yield MemoryService(kube, kubeconfig, namespace)
    finally:
        kube.delete(f"/api/v1/namespaces/{namespace}/pods/{POD}", grace_s=0)


def pod() -> dict[str, Any]:
    """The pod, with the Secret that the memory store's component makes for services."""
    container = {
        "name": "service",
        "image": image("echo"),
        "command": [PYTHON, "-c", _SLEEP],
        "securityContext": pod_security.CONTAINER,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "256Mi"}},
        "volumeMounts": [{"name": "memory", "mountPath": names.SERVICE_MOUNT, "readOnly": True}],
    }
    return {
        "metadata": {"name": POD, "labels": {names.CLIENT: "true"}},
        "spec": {
            **pod_security.POD_SPEC,
            "containers": [container],
            "volumes": [{"name": "memory", "secret": {"secretName": names.SERVICE_SECRET, "defaultMode": 0o440}}],
        },
    }
