"""The security settings of every pod we make: those that Pod Security's level `restricted` asks for, and two more.

The two more are a read-only root file system and no service account token. The mission's list also has
NET_BIND_SERVICE; our ports are above 1023, so no capability is kept at all.
"""

from typing import Any

UID = 1001

CONTAINER: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
}

ROOT_CONTAINER: dict[str, Any] = {**CONTAINER, "runAsNonRoot": False, "runAsUser": 0, "runAsGroup": 0}
"""Of what reads files or sockets of a node that are root's, and needs nothing else of root."""

POD: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": UID,
    "runAsGroup": UID,
    "fsGroup": UID,
    # Without this every start walks the whole volume to set its group: minutes with many models.
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}

POD_SPEC: dict[str, Any] = {
    "automountServiceAccountToken": False,
    # Else each service of the namespace becomes a handful of environment variables, and a service called `ollama`
    # would set OLLAMA_PORT and the like.
    "enableServiceLinks": False,
    "securityContext": POD,
}
