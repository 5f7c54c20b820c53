"""Ways in from outside of the cluster."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

from collections.abc import Iterator

from policies.check import Facts, Family, Finding, Parameter, Severity, at, kinds
from policies.items import Item

FAMILY = Family("network", "https://kubernetes.io/docs/concepts/services-networking/service/")
_SERVICE = kinds("", "Service")
_INGRESS = kinds("networking.k8s.io", "Ingress")
_ROUTES = kinds("gateway.networking.k8s.io", "HTTPRoute", "GRPCRoute", "TLSRoute")
_SNIPPETS = ("-snippet", "/auth-snippet", "/configuration-snippet", "/server-snippet", "/stream-snippet")
_EVERYWHERE = ("0.0.0.0/0", "::/0")


@FAMILY.check(
    "external-ips",
    Severity.HIGH,
    "A Service has no externalIPs",
    on=_SERVICE,
    link="https://kubernetes.io/docs/concepts/services-networking/service/#external-ips",
    why="It takes over that address for everybody in the cluster (CVE-2020-8554).",
    fix="Use a LoadBalancer or an Ingress.",
)
def external_ips(item: Item, _: Facts) -> Iterator[Finding]:
    node = item.body.at("spec", "externalIPs")
    if list(node.each()):
        yield at(node, "is set")


@FAMILY.check(
    "node-port",
    Severity.MEDIUM,
    "A Service is no NodePort unless it is meant to be",
    on=_SERVICE,
    why="The port is open on each node's addresses, also those of the internet.",
    fix="Use ClusterIP behind an Ingress or a Gateway, or list the Service's name in `allow`.",
    parameters={"allow": Parameter([], "Names of Services that may be NodePorts.")},
)
def node_port(item: Item, facts: Facts) -> Iterator[Finding]:
    spec = item.body.at("spec")
    if item.name in facts.texts("allow"):
        return
    if spec.at("type").text == "NodePort":
        yield at(spec.at("type"), "is NodePort")
    elif spec.at("type").text != "LoadBalancer":
        for port in spec.at("ports").each():
            if port.at("nodePort").number:
                yield at(port.at("nodePort"), "is set")


@FAMILY.check(
    "load-balancer-ranges",
    Severity.HIGH,
    "A LoadBalancer says from where it is reached",
    on=_SERVICE,
    link="https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer",
    why="Without ranges the whole internet is let in.",
    fix="Set `loadBalancerSourceRanges`, or make it internal by the cloud's annotation.",
    parameters={
        "internal": Parameter(
            {
                "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
                "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
                "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
                "networking.gke.io/load-balancer-type": "Internal",
                "load-balancer.hetzner.cloud/use-private-ip": "true",
            },
            "Annotations and values that make a load balancer internal.",
        )
    },
)
def load_balancer_ranges(item: Item, facts: Facts) -> Iterator[Finding]:
    spec = item.body.at("spec")
    if spec.at("type").text != "LoadBalancer":
        return
    ranges = spec.at("loadBalancerSourceRanges")
    annotations = item.body.at("metadata", "annotations")
    for node in ranges.each():
        if node.text in _EVERYWHERE:
            yield at(node, f"is {node}")
    old = annotations.at("service.beta.kubernetes.io/load-balancer-source-ranges")
    internal = any(
        annotations.at(name).unknown or (annotations.at(name).text or "").lower() == value.lower()
        for name, value in facts.table("internal").items()
    )
    if not ranges.unknown and not list(ranges.each()) and old.missing and not internal and not annotations.unknown:
        yield at(ranges, "is not set")


@FAMILY.check(
    "ingress-host",
    Severity.MEDIUM,
    "An Ingress names its hosts",
    on=_INGRESS,
    link="https://kubernetes.io/docs/concepts/services-networking/ingress/#hostname-wildcards",
    why="An empty or wildcard host takes requests that were meant for others.",
    fix="Set `host` in each rule.",
)
def ingress_host(item: Item, _: Facts) -> Iterator[Finding]:
    spec = item.body.at("spec")
    for name in ("defaultBackend", "backend"):
        if spec.at(name).present:
            yield at(spec.at(name), "takes every host")
    for rule in spec.at("rules").each():
        host = rule.at("host")
        if isinstance(rule.value, dict) and (host.missing or host.text == "" or (host.text or "").startswith("*")):
            yield at(host, "is empty" if not host.text else f"is {host}")


@FAMILY.check(
    "route-host",
    Severity.MEDIUM,
    "A route of a Gateway names its hosts",
    on=_ROUTES,
    link="https://gateway-api.sigs.k8s.io/api-types/httproute/#hostnames",
    why="Without `hostnames` it takes requests that were meant for others.",
    fix="Set `hostnames`.",
)
def route_host(item: Item, _: Facts) -> Iterator[Finding]:
    hosts = item.body.at("spec", "hostnames")
    if not hosts.unknown and not list(hosts.each()):
        yield at(hosts, "is not set")
    for node in hosts.each():
        if (node.text or "").startswith("*"):
            yield at(node, f"is {node}")


@FAMILY.check(
    "ingress-snippets",
    Severity.HIGH,
    "An Ingress holds no configuration snippet",
    on=_INGRESS,
    link="https://kubernetes.github.io/ingress-nginx/deploy/hardening-guide/",
    why="A snippet is code in the controller, which has every certificate of the cluster (CVE-2021-25742).",
    fix="Use the controller's own annotations.",
)
def ingress_snippets(item: Item, _: Facts) -> Iterator[Finding]:
    for name, node in item.body.at("metadata", "annotations").fields():
        if name.endswith(_SNIPPETS) and not node.missing:
            yield at(node, "is set")


@FAMILY.check(
    "external-name",
    Severity.LOW,
    "A Service does not stand for a name outside",
    on=_SERVICE,
    link="https://kubernetes.io/docs/concepts/services-networking/service/#externalname",
    why="Clients trust the name in the cluster, and whoever owns the other one answers.",
    fix="Use the real name, with TLS.",
    level="advisory",
)
def external_name(item: Item, _: Facts) -> Iterator[Finding]:
    if item.body.at("spec", "type").text == "ExternalName":
        yield at(item.body.at("spec", "type"), "is ExternalName")
