"""Checks of how a server is reached from outside."""

import ipaddress
from collections.abc import Iterator

from components.settings.faults import Fault
from components.settings.grammar import (
    host_faults,
    is_url,
    key_faults,
    label_value_faults,
    namespace_faults,
    number_faults,
    object_faults,
    range_faults,
)
from components.settings.raw import (
    Check,
    Raw,
    ServerCheck,
    hosted,
    items,
    mapping,
    maps,
    pairs,
    production,
    texts,
    twice,
)

NODE_PORTS = (30000, 32767)
"""What the API server allows unless it was started with another range."""

_ISSUERS = ("cert-manager.io/issuer", "cert-manager.io/cluster-issuer")
_OPEN = ("NodePort", "LoadBalancer")


def _service(path: str, server: Raw) -> Iterator[Fault]:
    expose = mapping(server.get("expose"))
    here = f"{path}.expose"
    kind = expose.get("type", "ClusterIP")
    if expose.get("nodePort") is not None:
        yield from number_faults(f"{here}.nodePort", expose["nodePort"], *NODE_PORTS)
        if kind != "NodePort":
            yield Fault(f"{here}.nodePort", "has no effect unless `type` is `NodePort`. Set that, or leave it out")
    for place, text in texts(expose.get("sourceRanges"), f"{here}.sourceRanges"):
        yield from range_faults(place, text)
    for place, text in texts(expose.get("fromNamespaces"), f"{here}.fromNamespaces"):
        yield from namespace_faults(place, text)
    for place, pods in maps(expose.get("fromPods"), f"{here}.fromPods"):
        yield from namespace_faults(f"{place}.namespace", pods.get("namespace"))
        if pods.get("labels") == {}:
            yield Fault(f"{place}.labels", "is empty, which is every pod: name one label, or use `fromNamespaces`")
        for key_place, key, value in pairs(pods.get("labels"), f"{place}.labels"):
            yield from key_faults(key_place, key)
            yield from label_value_faults(key_place, value)
    for place, key, _ in pairs(expose.get("annotations"), f"{here}.annotations"):
        yield from key_faults(place, key)
    yield from _who(here, expose, kind)


def _who(path: str, expose: Raw, kind: object) -> Iterator[Fault]:
    """Ollama asks nobody for a password, so who may come in is always said."""
    routes = [key for key in ("ingress", "gateway") if expose.get(key) is not None]
    ranges = items(expose.get("sourceRanges"))
    if kind in _OPEN and not ranges:
        yield Fault(
            f"{path}.sourceRanges",
            f"is required with `type: {kind}`, since Ollama asks nobody for a password: the address ranges of those "
            "who may use it, such as 10.0.0.0/8",
        )
    if ranges and kind not in _OPEN and not routes:
        yield Fault(
            f"{path}.sourceRanges",
            "has no effect while nothing is open to the outside. Set `type` to `NodePort` or `LoadBalancer`, or add "
            "`ingress` or `gateway`",
        )
    inside = [key for key in ("fromNamespaces", "fromPods") if items(expose.get(key))]
    if routes and not ranges and not inside:
        yield Fault(
            f"{path}.fromNamespaces",
            f"is required with `{routes[0]}`, since a network policy lets in nobody else: the namespace in which the "
            "pods of the ingress or gateway controller run. Where it has none in this cluster, name its addresses in "
            "`sourceRanges`",
        )


def _ingress(path: str, server: Raw) -> Iterator[Fault]:
    ingress = mapping(server.get("expose")).get("ingress")
    if ingress is None:
        return
    ingress = mapping(ingress)
    here = f"{path}.expose.ingress"
    yield from host_faults(f"{here}.host", ingress.get("host"))
    yield from object_faults(f"{here}.className", ingress.get("className"), "IngressClass")
    yield from object_faults(f"{here}.tlsSecret", ingress.get("tlsSecret"), "Secret")
    for place, key, _ in pairs(ingress.get("annotations"), f"{here}.annotations"):
        yield from key_faults(place, key)
    yield from _acme(here, ingress)
    insecure = ingress.get("insecure") is True
    if ingress.get("tlsSecret") is None and not insecure:
        yield Fault(
            f"{here}.tlsSecret",
            "is required: the Secret with certificate and key, without which prompts can be read on the way. "
            "`insecure: true` does without",
        )
    if ingress.get("tlsSecret") is not None and insecure:
        yield Fault(f"{here}.insecure", "is true beside `tlsSecret`. Keep one")


def _acme(here: str, ingress: Raw) -> Iterator[Fault]:
    if ingress.get("acme") is None:
        return
    acme = mapping(ingress["acme"])
    server, email = acme.get("server"), acme.get("email")
    if isinstance(server, str) and not (is_url(server) and server.startswith("https://")):
        yield Fault(f"{here}.acme.server", f"`{server}` must be the https:// URL of a directory (RFC 8555)")
    if isinstance(email, str) and "@" not in email:
        yield Fault(f"{here}.acme.email", f"`{email}` is no mail address")
    if ingress.get("tlsSecret") is None:
        yield Fault(f"{here}.acme", "has nowhere to put the certificate. Name a Secret in `tlsSecret`, which it makes")
    others = [key for key in _ISSUERS if key in mapping(ingress.get("annotations"))]
    if others:
        yield Fault(f"{here}.annotations.{others[0]}", "names another issuer than `acme`. Keep one")


def _gateway(path: str, server: Raw) -> Iterator[Fault]:
    gateway = mapping(mapping(server.get("expose")).get("gateway"))
    here = f"{path}.expose.gateway"
    yield from host_faults(f"{here}.host", gateway.get("host"))
    yield from object_faults(f"{here}.gateway", gateway.get("gateway"), "Gateway")
    yield from namespace_faults(f"{here}.namespace", gateway.get("namespace"))
    yield from object_faults(f"{here}.section", gateway.get("section"), "listener")


def _clashes(raw: Raw) -> Iterator[Fault]:
    exposed = [(f"{path}.expose", mapping(server.get("expose"))) for path, server in hosted(raw)]
    yield from twice(
        (
            (f"{path}.nodePort", str(port))
            for path, expose in exposed
            if isinstance(port := expose.get("nodePort"), int)
        ),
        lambda port, first: f"{port} is also the port at {first}. Give each server its own, or let the cluster choose",
    )
    for kind in ("ingress", "gateway"):
        yield from twice(
            (
                (f"{path}.{kind}.host", host)
                for path, expose in exposed
                if isinstance(host := mapping(expose.get(kind)).get("host"), str)
            ),
            lambda host, first: f"`{host}` is also the host at {first}. Give each server its own",
        )


def _production(raw: Raw) -> Iterator[Fault]:
    if not production(raw):
        return
    for path, server in hosted(raw):
        expose = mapping(server.get("expose"))
        if mapping(expose.get("ingress")).get("insecure") is True:
            yield Fault(
                f"{path}.expose.ingress.insecure",
                "is not legal where environment is `prod`, since prompts could be read on the way. Set `tlsSecret`",
            )
        for place, text in texts(expose.get("sourceRanges"), f"{path}.expose.sourceRanges"):
            if _everybody(text):
                yield Fault(
                    place,
                    f"`{text}` is everybody, which is not legal where environment is `prod`: Ollama asks nobody for a "
                    "password. Name the ranges of those who may use it",
                )


def _everybody(text: str) -> bool:
    try:
        return ipaddress.ip_network(text).prefixlen == 0
    except ValueError:
        return False


CHECKS: tuple[Check, ...] = (_clashes, _production)
SERVER_CHECKS: tuple[ServerCheck, ...] = (_service, _ingress, _gateway)
