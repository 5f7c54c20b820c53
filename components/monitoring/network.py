"""Who reaches whom for monitoring: each scrape has its own opening, and nothing else is open."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from components import workload
from components.labels import namespace_labels
from components.monitoring import names
from components.monitoring.scrape import Monitor


def policy(selected: dict[str, str], *, ingress: list[dict[str, Any]], egress: Any) -> dict[str, Any]:  # noqa: ANN401
    """A NetworkPolicy's spec, for both directions; `egress` may be an output."""
    return {
        "podSelector": {"matchLabels": selected},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": egress,
    }


def scraped(selected: dict[str, str], scraper: Mapping[str, object], port: int) -> dict[str, Any]:
    """Lets the scraper at one port of pods whose own policies stay as they are."""
    return {
        "podSelector": {"matchLabels": selected},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [dict(scraper)], "ports": workload.tcp(port)}],
    }


def near(part: dict[str, str], *ports: int) -> dict[str, Any]:
    """Pods of the same namespace as a peer, inbound."""
    return {"from": [{"podSelector": {"matchLabels": part}}], "ports": workload.tcp(*ports)}


def towards(part: dict[str, str], *ports: int) -> dict[str, Any]:
    """Pods of the same namespace as a peer, outbound."""
    return {"to": [{"podSelector": {"matchLabels": part}}], "ports": workload.tcp(*ports)}


def api_server(addresses: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Out to the API server's addresses."""
    found: list[dict[str, Any]] = []
    for one in addresses:
        address = ip_address(str(one["ip"]))
        block = {"ipBlock": {"cidr": f"{address}/{address.max_prefixlen}"}}
        found.append({"to": [block], "ports": workload.tcp(int(one["port"]))})
    return found


def clients(prefix: str, port: int, api_server_cidrs: Sequence[str]) -> list[dict[str, Any]]:
    """Marked pods of the stack's namespaces, and the API server's proxy where its addresses are given."""
    marked = {
        "namespaceSelector": {"matchLabels": namespace_labels(prefix)},
        "podSelector": {"matchLabels": {names.METRICS_CLIENT: "true"}},
    }
    blocks = [{"ipBlock": {"cidr": cidr}} for cidr in api_server_cidrs]
    return [{"from": [marked, *blocks], "ports": workload.tcp(port)}]


def prometheus_out(
    prefix: str, monitors: Sequence[Monitor], remote_ports: Sequence[int], *, kubelets: bool
) -> list[dict[str, Any]]:
    """Prometheus: its targets, Alertmanager, and where samples go besides."""
    rules: list[dict[str, Any]] = []
    for one in monitors:
        peer: dict[str, Any] = {"podSelector": {"matchLabels": one.selected}}
        if one.namespace != names.namespace_of(prefix):
            own = {} if one.foreign else namespace_labels(prefix)
            space = {**own, "kubernetes.io/metadata.name": one.namespace}
            peer = {"namespaceSelector": {"matchLabels": space}, **peer}
        rules.append({"to": [peer], "ports": workload.tcp(one.port_number)})
    if kubelets:
        rules.append(workload.anywhere(names.KUBELET_PORT))
    if remote_ports:
        rules.append(workload.anywhere(*remote_ports))
    return rules


def alertmanager_mesh() -> dict[str, Any]:
    """Ports on which Alertmanagers talk to each other."""
    return {
        "ports": [
            {"protocol": "TCP", "port": names.MESH_PORT},
            {"protocol": "UDP", "port": names.MESH_PORT},
        ]
    }
