"""The echo service on a real cluster: it finds replicas by DNS, asks their agents, and rolls without losing a stream.

Not shown: several nodes, and a network engine other than the local node's.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rich.console import Console

from components.kube_context import kubeconfig_paths, load
from components.labels import ECHO_CLIENT, OLLAMA_CLIENT, namespace_labels
from components.versions import image
from tests.integration.chat import SMOLLM2, server, store
from tests.integration.mirror import Mirror
from tests.integration.probes import connects, pod
from tests.support.kube import Kube, wait_for
from tests.support.stack import Engine, LiveStack
from toolchain.commands.ask_echo import NoWayError, ask_echo

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

_SMALL = {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": "512Mi"}}
_LET_IN = """
import json, sys, time, urllib.error, urllib.request
base, key = sys.argv[1:3]
for _ in range(120):
    # A policy reaches a new pod's rules some seconds after the pod starts.
    try:
        urllib.request.urlopen(base + "/", timeout=5).close()
        break
    except OSError:
        time.sleep(0.25)
"""
_ASK = (
    _LET_IN
    + """
calls = json.loads(sys.argv[3])
found = []
for path, body in calls:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = "Bearer " + key
    request = urllib.request.Request(base + path, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            found.append([answer.status, answer.read().decode()])
    except urllib.error.HTTPError as error:
        found.append([error.code, error.read().decode()])
print(json.dumps(found))
"""
)


class EchoStack:
    """A stack with one small server and two replicas of the service."""

    def __init__(self, stack: LiveStack, kube: Kube) -> None:
        self.stack = stack
        self.kube = kube
        self.namespace = stack.namespace
        self.clients = f"{stack.name}-clients"
        """A namespace of the stack, without policies of its own."""
        self.main, self.ollama = (f"echo.{self.namespace}.svc.cluster.local:{port}" for port in (5000, 11434))
        self._asked = 0

    def outputs(self) -> dict[str, Any]:
        document = json.loads(self.stack.state("--show-secrets"))
        resources = document["deployment"]["resources"]
        (found,) = [one["outputs"] for one in resources if one["type"] == "pulumi:pulumi:Stack"]
        return found

    def key(self) -> str:
        found = self.outputs()["echo-keys"]
        # As a secret, its text is JSON in JSON.
        keys = json.loads(found["plaintext"]) if "plaintext" in found else found
        return str(keys["default"])

    def ask(self, key: str, *calls: tuple[str, object], host: str | None = None) -> list[tuple[int, str]]:
        """Return status and body of each call, made by a pod that is marked as a client."""
        self._asked += 1
        arguments = [_ASK, f"http://{host or self.main}", key, json.dumps(calls)]
        log = self.kube.run_pod(self.clients, pod(f"ask-{self._asked}", {ECHO_CLIENT: "true"}, arguments))
        return [(status, text) for status, text in json.loads(log)]

    def pods(self) -> list[dict[str, Any]]:
        path = f"/api/v1/namespaces/{self.namespace}/pods?labelSelector=app.kubernetes.io/name=echo"
        return [one for one in self.kube.items(path) if "deletionTimestamp" not in one["metadata"]]


@pytest.fixture(scope="module")
def echo(kube: Kube, mirror: Mirror, make_stack: Callable[[str], LiveStack]) -> Iterator[EchoStack]:
    stack = make_stack("echo")
    stack.configure(
        {
            "servers": [server(1, [SMOLLM2])],
            "modelStore": store(mirror),
            "echo": {"enabled": True, "replicas": 2, "resources": _SMALL},
        }
    )
    stack.up()
    found = EchoStack(stack, kube)
    labels = namespace_labels(stack.name)
    kube.create("/api/v1/namespaces", {"metadata": {"name": found.clients, "labels": labels}})
    yield found
    kube.delete_namespace(found.clients)
    stack.end()


def test_it_answers_with_what_the_replica_has(echo: EchoStack) -> None:
    body = {"model": SMOLLM2, "prompt": "Hello", "stream": False, "options": {"num_predict": 3}}
    chat = {"model": SMOLLM2, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 3}
    found = echo.ask(
        echo.key(),
        ("/api/generate", body),
        ("/v1/chat/completions", chat),
        ("/api/tags", None),
        ("/admin/replicas", None),
    )
    assert [status for status, _ in found] == [200, 200, 200, 200], found
    assert json.loads(found[0][1])["eval_count"] == 3
    assert [one["name"] for one in json.loads(found[2][1])["models"]] == [SMOLLM2]
    (replica,) = json.loads(found[3][1])["replicas"]
    # The pod's name, which only its agent tells.
    assert (replica["name"], replica["up"], replica["slots"]) == ("chat-0", True, 1)
    again = echo.ask(echo.key(), ("/api/generate", body), ("/admin/replicas", None), host=echo.ollama)
    assert [status for status, _ in again] == [200, 404]


def test_a_question_goes_through_the_service(echo: EchoStack, engine: Engine) -> None:
    """As `make ask` asks it: through the API server, which takes no part of the key."""
    out = io.StringIO()
    context = load(paths=kubeconfig_paths(environment={"KUBECONFIG": str(engine.kubeconfig)}))

    def ask(keys: dict[str, str]) -> None:
        console = Console(file=out, width=10_000)
        asked = ask_echo(
            context,
            echo.namespace,
            keys,
            question="What is the capital of France? Answer in one word.",
            models=[SMOLLM2],
            space=None,
            console=console,
        )
        asyncio.run(asked)

    ask({"default": echo.key()})
    assert out.getvalue().strip()
    with pytest.raises(NoWayError, match="answers 401 to the key 'guessed'"):
        ask({"guessed": "ek-guessed"})


def test_no_key_no_answer(echo: EchoStack) -> None:
    found = echo.ask("", ("/api/tags", None), ("/admin/config", None), ("/health", None), ("/models/health", None))
    assert [status for status, _ in found] == [401, 401, 200, 200]


def test_the_live_view_is_in_the_image(echo: EchoStack) -> None:
    [(status, text)] = echo.ask("", ("/view/", None))
    if shutil.which("node") is None:
        # As the machine that built the image, which is this one.
        assert (status, "built without its live view" in text) == (404, True)
    else:
        assert (status, "<title>Echorator</title>" in text) == (200, True)


def test_the_key_is_nowhere_in_the_cluster(echo: EchoStack, kube: Kube) -> None:
    key = echo.key()
    found = kube.get(f"/api/v1/namespaces/{echo.namespace}/secrets/echo-keys")
    assert found is not None
    content = base64.b64decode(found["data"]["keys.json"]).decode()
    assert hashlib.sha256(key.encode()).hexdigest() in content
    assert key not in content
    assert key not in echo.stack.state()


def test_who_reaches_it(echo: EchoStack, kube: Kube) -> None:
    chat = f"chat.{echo.namespace}.svc.cluster.local:11434"
    internal = f"{echo.pods()[0]['status']['podIP']}:5001"
    wanted = {echo.main: True, echo.ollama: True, internal: False, chat: False}
    assert connects(kube, echo.clients, {ECHO_CLIENT: "true"}, wanted) == wanted
    # One that may ask the servers may not ask here for that.
    wanted = {echo.main: False, echo.ollama: False, internal: False, chat: True}
    assert connects(kube, echo.clients, {OLLAMA_CLIENT: "true"}, wanted) == wanted


def test_a_rollout_drops_no_request(echo: EchoStack, kube: Kube) -> None:
    """A client asks again and again, one connection each, while every pod is replaced."""
    script = (
        _LET_IN
        + """
body = sys.argv[3].encode()
end, found = time.monotonic() + 30, {}
# On a slow machine it takes longer until some were answered on both sides of the change.
while time.monotonic() < end or sum(found.values()) < 5:
    request = urllib.request.Request(base + "/api/generate", data=body, headers={"authorization": "Bearer " + key})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            last = json.loads(answer.read().splitlines()[-1])
            said = "whole" if last.get("done") else "part"
    except OSError as error:
        said = repr(error)
    found[said] = found.get(said, 0) + 1
print(json.dumps(found))
"""
    )
    body = {"model": SMOLLM2, "prompt": "Hello", "options": {"num_predict": 20}}
    before = {one["metadata"]["uid"] for one in echo.pods()}
    arguments = [script, f"http://{echo.main}", echo.key(), json.dumps(body)]
    roll = {"spec": {"template": {"metadata": {"annotations": {"echorator.dev/roll": "1"}}}}}

    def rolled() -> bool:
        pods = echo.pods()
        return len(pods) == 2 and not before & {one["metadata"]["uid"] for one in pods}

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(kube.run_pod, echo.clients, pod("asking", {ECHO_CLIENT: "true"}, arguments), 300)
        kube.wait_ready(echo.clients, "asking")
        kube.patch(f"/apis/apps/v1/namespaces/{echo.namespace}/deployments/echo", roll)
        wait_for("every pod is another one", rolled, 120)
        found: dict[str, int] = json.loads(asking.result(310))
    assert set(found) == {"whole"}


def test_a_second_deploy_changes_nothing(echo: EchoStack) -> None:
    assert image("echo").startswith("ghcr.io/echorator/echo:")
    assert set(echo.stack.up("--refresh").changes) <= {"same"}
