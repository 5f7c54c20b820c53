"""Redis for working memory and live events: TLS, users by name, nothing on disk."""

import hashlib
from collections.abc import Mapping
from typing import Any

from components import pod_security, workload
from components.labels import namespace_labels
from components.memory import names
from components.quantity import parse_bytes
from components.sizes import Size

USERS = ("echo_a", "echo_b")
"""Services sign in as one of them, in turns: see `memory_rotation`."""

_TLS = "/etc/redis/tls"
_CONFIG = "/etc/redis/conf"
_USERS = "/etc/redis/users"
_RELOAD_S = 5

# May say that it is there, and have the file of users read again; any pod of the store's clients could do that.
_LOCAL = "user local reset on nopass -@all +ping +acl|load"

_CLI = (
    f"redis-cli -e -h localhost -p {names.REDIS_PORT} --tls --cacert {_TLS}/ca.crt "
    "--user local --pass any --no-auth-warning"
)


def size(memory: str) -> Size:
    """Of the pod: data, and as much again while a client reads and another writes."""
    megabytes = int(parse_bytes(memory) / 2**20)
    return Size(
        cpu="50m", cpu_limit="1", memory=f"{megabytes + 32}Mi", memory_limit=f"{megabytes * 2 + 64}Mi", storage="0"
    )


def hosts(prefix: str) -> list[str]:
    """Names in its certificate."""
    space = names.namespace(prefix)
    return [f"{names.REDIS}.{space}.svc", f"{names.REDIS}.{space}.svc.cluster.local", names.REDIS, "localhost"]


def config(memory: str) -> str:
    """redis.conf."""
    return "\n".join(
        (
            # No plain port at all.
            "port 0",
            f"tls-port {names.REDIS_PORT}",
            "bind * -::*",
            f"tls-cert-file {_TLS}/tls.crt",
            f"tls-key-file {_TLS}/tls.key",
            f"tls-ca-cert-file {_TLS}/ca.crt",
            "tls-auth-clients no",
            'tls-protocols "TLSv1.3"',
            f"aclfile {_USERS}/users.acl",
            f"maxmemory {int(parse_bytes(memory))}",
            # What is full refuses; silently dropping the oldest would drop what is being thought of.
            "maxmemory-policy noeviction",
            'save ""',
            "appendonly no",
            "dir /tmp",
            "timeout 0",
            "tcp-keepalive 60",
            "client-output-buffer-limit pubsub 32mb 8mb 60",
            "",
        )
    )


def users(passwords: Mapping[str, str]) -> str:
    """The file of users: passwords as sha256 alone, and nobody without a name.

    Args:
        passwords: user to password.
    """
    rights = "~* &* +@all -@admin -@dangerous +info +client|setname +client|no-evict"
    known = [
        f"user {name} reset on #{hashlib.sha256(password.encode()).hexdigest()} {rights}"
        for name, password in sorted(passwords.items())
    ]
    return "\n".join(("user default reset off", _LOCAL, *known, ""))


def network_policy(prefix: str) -> dict[str, Any]:
    """In: clients. Out: nothing."""
    clients = {
        "namespaceSelector": {"matchLabels": namespace_labels(prefix)},
        "podSelector": {"matchLabels": {names.CLIENT: "true"}},
    }
    return {
        "podSelector": {"matchLabels": names.pod_labels(prefix, "redis")},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [clients], "ports": workload.tcp(names.REDIS_PORT)}],
        "egress": [],
    }


def deployment(
    *,
    prefix: str,
    image: str,
    account: str,
    priority: str,
    memory: str,
    config_map: Any,  # noqa: ANN401
    stamp: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """One pod; another one before the old one ends would hold other memories, so never two.

    Args:
        prefix: the stack's.
        image: Redis.
        account: service account.
        priority: name of the priority class.
        memory: for data, a quantity.
        config_map: name of the ConfigMap, an output that changes with its content.
        stamp: changes with the certificate, which is read at the start alone.
    """
    chosen = names.pod_labels(prefix, "redis")
    probe = {"exec": {"command": ["sh", "-c", f"{_CLI} PING | grep -q PONG"]}, "timeoutSeconds": 5}
    mounts = [
        {"name": "config", "mountPath": _CONFIG, "readOnly": True},
        {"name": "tls", "mountPath": _TLS, "readOnly": True},
        {"name": "users", "mountPath": _USERS, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
    ]
    redis = {
        "name": "redis",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["redis-server", f"{_CONFIG}/redis.conf"],
        "ports": [{"name": "redis", "containerPort": names.REDIS_PORT, "protocol": "TCP"}],
        "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": 60},
        "readinessProbe": {**probe, "periodSeconds": 10},
        "livenessProbe": {**probe, "periodSeconds": 20},
        "resources": size(memory).resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": mounts,
    }
    # A Secret's file changes under the running pod, and Redis reads it only when told: a restart would cost what
    # is in it.
    watch = (
        "seen=$(sha256sum < {file}); while sleep {every}; do now=$(sha256sum < {file}); "
        '[ "$now" = "$seen" ] || {{ {cli} ACL LOAD && seen=$now; }}; done'
    ).format(file=f"{_USERS}/users.acl", every=_RELOAD_S, cli=_CLI)
    reloader = {
        "name": "users",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", watch],
        "resources": Size(cpu="5m", cpu_limit="100m", memory="16Mi", memory_limit="32Mi", storage="0").resources(),
        "livenessProbe": {**probe, "periodSeconds": 60, "failureThreshold": 5},
        "readinessProbe": {**probe, "periodSeconds": 30},
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": mounts,
    }
    return {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": chosen},
        "template": {
            "metadata": {
                "labels": names.object_labels(prefix, "redis"),
                "annotations": {"echorator.dev/certificate": stamp},
            },
            "spec": {
                **pod_security.POD_SPEC,
                "serviceAccountName": account,
                "priorityClassName": priority,
                "terminationGracePeriodSeconds": 10,
                "containers": [redis, reloader],
                "volumes": [
                    {"name": "config", "configMap": {"name": config_map}},
                    {"name": "tls", "secret": {"secretName": f"{names.REDIS}-tls", "defaultMode": 0o440}},
                    {"name": "users", "secret": {"secretName": f"{names.REDIS}-users", "defaultMode": 0o440}},
                    workload.temporary_volume("64Mi"),
                ],
            },
        },
    }
