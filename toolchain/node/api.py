"""A few calls to the node's API server, on the standard library: waiting must cost nothing."""

from __future__ import annotations

import http.client
import json
import ssl
import warnings
from pathlib import Path
from typing import Any

from toolchain.node.errors import NodeError

_CORE = {"ConfigMap", "Namespace", "Service", "ServiceAccount"}
_CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "Namespace", "StorageClass"}
_PLURALS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "EndpointSlice": "endpointslices",
    "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "StorageClass": "storageclasses",
}
FIELD_MANAGER = "echorator-node"


def object_path(document: dict[str, Any]) -> str:
    """Path of a manifest's object on the API server.

    Raises:
        NodeError: A kind that the add-ons do not use.
    """
    kind = document["kind"]
    if kind not in _PLURALS:
        raise NodeError(f"unknown kind {kind}; known are: {', '.join(sorted(_PLURALS))}")
    base = "/api/v1" if kind in _CORE else f"/apis/{document['apiVersion']}"
    metadata = document["metadata"]
    if kind not in _CLUSTER_SCOPED:
        base += f"/namespaces/{metadata['namespace']}"
    return f"{base}/{_PLURALS[kind]}/{metadata['name']}"


class Api:
    """The API server as the administrator, through the port on the host's loopback.

    Args:
        port: Port on 127.0.0.1.
        pki: Folder with ca.crt, admin.crt and admin.key.
    """

    def __init__(self, port: int, pki: Path) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        self._connection: http.client.HTTPSConnection | None = None

    def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """Status and body of one call.

        Raises:
            OSError: Nobody answers.
            http.client.HTTPException: The answer was cut short.
        """
        if self._connection is None:
            self._connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=15, context=self._context)
        headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if body is not None else {})
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        """Closes the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, path: str) -> dict[str, Any] | None:
        """An object, or None when it is not there.

        Raises:
            NodeError: Any other answer.
        """
        status, body = self.request("GET", path)
        if status == http.client.NOT_FOUND:
            return None
        if status != http.client.OK:
            raise NodeError(f"GET {path} answered {status}: {body.decode(errors='replace')[:300]}")
        return json.loads(body)

    def ready(self) -> bool:
        """Whether the API server says that it is ready."""
        with warnings.catch_warnings():
            # A peer that resets before the handshake makes ssl lose a socket that nobody else can close
            # (SSLSocket._create in Python 3.11), and this is asked while the API server restarts.
            warnings.simplefilter("ignore", ResourceWarning)
            try:
                ready = self.request("GET", "/readyz")[0] == http.client.OK
            except (OSError, http.client.HTTPException):
                ready = False
        return ready

    def apply(self, document: dict[str, Any]) -> None:
        """Server-side apply of one manifest; changes nothing when it is already so.

        Raises:
            NodeError: The API server refused it; the message holds its answer.
        """
        path = f"{object_path(document)}?fieldManager={FIELD_MANAGER}&force=true"
        status, body = self.request("PATCH", path, json.dumps(document).encode(), "application/apply-patch+yaml")
        if status not in (http.client.OK, http.client.CREATED):
            name = f"{document['kind']} {document['metadata']['name']}"
            raise NodeError(f"{name} was refused ({status}): {body.decode(errors='replace')[:600]}")
