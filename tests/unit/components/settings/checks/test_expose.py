"""How a server is reached from outside: ports, ranges, hosts, certificates, and who may come in.

Not proved: that a controller for it is there.
"""

from typing import Any

import pytest

from tests.support.settings_cases import cases, check, faults, one, prod, refusal, server

RANGES = ["10.0.0.0/8"]
INGRESS = {"host": "chat.example.com", "tlsSecret": "chat-tls"}
ACME = "https://acme.example.com/directory"
GATEWAY = {"host": "chat.example.com", "gateway": "public"}
WHO = ["ingress-nginx"]


def exposed(**keys: Any) -> dict[str, Any]:
    return one(expose=keys)


def ingress(**keys: Any) -> dict[str, Any]:
    return exposed(ingress={**INGRESS, **keys}, fromNamespaces=WHO)


def both(**keys: Any) -> dict[str, Any]:
    """Two servers that are exposed alike."""
    return {"servers": [server(name=name, expose=keys) for name in "ab"]}


@cases(
    (
        "port too low",
        exposed(type="NodePort", nodePort=8080, sourceRanges=RANGES),
        "servers[0].expose.nodePort: must be from 30000 to 32767, not 8080",
    ),
    (
        "port too high",
        exposed(type="NodePort", nodePort=32768, sourceRanges=RANGES),
        "servers[0].expose.nodePort: must be from 30000 to 32767, not 32768",
    ),
    (
        "port without its type",
        exposed(nodePort=30000),
        "servers[0].expose.nodePort: has no effect unless `type` is `NodePort`",
    ),
    (
        "port of a load balancer",
        exposed(type="LoadBalancer", nodePort=30000, sourceRanges=RANGES),
        "servers[0].expose.nodePort: has no effect",
    ),
    (
        "node port for all",
        exposed(type="NodePort"),
        "servers[0].expose.sourceRanges: is required with `type: NodePort`, since Ollama asks nobody for a password",
    ),
    (
        "load balancer for all",
        exposed(type="LoadBalancer", sourceRanges=[]),
        "servers[0].expose.sourceRanges: is required with `type: LoadBalancer`",
    ),
    (
        "range",
        exposed(type="NodePort", sourceRanges=["10.0.0.0"]),
        "servers[0].expose.sourceRanges[0]: must be an address range",
    ),
    (
        "ranges without effect",
        exposed(sourceRanges=RANGES),
        "servers[0].expose.sourceRanges: has no effect while nothing is open to the outside",
    ),
    (
        "namespace",
        exposed(fromNamespaces=["Team_A"]),
        "servers[0].expose.fromNamespaces[0]: `Team_A` is no legal name of a namespace",
    ),
    (
        "namespace of pods",
        exposed(fromPods=[{"namespace": "Team_A", "labels": {"a": "b"}}]),
        "servers[0].expose.fromPods[0].namespace: `Team_A` is no legal name of a namespace",
    ),
    (
        "pods without a label",
        exposed(fromPods=[{"namespace": "n", "labels": {}}]),
        "servers[0].expose.fromPods[0].labels: is empty, which is every pod: name one label",
    ),
    (
        "key of a pod's label",
        exposed(fromPods=[{"namespace": "n", "labels": {"a b": "b"}}]),
        "servers[0].expose.fromPods[0].labels.a b: `a b` is no legal key",
    ),
    (
        "annotation",
        exposed(annotations={"a b": "x"}),
        "servers[0].expose.annotations.a b: `a b` is no legal key: must be [PREFIX/]NAME",
    ),
    (
        "ingress in clear",
        exposed(ingress={"host": "a.example.com"}, fromNamespaces=WHO),
        "servers[0].expose.ingress.tlsSecret: is required: the Secret with certificate and key",
    ),
    (
        "ingress without host",
        exposed(ingress={"tlsSecret": "t"}, fromNamespaces=WHO),
        "servers[0].expose.ingress.host: is required",
    ),
    (
        "certificates by plain http",
        ingress(acme={"server": "http://acme.example.com/directory"}),
        "servers[0].expose.ingress.acme.server: `http://acme.example.com/directory` must be the https:// URL",
    ),
    (
        "certificates of nobody",
        ingress(acme={"server": ACME, "email": "nobody"}),
        "servers[0].expose.ingress.acme.email: `nobody` is no mail address",
    ),
    (
        "certificates by two",
        ingress(acme={"server": ACME}, annotations={"cert-manager.io/cluster-issuer": "other"}),
        "servers[0].expose.ingress.annotations.cert-manager.io/cluster-issuer: names another issuer than `acme`",
    ),
    (
        "certificates for nothing",
        ingress(acme={"server": ACME}, tlsSecret=None, insecure=True),
        "servers[0].expose.ingress.acme: has nowhere to put the certificate",
    ),
    (
        "ingress in clear and not",
        ingress(insecure=True),
        "servers[0].expose.ingress.insecure: is true beside `tlsSecret`. Keep one",
    ),
    (
        "ingress that nobody lets in",
        exposed(ingress=INGRESS),
        "servers[0].expose.fromNamespaces: is required with `ingress`, since a network policy lets in nobody else",
    ),
    (
        "gateway that nobody lets in",
        exposed(gateway=GATEWAY),
        "servers[0].expose.fromNamespaces: is required with `gateway`",
    ),
    (
        "host with scheme",
        ingress(host="https://a.example.com"),
        "servers[0].expose.ingress.host: `https://a.example.com` is no legal host: must be a DNS name",
    ),
    ("any host", ingress(host="*.example.com"), "servers[0].expose.ingress.host: `*.example.com` is no legal host"),
    ("address for a host", ingress(host="10.0.0.1"), "servers[0].expose.ingress.host: `10.0.0.1` is no legal host"),
    (
        "host with a port",
        exposed(gateway={**GATEWAY, "host": "a.example.com:443"}, fromNamespaces=WHO),
        "servers[0].expose.gateway.host: `a.example.com:443` is no legal host",
    ),
    (
        "class",
        ingress(className="NGINX"),
        "servers[0].expose.ingress.className: `NGINX` is no legal name of an IngressClass",
    ),
    ("Secret", ingress(tlsSecret="a/b"), "servers[0].expose.ingress.tlsSecret: `a/b` is no legal name of a Secret"),
    (
        "annotation of the ingress",
        ingress(annotations={"/x": "y"}),
        "servers[0].expose.ingress.annotations./x: `/x` is no legal key",
    ),
    (
        "gateway's name",
        exposed(gateway={**GATEWAY, "gateway": "-"}, fromNamespaces=WHO),
        "servers[0].expose.gateway.gateway: `-` is no legal name of a Gateway",
    ),
    (
        "gateway's namespace",
        exposed(gateway={**GATEWAY, "namespace": "a.b"}, fromNamespaces=WHO),
        "servers[0].expose.gateway.namespace: `a.b` is no legal name of a namespace",
    ),
    (
        "listener",
        exposed(gateway={**GATEWAY, "section": "HTTPS"}, fromNamespaces=WHO),
        "servers[0].expose.gateway.section: `HTTPS` is no legal name of a listener",
    ),
    (
        "two servers at one port",
        both(type="NodePort", nodePort=30000, sourceRanges=RANGES),
        "servers[1].expose.nodePort: 30000 is also the port at servers[0].expose.nodePort",
    ),
    (
        "two servers at one host",
        both(ingress=INGRESS, fromNamespaces=WHO),
        "servers[1].expose.ingress.host: `chat.example.com` is also the host at servers[0].expose.ingress.host",
    ),
    (
        "two servers at one gateway's host",
        both(gateway=GATEWAY, fromNamespaces=WHO),
        "servers[1].expose.gateway.host: `chat.example.com` is also the host at",
    ),
    (
        "production in clear",
        prod(expose={"ingress": {"host": "a.b", "insecure": True}, "fromNamespaces": WHO}),
        "servers[0].expose.ingress.insecure: is not legal where environment is `prod`",
    ),
    (
        "production for everybody",
        prod(expose={"type": "LoadBalancer", "sourceRanges": ["0.0.0.0/0"]}),
        "servers[0].expose.sourceRanges[0]: `0.0.0.0/0` is everybody, which is not legal where environment is `prod`",
    ),
    (
        "production for all of IPv6",
        prod(expose={"type": "LoadBalancer", "sourceRanges": ["10.0.0.0/8", "::/0"]}),
        "servers[0].expose.sourceRanges[1]: `::/0` is everybody",
    ),
)
def test_refusals(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


def test_an_empty_ingress_is_told_what_it_lacks() -> None:
    found = refusal(exposed(ingress={}, fromNamespaces=WHO))
    assert [fault.partition(": ")[0] for fault in found] == [
        "servers[0].expose.ingress.host",
        "servers[0].expose.ingress.tlsSecret",
    ]


@pytest.mark.parametrize(
    "raw",
    [
        exposed(),
        exposed(type="NodePort", nodePort=30000, sourceRanges=RANGES),
        exposed(type="NodePort", sourceRanges=["10.0.0.0/8", "fd00::/8"]),
        exposed(type="LoadBalancer", sourceRanges=["0.0.0.0/0"], annotations={"example.com/scheme": "internal"}),
        ingress(className="nginx", annotations={"nginx.ingress.kubernetes.io/proxy-read-timeout": "600"}),
        exposed(ingress={"host": "a.example.com", "insecure": True}, fromNamespaces=WHO),
        # Of a cloud whose load balancer asks the pods itself.
        exposed(ingress=INGRESS, sourceRanges=["130.211.0.0/22"]),
        exposed(gateway={**GATEWAY, "namespace": "gateways", "section": "https"}, fromNamespaces=["gateways"]),
        exposed(ingress=INGRESS, gateway={**GATEWAY, "host": "b.example.com"}, fromNamespaces=WHO),
        exposed(fromNamespaces=["team-a", "team-b"]),
        exposed(ingress=INGRESS, fromPods=[{"namespace": "ingress-nginx", "labels": {"app": "nginx"}}]),
        prod(expose={"ingress": INGRESS, "fromNamespaces": WHO}),
        # The cluster chooses a port for each.
        both(type="NodePort", sourceRanges=RANGES),
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert faults(raw) == []
