"""An API server on loopback that keeps one namespace's StatefulSets, claims and ConfigMaps, and storage classes.

It does what the real one and its controllers do as far as volumes that grow depend on it: names are taken once,
templates never change, claims only grow where their class lets them, a claim of an owner that is gone goes too, an
orphaning delete lets go first, and every write changes who owns the field. What it cannot show: delays between those,
pods, and volumes with data on them; the integration tests do.
"""

import json
import threading
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from components.quantity import parse_bytes

Object = dict[str, Any]

SETS = "/apis/apps/v1/namespaces/models/statefulsets"
CLAIMS = "/api/v1/namespaces/models/persistentvolumeclaims"
MAPS = "/api/v1/namespaces/models/configmaps"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"

_OWNED = "persistentVolumeClaimRetentionPolicy"


class FakeVolumes:
    """A StatefulSet `chat` with claims of 4Gi for two replicas, made by Pulumi, in the namespace `models`."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.resizes = True
        """Whether a resizer runs."""
        self.requests: list[str] = []
        self.uids: list[str] = []
        """Of each `chat` that there was."""
        self.broken = 0
        """So many requests are answered 503 before the next one that is served."""
        self.objects[f"{CLASSES}/fast"] = {"metadata": {"name": "fast"}, "allowVolumeExpansion": True}
        self.objects[f"{CLASSES}/fixed"] = {"metadata": {"name": "fixed"}}
        self.make_set("4Gi")
        for ordinal in range(2):
            self.make_claim(ordinal, "4Gi")
        self._settle()

    def make_set(self, storage: str, storage_class: str | None = "fast") -> None:
        """Puts `chat` there as Pulumi would have."""
        claim: Object = {"resources": {"requests": {"storage": storage}}}
        if storage_class is not None:
            claim["storageClassName"] = storage_class
        self._store(
            f"{SETS}/chat",
            {
                "metadata": {
                    "name": "chat",
                    "namespace": "models",
                    "labels": {"app": "chat"},
                    "managedFields": [
                        {"manager": "pulumi-kubernetes-1a2b", "operation": "Apply", "fieldsV1": {"f:spec": {}}},
                        {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status"},
                    ],
                },
                "spec": {
                    "replicas": 2,
                    "template": {"spec": {"containers": [{"name": "ollama"}]}},
                    _OWNED: {"whenDeleted": "Delete", "whenScaled": "Delete"},
                    "volumeClaimTemplates": [
                        {"metadata": {"name": "data"}, "spec": claim, "status": {"phase": "Pending"}}
                    ],
                },
                "status": {"replicas": 2},
            },
        )

    def make_claim(self, ordinal: int, storage: str, *, storage_class: str = "fast", phase: str = "Bound") -> None:
        """Puts a replica's claim there."""
        name = f"data-chat-{ordinal}"
        self._store(
            f"{CLAIMS}/{name}",
            {
                "metadata": {"name": name, "namespace": "models"},
                "spec": {"storageClassName": storage_class, "resources": {"requests": {"storage": storage}}},
                "status": {"phase": phase, "capacity": {"storage": storage} if phase == "Bound" else {}},
            },
        )

    @property
    def chat(self) -> Object:
        """The StatefulSet."""
        return self.objects[f"{SETS}/chat"]

    def template_storage(self) -> str:
        """Size of claims to come."""
        return str(self.chat["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"])

    def claim_storage(self) -> dict[str, str]:
        """Claim to the size it asks for."""
        return {
            path.rsplit("/", 1)[1]: one["spec"]["resources"]["requests"]["storage"]
            for path, one in self.objects.items()
            if path.startswith(CLAIMS)
        }

    def __enter__(self) -> Self:
        cluster = self

        class Handler(_Handler):
            state = cluster

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Object]:
        """One request."""
        self.requests.append(f"{method} {path}")
        found = self.objects.get(path)
        if method == "POST":
            return self._create(f"{path}/{body['metadata']['name']}", body, query)
        if method == "GET" and path in (CLAIMS, SETS, MAPS):
            return 200, {"items": [one for key, one in self.objects.items() if key.startswith(f"{path}/")]}
        if found is None:
            return 404, {"message": f"{path} not found"}
        if method == "PATCH":
            return self._patch(path, found, body, query)
        if method == "DELETE":
            return self.delete(path, found, body)
        return 200, found

    def _create(self, path: str, body: Object, query: Mapping[str, str]) -> tuple[int, Object]:
        if path in self.objects:
            return 409, {"message": "already exists"}
        illegal = {"uid", "resourceVersion", "managedFields"} & body["metadata"].keys()
        if illegal or "status" in body:
            return 422, {"message": f"{illegal or 'status'} must not be set"}
        body["metadata"]["managedFields"] = [{"manager": query["fieldManager"], "operation": "Update"}]
        self._store(path, body)
        self._settle()
        return 201, body

    def _patch(self, path: str, found: Object, body: Object, query: Mapping[str, str]) -> tuple[int, Object]:
        after = _merge(found, body)
        if path.startswith(CLAIMS):
            refused = self.resize(found, after)
            if refused is not None:
                return refused
        if _templates(after) != _templates(found):
            return 422, {"message": "updates to statefulset spec for fields other than ... are forbidden"}
        if "dryRun" in query:
            return 200, after
        if "managedFields" not in body.get("metadata", {}) and after != found:
            entries = after["metadata"].setdefault("managedFields", [])
            after["metadata"]["managedFields"] = [
                *entries,
                {"manager": query["fieldManager"], "operation": "Update", "fieldsV1": body},
            ]
        self.objects[path] = after
        self._settle()
        return 200, after

    def resize(self, found: Object, after: Object) -> tuple[int, Object] | None:
        """Why a claim cannot become `after`; None where it can."""
        old, new = (parse_bytes(one["spec"]["resources"]["requests"]["storage"]) for one in (found, after))
        name = found["spec"]["storageClassName"]
        if new < old:
            return 422, {"message": "field can not be less than previous value"}
        if new > old and not self.objects[f"{CLASSES}/{name}"].get("allowVolumeExpansion"):
            return 403, {"message": "only dynamically provisioned pvc can be resized"}
        if new > old and found["status"]["phase"] != "Bound":
            return 422, {"message": "spec is immutable after creation except resources.requests for bound claims"}
        return None

    def delete(self, path: str, found: Object, body: Object) -> tuple[int, Object]:
        """Answers a DELETE."""
        conditions: Object = body.get("preconditions") or {}
        wanted = conditions.get("uid")
        uid = found["metadata"]["uid"]
        if wanted not in (None, uid):
            return 409, {"message": "uid does not match"}
        del self.objects[path]
        orphan = body.get("propagationPolicy") == "Orphan"
        for key, one in list(self.objects.items()):
            owners = one["metadata"].get("ownerReferences", [])
            if uid in [owner["uid"] for owner in owners]:
                if orphan:
                    one["metadata"]["ownerReferences"] = [owner for owner in owners if owner["uid"] != uid]
                else:
                    del self.objects[key]
        return 200, {"status": "Success"}

    def _store(self, path: str, body: Object) -> None:
        body["metadata"]["uid"] = str(uuid.uuid4())
        self.objects[path] = body
        if path == f"{SETS}/chat":
            self.uids.append(body["metadata"]["uid"])

    def _settle(self) -> None:
        """What controllers do a moment later: who owns the claims, and a resizer's work."""
        chat = self.objects.get(f"{SETS}/chat")
        for path, one in self.objects.items():
            if not path.startswith(CLAIMS):
                continue
            if chat is not None:
                owned = chat["spec"].get(_OWNED, {}).get("whenDeleted") == "Delete"
                one["metadata"]["ownerReferences"] = [{"uid": chat["metadata"]["uid"]}] if owned else []
            if self.resizes and one["status"]["phase"] == "Bound":
                one["status"]["capacity"] = dict(one["spec"]["resources"]["requests"])


class _Handler(BaseHTTPRequestHandler):
    state: ClassVar[FakeVolumes]
    protocol_version = "HTTP/1.1"
    # Head and body go out apart: the second would wait 40 ms for the first to be acknowledged.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing: a test's output is for its failures."""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body: Any = json.loads(self.rfile.read(length)) if length else {}
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if self.state.broken:
            self.state.broken -= 1
            status, answer = 503, {"message": "etcd leader changed"}
        else:
            status, answer = self.state.answer(self.command, parts.path, query, body)
        raw = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_POST = do_DELETE = do_PATCH = do_GET  # noqa: N815


def _templates(one: Object) -> object:
    return one.get("spec", {}).get("volumeClaimTemplates")


def _merge(found: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return json.loads(json.dumps(patch))
    merged: Object = dict(found) if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownArgumentType]
    for key, value in patch.items():  # pyright: ignore[reportUnknownVariableType]
        if value is None:
            merged.pop(str(key), None)  # pyright: ignore[reportUnknownArgumentType]
        else:
            merged[str(key)] = _merge(merged.get(str(key)), value)  # pyright: ignore[reportUnknownArgumentType]
    return json.loads(json.dumps(merged))
