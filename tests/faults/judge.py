"""What must hold after every fault: the right models everywhere, nothing wrong in the store, nothing left over."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar, cast

import httpx

from components.registries import STORE_PORT
from tests.faults.deploys import FaultStack
from tests.faults.registry import Salted
from tests.support.kube import Item, Kube, Replica, is_ready, wait_for
from tests.support.stack import Outcome

T = TypeVar("T")

QUESTION = "What is the capital of France?"

_SERVED = """
import hashlib, json, sys, urllib.request
found = {}
for path in json.loads(sys.argv[1]):
    request = urllib.request.Request(f"http://127.0.0.1:%d/v2/library/{path}", headers={"Host": sys.argv[2]})
    whole = hashlib.sha256()
    with urllib.request.urlopen(request, timeout=50) as answer:
        while piece := answer.read(1 << 20):
            whole.update(piece)
    found[path] = "sha256:" + whole.hexdigest()
print(json.dumps(found))
"""

_KEPT = """
import hashlib, json, pathlib
root = pathlib.Path("/data")
def of(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
blobs = sorted((root / "blobs/sha256").iterdir())
print(json.dumps({
    "blobs": len(blobs),
    "wrong": [path.name for path in blobs if of(path) != path.name],
    "partial": [path.name for folder in ("partial", "uploads", "trash") for path in (root / folder).iterdir()],
}))
"""


def tolerant(look: Callable[[], T]) -> Callable[[], T | None]:
    """`look`, which says None while what it asks does not answer."""

    def attempt() -> T | None:
        try:
            return look()
        except (httpx.HTTPError, AssertionError):
            return None

    return attempt


def all_right(kube: Kube, stack: FaultStack, wanted: Sequence[Salted], replicas: int, limit_s: float) -> None:
    """Wait until every replica is Ready with these models at their digests and no others, and answers with the first.

    Raises:
        AssertionError: not within `limit_s`; says what each replica has.
    """
    digests = {one.name: one.digest for one in wanted}
    pods = [Replica(kube, stack.namespace, f"chat-{index}") for index in range(replicas)]

    def state(replica: Replica) -> Any:
        try:
            report = replica.report()
            phases = {one["name"]: one["phase"] for one in report["models"]}
            listed = replica.digests()
        except (AssertionError, httpx.HTTPError) as error:
            return str(error)[:200]
        right = listed == digests and set(phases) == set(digests) and set(phases.values()) <= {"Ready"}
        if not right or not report["admitted"] or report["leaving"]:
            return {"listed": listed, "phases": phases}
        return unready(kube.pod(stack.namespace, replica.pod))

    deadline = time.monotonic() + limit_s
    # Asked last, and together: an answer costs what the others need to get there.
    while wrong := (
        {one.pod: found for one in pods if (found := state(one)) is not None}
        or {one.pod: found for one in pods if (found := silent(one, wanted[0])) is not None}
    ):
        assert time.monotonic() < deadline, f"not within {limit_s:g} s all at {digests}: {json.dumps(wrong, indent=1)}"
        time.sleep(0.3)


def unready(pod: Item | None) -> str | None:
    """Return why a pod takes no traffic, or None."""
    if pod is None or "deletionTimestamp" in pod["metadata"]:
        return "the pod is not there, or goes"
    return None if is_ready(pod) else "the pod is not Ready"


def silent(replica: Replica, model: Salted) -> str | None:
    """Return what is wrong with a replica's answer, or None."""
    try:
        answer = replica.ask(model.name, QUESTION)
    except (AssertionError, httpx.HTTPError) as error:
        return f"does not answer: {error}"[:200]
    return None if "Paris" in answer or not model.answers else f"answers {answer!r}"


def store_serves(kube: Kube, stack: FaultStack, model: Salted) -> None:
    """Hash what the store hands out for a model: its manifest, its weights, its other blobs."""
    repository, tag = model.name.split(":")
    paths = [f"{repository}/manifests/{tag}", f"{repository}/blobs/{model.weights}"]
    script = _SERVED % STORE_PORT
    arguments = ["/usr/bin/python3.11", "-c", script, json.dumps(paths), "registry-ollama-ai"]
    found = json.loads(kube.execute(stack.namespace, "model-store-0", "model-store", *arguments))
    assert found == dict(zip(paths, (model.digest, model.weights), strict=True))


def store_keeps(kube: Kube, stack: FaultStack) -> int:
    """Hash every blob on the store's volume; returns how many there are. No download or upload may be left behind."""
    look = ["/usr/bin/python3.11", "-c", _KEPT]

    def settled() -> Item | None:
        found = cast("Item", json.loads(kube.execute(stack.namespace, "model-store-0", "model-store", *look)))
        assert found["wrong"] == [], "the store keeps blobs that are not what their names say"
        return None if found["partial"] else found

    return int(wait_for("the store has no unfinished download", settled, 30)["blobs"])


def no_orphan(kube: Kube, stack: FaultStack) -> None:
    """Compare the stack's state with what is in the cluster, and look for processes that outlived their command."""
    deployment = json.loads(stack.state())["deployment"]
    assert not deployment.get("pending_operations"), "the state has operations that never ended"
    namespace = stack.namespace
    known = {
        (_plural(one["type"]), one["id"].rsplit("/", 1)[-1])
        for one in stack.resources()
        if one["type"].startswith("kubernetes:")
        and one.get("id")
        and not one.get("delete")
        and (one["outputs"]["metadata"].get("namespace") == namespace)
    }
    there = {
        (path.rsplit("/", 1)[-1], str(item["metadata"]["name"]))
        for path, item in kube.everything()
        if item["metadata"].get("namespace") == namespace and _is_ours(path, item["metadata"])
    }
    assert there - known == set(), "objects that the state does not know"
    assert known - there == set(), "objects of the state that are not there"
    left = stack.processes()
    wait_for(f"no process of {stack.name} is left: {left}", lambda: not stack.processes(), 20)


def _is_ours(path: str, metadata: Mapping[str, Any]) -> bool:
    kind, name = path.rsplit("/", 1)[-1], str(metadata["name"])
    if metadata.get("ownerReferences") or "deletionTimestamp" in metadata:
        return False
    # Made by controllers for every namespace, Service and StatefulSet.
    made = kind in ("endpoints", "endpointslices", "events", "persistentvolumeclaims", "pods", "leases")
    return not made and name not in ("kube-root-ca.crt", "default")


def _plural(kind: str) -> str:
    word = kind.rsplit(":", 1)[-1].lower().removesuffix("patch")
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith("ss") else f"{word}s"


def clear_error(outcome: Outcome, model: Salted, replicas: int) -> str:
    """Check that a failed deploy names each replica with the model and its fix; returns the words for the first.

    Raises:
        AssertionError: it does not, or shows a traceback.
    """
    assert outcome.code > 0, outcome.output
    told = outcome.output.rpartition("Diagnostics:")[2]
    assert "Traceback" not in outcome.output, outcome.output
    lines = [line.strip() for line in told.splitlines()]
    found = ""
    for index in reversed(range(replicas)):
        mark = f"- replica `chat-{index}`, model `{model.name}`: "
        at = next((at for at, line in enumerate(lines) if line.startswith(mark)), None)
        assert at is not None, f"no line says {mark!r}:\n{outcome.output}"
        assert lines[at + 1].startswith("fix: "), f"no fix after {lines[at]!r}"
        found = lines[at].removeprefix(mark)
    return found


def nothing_half_served(kube: Kube, stack: FaultStack, model: Salted, keeps: Salted, replicas: int) -> None:
    """While a model cannot be had: nobody lists it, and what was there before still answers."""
    for index in range(replicas):
        replica = Replica(kube, stack.namespace, f"chat-{index}")
        listed = replica.digests()
        assert model.name not in listed
        assert listed.get(keeps.name) == keeps.digest
        assert replica.manage("/api/chat", {"model": model.name, "messages": []}).status_code == HTTPStatus.NOT_FOUND
        replica.ask(keeps.name, QUESTION)
