"""An Ollama server's objects, as Kubernetes spells them."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

import pulumi

from components import ollama_expose, ollama_volumes, workload
from components.labels import OLLAMA_CLIENT, labels, namespace_labels, selector_labels
from components.registries import STORE_PORT
from components.settings.server import ExposeSettings, VolumeSettings
from components.versions import OLLAMA_VERSION
from replica_agent.ports import AGENT_PORT, GATE_PORT

PORT = GATE_PORT
"""Where clients ask."""

_MIN_READY_S = 5
"""A replica counts once it was Ready so long: by then the nodes know its address, so that the next one may leave; and
one that falls over at once does not take the next one down."""


def selector(server: str) -> dict[str, str]:
    """Selects the pods that clients ask."""
    return selector_labels(name="ollama", instance=server, component="inference")


def writer_selector(server: str) -> dict[str, str]:
    """Selects the pod that fills a shared volume."""
    return selector_labels(name="ollama", instance=server, component="writer")


def pullers(server: str, volume: VolumeSettings) -> dict[str, str]:
    """Selects the pods that fetch models: whom the model store lets in."""
    return writer_selector(server) if volume.mode == "shared" else selector(server)


def object_labels(server: str) -> dict[str, str]:
    """Labels of all the server's objects."""
    return labels(name="ollama", instance=server, component="inference", version=OLLAMA_VERSION)


def writer_labels(server: str) -> dict[str, str]:
    """Labels of what belongs to the writer of a shared volume."""
    return labels(name="ollama", instance=server, component="writer", version=OLLAMA_VERSION)


def headless_selector(server: str, volume: VolumeSettings) -> dict[str, str]:
    """Selects the pods that have a name of their own: the writer of a shared volume too."""
    if volume.mode != "shared":
        return selector(server)
    return {key: value for key, value in selector(server).items() if not key.endswith("/component")}


def ingress_rules(
    *, prefix: str, expose: ExposeSettings, api_server_cidrs: Sequence[str], echo: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """Who may reach the replicas: pods marked as clients, and whom the settings name.

    A deploy looks at the agents through the API server's proxy to the pod. Where the API server runs on the pod's own
    node, or the network engine counts it as a node, that traffic passes by itself, as the kubelet's probes do;
    elsewhere `api_server_cidrs` lets it in. Nobody but those reaches the agent's own port.
    """
    clients = {
        "namespaceSelector": {"matchLabels": namespace_labels(prefix)},
        "podSelector": {"matchLabels": {OLLAMA_CLIENT: "true"}},
    }
    asking = {"from": [clients, *ollama_expose.peers(expose)], "ports": workload.tcp(GATE_PORT)}
    return [asking, *agent_rules(api_server_cidrs, echo)]


def agent_rules(api_server_cidrs: Sequence[str], echo: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Lets in the API server, and the echo service, which asks agents what their replicas have.

    A rule whose `from` is empty lets everybody in, so then there is none.
    """
    peers: list[dict[str, Any]] = [{"ipBlock": {"cidr": cidr}} for cidr in api_server_cidrs]
    if echo is not None:
        peers.append({"podSelector": {"matchLabels": echo}})
    return [{"from": peers, "ports": workload.tcp(GATE_PORT, AGENT_PORT)}] if peers else []


def egress_rules(
    *, pulls: bool, store: dict[str, str] | None, api_server: pulumi.Input[Sequence[Mapping[str, Any]]]
) -> pulumi.Output[list[dict[str, Any]]]:
    """Whom the pods may reach: the API server, which has the wanted list, and where models come from.

    Args:
        pulls: whether they fetch models.
        store: selector of the store's pods; None lets them fetch from registries (TCP 443) themselves.
        api_server: addresses behind the Service `kubernetes`, as `{"ip", "port"}`.
    """
    if not pulls:
        models: list[dict[str, Any]] = []
    elif store is None:
        models = [workload.anywhere(443)]
    else:
        models = [{"to": [{"podSelector": {"matchLabels": store}}], "ports": workload.tcp(STORE_PORT)}]
    return pulumi.Output.from_input(api_server).apply(lambda found: [*models, *map(_address, found)])


def network_policy(
    selected: dict[str, str], ingress: list[dict[str, Any]], egress: pulumi.Input[list[dict[str, Any]]]
) -> dict[str, Any]:
    """A NetworkPolicy's spec, for both directions."""
    return {
        "podSelector": {"matchLabels": selected},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": egress,
    }


def stateful_set(
    *, server: str, replicas: int, selected: dict[str, str], template: dict[str, Any], claims: list[dict[str, Any]]
) -> dict[str, Any]:
    """Replicas.

    Args:
        server: name of the server; the headless service has it, with `-pods`.
        replicas: how many.
        selected: labels that select the pods.
        template: of the pods.
        claims: templates of volumes that each replica has of its own.
    """
    spec: dict[str, Any] = {
        "replicas": replicas,
        # Replicas do not know each other; one by one, the third would wait for two others to start first.
        "podManagementPolicy": "Parallel",
        # One at a time, and the next only once the last serves: with its models, so never fewer than all but one.
        "updateStrategy": {"type": "RollingUpdate"},
        "minReadySeconds": _MIN_READY_S,
        "serviceName": f"{server}-pods",
        "selector": {"matchLabels": selected},
        "template": template,
    }
    if not claims:
        return spec
    # A volume is a cache of what the settings name. A disk kept from an earlier, larger scale would bring back
    # models that were removed meanwhile, and costs money until then; the store makes filling a new one cheap.
    retention = {"whenDeleted": "Delete", "whenScaled": "Delete"}
    return {**spec, "persistentVolumeClaimRetentionPolicy": retention, "volumeClaimTemplates": claims}


def claims(volume: VolumeSettings, storage: str, storage_class: str | None) -> list[dict[str, Any]]:
    """Claim templates of the replicas; none where they share a volume."""
    if volume.mode == "shared":
        return []
    return [workload.claim_template(storage, storage_class, ollama_volumes.access_mode(volume))]


def _address(found: Mapping[str, Any]) -> dict[str, Any]:
    address = ip_address(str(found["ip"]))
    return {
        "to": [{"ipBlock": {"cidr": f"{address}/{address.max_prefixlen}"}}],
        "ports": workload.tcp(int(found["port"])),
    }
