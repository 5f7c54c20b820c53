"""The API server of the local node, asked with plain HTTP by the kubeconfig's own credentials.

It shares nothing with the code under test but the kubeconfig's parser, so that a test does not look through the eyes
of what it judges.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import httpx
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import KubeConfig

T = TypeVar("T")
Item = dict[str, Any]

POLL_S = 0.3


def wait_for(what: str, look: Callable[[], T | None], limit_s: float) -> T:
    """Return the first answer of `look` that is true; fail with `what` after `limit_s` seconds."""
    deadline = time.monotonic() + limit_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            msg = f"not within {limit_s:g} s: {what}"
            raise AssertionError(msg)
        time.sleep(POLL_S)


def is_ready(found: Item) -> bool:
    """Whether a pod is Ready."""
    conditions: list[Item] = found["status"].get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


class Kube:
    """One cluster. Use it as a context manager: it holds connections."""

    def __init__(self, kubeconfig: Path) -> None:
        config = KubeConfig.from_file(kubeconfig).get()
        if config is None:
            msg = f"{kubeconfig} has no current context; run `make up`"
            raise LookupError(msg)
        # Loopback, so no proxy of the environment is asked.
        params = ConnectionParams(timeout=httpx.Timeout(60.0, connect=10.0), trust_env=False)
        self._http = httpx.Client(**cast("Item", params.httpx_params(config)))
        self._kubeconfig = kubeconfig

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def request(self, method: str, path: str, body: object = None, *, kind: str = "application/json") -> httpx.Response:
        """Send one request; `body` goes as JSON."""
        content = None if body is None else json.dumps(body)
        return self._http.request(method, path, content=content, headers={"Content-Type": kind} if content else None)

    def get(self, path: str) -> Item | None:
        """Return the object at `path`, None when there is none."""
        answer = self.request("GET", path)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return cast("Item", _accepted(answer).json())

    def items(self, path: str) -> list[Item]:
        """Return a list's items; none when the list's kind or namespace is not there."""
        found = self.get(path)
        return [] if found is None else cast("list[Item]", found["items"])

    def create(self, path: str, body: Mapping[str, Any]) -> Item:
        """Make one object in the collection at `path`; it must not be there."""
        return cast("Item", _accepted(self.request("POST", path, body)).json())

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        """Merge `body` into the object at `path`."""
        _accepted(self.request("PATCH", path, body, kind="application/merge-patch+json"))

    def delete(self, path: str, *, grace_s: int | None = None) -> bool:
        """Ask for one object's end; True when it was there. Does not wait."""
        options: Item = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        answer = self.request("DELETE", path, options)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return False
        _accepted(answer)
        return True

    def delete_namespace(self, name: str, limit_s: float = 120) -> None:
        """End a namespace and wait until it is gone."""
        path = f"/api/v1/namespaces/{name}"
        self.delete(path)
        wait_for(f"the namespace {name} is gone", lambda: self.get(path) is None, limit_s)

    def pod(self, namespace: str, name: str) -> Item | None:
        """Return a pod, None when there is none."""
        return self.get(f"/api/v1/namespaces/{namespace}/pods/{name}")

    def wait_ready(self, namespace: str, name: str, *, other_than: str = "", limit_s: float = 120) -> Item:
        """Return a pod once it is Ready; `other_than` is the uid of the pod whose successor is waited for."""

        def look() -> Item | None:
            found = self.pod(namespace, name)
            if found is None or found["metadata"]["uid"] == other_than or "deletionTimestamp" in found["metadata"]:
                return None
            return found if is_ready(found) else None

        return wait_for(f"the pod {namespace}/{name} is Ready", look, limit_s)

    def run_pod(self, namespace: str, pod: Mapping[str, Any], limit_s: float = 90) -> str:
        """Run a pod to its end, return what it wrote, and delete it.

        Raises:
            AssertionError: it failed or did not end; the message has what it wrote.
        """
        name: str = pod["metadata"]["name"]
        path = f"/api/v1/namespaces/{namespace}/pods"
        self.create(path, pod)

        def look() -> str | None:
            found = self.pod(namespace, name)
            phase: str = "" if found is None else found["status"].get("phase", "")
            return phase if phase in ("Succeeded", "Failed") else None

        try:
            phase = wait_for(f"the pod {namespace}/{name} ends", look, limit_s)
            log = _accepted(self.request("GET", f"{path}/{name}/log")).text
            assert phase == "Succeeded", f"the pod {name} failed:\n{log}"
            return log
        finally:
            self.delete(f"{path}/{name}", grace_s=0)

    def execute(self, namespace: str, pod: str, container: str, *command: str) -> str:
        """Run a command in a container and return what it wrote."""
        kubectl = os.environ.get("ECHORATOR_KUBECTL", "kubectl")
        options = [f"--kubeconfig={self._kubeconfig}", f"--namespace={namespace}", f"--container={container}"]
        done = subprocess.run(
            [kubectl, "exec", *options, pod, "--", *command], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)} in {pod}: {done.stdout}{done.stderr}"
        return done.stdout

    def everything(self) -> Iterator[tuple[str, Item]]:
        """Yield `(path of the collection, object)` for each object of each kind that can be listed."""
        groups = [("/api/v1", "/api/v1")]
        groups += [
            (f"/apis/{group['preferredVersion']['groupVersion']}", group["name"])
            for group in cast("Item", self.get("/apis"))["groups"]
        ]
        for prefix, name in groups:
            resources: list[Item] = cast("Item", self.get(prefix))["resources"]
            for resource in resources:
                # Events tell what was; metrics are no objects.
                listable = "list" in resource["verbs"] and "/" not in resource["name"]
                if listable and resource["name"] != "events" and name != "metrics.k8s.io":
                    path = f"{prefix}/{resource['name']}"
                    for item in self.items(path):
                        yield path, item


class Replica:
    """One replica: asked as its clients do, looked into by its agent's report, disturbed by a command in its pod."""

    def __init__(self, kube: Kube, namespace: str, pod: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self.pod = pod
        self._base = f"/api/v1/namespaces/{namespace}/pods/{pod}:11434/proxy"
        self._agent = f"/api/v1/namespaces/{namespace}/pods/{pod}:11436/proxy"

    def digests(self) -> dict[str, str]:
        """Return model to `sha256:<hex>`, as /api/tags lists them."""
        listed: list[Item] = _accepted(self._kube.request("GET", f"{self._base}/api/tags")).json()["models"]
        return {str(one["name"]): f"sha256:{one['digest']}" for one in listed}

    def knows(self, model: str) -> bool:
        """Whether /api/show finds the model."""
        return self._kube.request("POST", f"{self._base}/api/show", {"model": model}).is_success

    def running(self) -> dict[str, Item]:
        """Return model to its entry in /api/ps."""
        listed: list[Item] = _accepted(self._kube.request("GET", f"{self._base}/api/ps")).json()["models"]
        return {str(one["name"]): one for one in listed}

    def delete(self, model: str) -> None:
        """Take a model away behind everybody's back."""
        self._run("rm", model)

    def copy(self, source: str, destination: str) -> None:
        """Give a model another name."""
        self._run("cp", source, destination)

    def look(self) -> None:
        """Have the agent look at once."""
        _accepted(self._kube.request("GET", f"{self._agent}/v1/look"))

    def report(self) -> Item:
        """Return what the agent says."""
        return cast("Item", _accepted(self._kube.request("GET", f"{self._agent}/v1/models")).json())

    def manage(self, path: str, body: Mapping[str, Any], method: str = "POST") -> httpx.Response:
        """Ask for something that clients may not do, as a client."""
        return self._kube.request(method, f"{self._base}{path}", body)

    def ask(self, model: str, question: str) -> str:
        """Return the model's answer."""
        body = {
            "model": model,
            "messages": [{"role": "user", "content": question}],
            "stream": False,
            "options": {"temperature": 0, "seed": 1, "num_predict": 40},
        }
        answer = _accepted(self._kube.request("POST", f"{self._base}/api/chat", body))
        return str(answer.json()["message"]["content"])

    def _run(self, *arguments: str) -> None:
        # Only from inside the pod: the agent lets no client manage models, and nobody else reaches Ollama.
        self._kube.execute(self._namespace, self.pod, "ollama", "/bin/ollama", *arguments)


def _accepted(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer
