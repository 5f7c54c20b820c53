"""What a case is, and objects that several families need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.policies.objects import GONE, Object, named

NET = "networking.k8s.io/v1"
CNPG = "postgresql.cnpg.io/v1"


@dataclass(frozen=True)
class Cases:
    """Stacks that a check lets pass, and stacks that it must not; parameters where the default ones do not fit."""

    good: list[list[Object]]
    bad: list[list[Object]]
    given: dict[str, Any] = field(default_factory=dict[str, Any])


def single(good: list[Object], bad: list[Object], **given: Any) -> Cases:
    return Cases([[one] for one in good], [[one] for one in bad], given)


def cnpg(**spec: Any) -> Object:
    return named(CNPG, "Cluster", {"spec": spec})


def ingress(hosts: list[str], tls: Any = GONE, **annotations: str) -> Object:
    body: Object = {"spec": {"rules": [{"host": host} for host in hosts]}, "metadata": {"annotations": annotations}}
    if tls is not GONE:
        body["spec"]["tls"] = tls
    return named(NET, "Ingress", body)


def listener(**listener: Any) -> Object:
    return named("gateway.networking.k8s.io/v1", "Gateway", {"spec": {"listeners": [{"name": "it", **listener}]}})


def service(kind: str | None = None, port: float = 443, **spec: Any) -> Object:
    return named("v1", "Service", {"spec": {"ports": [{"port": port}], **({"type": kind} if kind else {}), **spec}})


def config_map(**data: str) -> Object:
    return named("v1", "ConfigMap", {"data": data})


def mesh(kind: str, spec: Object, group_: str) -> Object:
    return named(f"{group_}/v1", kind, {"spec": spec})


def output(**values: Any) -> Object:
    return {"$token": "pulumi:pulumi:Stack", **values}
