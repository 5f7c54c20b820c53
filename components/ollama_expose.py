"""How a server is reached: its Service, an Ingress or a Gateway's route in front of it, and the URLs."""

from typing import Any

from components import ollama_certificates, workload
from components.settings.server import ExposeSettings, GatewaySettings, IngressSettings
from replica_agent.ports import GATE_PORT

SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}

STREAM_S = 3600
"""An answer may take so long. The usual 60 s of an ingress controller end a long one in the middle."""

_BODY = "100m"
"""The agent's own limit on a request: a picture or a long document is larger than the usual 1 MB."""

_INGRESS: dict[str, str] = {
    "nginx.ingress.kubernetes.io/proxy-read-timeout": str(STREAM_S),
    "nginx.ingress.kubernetes.io/proxy-send-timeout": str(STREAM_S),
    "nginx.ingress.kubernetes.io/proxy-body-size": _BODY,
    # Else the words of an answer come in one piece at its end.
    "nginx.ingress.kubernetes.io/proxy-buffering": "off",
    "nginx.ingress.kubernetes.io/proxy-request-buffering": "off",
}
"""What ingress-nginx needs; others pass over it. Traefik streams as it is, its time limits belong to its entry
points."""


def service(selector: dict[str, str], expose: ExposeSettings) -> dict[str, Any]:
    """The Service that balances over the Ready replicas."""
    spec = workload.service(selector, GATE_PORT)
    spec["type"] = expose.type
    if expose.type == "ClusterIP":
        return spec
    if expose.source_ranges:
        # Otherwise a node may pass the connection on under its own address, and the network policy, which lets in
        # these ranges only, would see that one.
        spec["externalTrafficPolicy"] = "Local"
    if expose.type == "LoadBalancer" and expose.source_ranges:
        spec["loadBalancerSourceRanges"] = list(expose.source_ranges)
    if expose.type == "NodePort" and expose.node_port is not None:
        spec["ports"][0]["nodePort"] = expose.node_port
    return spec


def ingress(server: str, settings: IngressSettings) -> dict[str, Any]:
    """An Ingress' spec: one host, all paths."""
    backend = {"service": {"name": server, "port": {"name": "http"}}}
    spec: dict[str, Any] = {
        "rules": [{"host": settings.host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
    }
    if settings.class_name is not None:
        spec["ingressClassName"] = settings.class_name
    if settings.tls_secret is not None:
        spec["tls"] = [{"hosts": [settings.host], "secretName": settings.tls_secret}]
    return spec


def ingress_annotations(server: str, settings: IngressSettings) -> dict[str, str]:
    """What lets answers stream, and what the settings add or say otherwise.

    Pulumi would wait for an address in the status, which not every controller writes, and for Ready replicas.
    """
    return {**SKIP_AWAIT, **_INGRESS, **ollama_certificates.annotation(server, settings), **settings.annotations}


def http_route(server: str, settings: GatewaySettings) -> dict[str, Any]:
    """An HTTPRoute's spec: one host, all paths."""
    parent = {"name": settings.gateway}
    if settings.namespace is not None:
        parent["namespace"] = settings.namespace
    if settings.section is not None:
        parent["sectionName"] = settings.section
    limit = f"{STREAM_S}s"
    return {
        "parentRefs": [parent],
        "hostnames": [settings.host],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": server, "port": GATE_PORT}],
                "timeouts": {"request": limit, "backendRequest": limit},
            }
        ],
    }


def inside(server: str, namespace: str) -> str:
    """The URL in the cluster."""
    return f"http://{server}.{namespace}.svc.cluster.local:{GATE_PORT}"


def outside(expose: ExposeSettings) -> str | None:
    """The URL from outside, where it is known before anything is deployed; a load balancer's address is not.

    Whether a Gateway's listener has TLS is its own business; this says https, as it should be.
    """
    if expose.ingress is not None:
        return f"{'http' if expose.ingress.tls_secret is None else 'https'}://{expose.ingress.host}"
    return None if expose.gateway is None else f"https://{expose.gateway.host}"


def peers(expose: ExposeSettings) -> list[dict[str, Any]]:
    """Who, besides the stack's own clients, may reach the replicas: as a network policy names them."""
    name = "kubernetes.io/metadata.name"
    namespaces = [{"namespaceSelector": {"matchLabels": {name: one}}} for one in expose.from_namespaces]
    pods = [
        {"namespaceSelector": {"matchLabels": {name: one.namespace}}, "podSelector": {"matchLabels": one.labels}}
        for one in expose.from_pods
    ]
    return [*namespaces, *pods, *({"ipBlock": {"cidr": one}} for one in expose.source_ranges)]
