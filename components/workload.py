"""What the store and the servers have in common: objects as Kubernetes spells them."""

from typing import Any
from urllib.parse import urlsplit

DATA = "data"
"""Name of the volume claim, and so the beginning of each claim's name: a change would leave every disk behind."""


def wire(spelled: object) -> Any:  # noqa: ANN401
    """Hands an object as Kubernetes spells it to the SDK, whose types only know the snake-case spelling."""
    return spelled


def claim_spec(storage: str, storage_class: str | None, access_mode: str) -> dict[str, Any]:
    """A claim on a volume; no class means the cluster's default."""
    spec: dict[str, Any] = {"accessModes": [access_mode], "resources": {"requests": {"storage": storage}}}
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    return spec


def claim_template(storage: str, storage_class: str | None, access_mode: str = "ReadWriteOnce") -> dict[str, Any]:
    """A volume for each pod."""
    return {"metadata": {"name": DATA}, "spec": claim_spec(storage, storage_class, access_mode)}


def service(selector: dict[str, str], port: int) -> dict[str, Any]:
    """A Service that balances over the Ready pods."""
    return {
        "type": "ClusterIP",
        "selector": selector,
        "ports": [{"name": "http", "port": port, "targetPort": "http", "protocol": "TCP"}],
    }


def headless_service(selector: dict[str, str], port: int) -> dict[str, Any]:
    """The Service that gives each pod of a StatefulSet its own name, also before it is Ready."""
    return {**service(selector, port), "clusterIP": "None", "publishNotReadyAddresses": True}


def disruption_budget(selector: dict[str, str]) -> dict[str, Any]:
    """One pod at a time.

    Not `minAvailable: 1`: with one replica that would block each drain for ever, and the administrator's way out is
    to delete the pod by force. With one replica a drain costs the seconds that the pod needs on the next node.
    """
    return {"maxUnavailable": 1, "selector": {"matchLabels": selector}}


def spread(selector: dict[str, str]) -> list[dict[str, Any]]:
    """Over zones and then nodes, where there are several; on one node everything still runs."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def anywhere(*ports: int) -> dict[str, Any]:
    """An egress rule to any address, at these TCP ports only."""
    blocks = [{"ipBlock": {"cidr": cidr}} for cidr in ("0.0.0.0/0", "::/0")]
    return {"to": blocks, "ports": tcp(*ports)}


def port_of(url: str) -> int:
    """The port of an http:// or https:// address: the one that it names, or its scheme's."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def tcp(*ports: int) -> list[dict[str, Any]]:
    """Ports of a network policy rule. They are the pods' ports: rules are applied behind a Service's translation."""
    return [{"protocol": "TCP", "port": port} for port in ports]


def temporary_volume(limit: str) -> dict[str, Any]:
    """What `/tmp` is, since the root file system is read-only."""
    return {"name": "tmp", "emptyDir": {"sizeLimit": limit}}
