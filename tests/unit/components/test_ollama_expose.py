"""How a server is reached: Service, Ingress, HTTPRoute, who is let in, and the URLs.

Not proved: that a load balancer or a controller does what the objects say.
"""

from typing import Any

import pytest

from components import ollama_expose as expose
from components.cluster import Cluster, ClusterArgs
from components.cluster_baseline import quota
from components.ollama_server import OllamaServer, OllamaServerArgs
from components.settings.server import ExposeSettings, GatewaySettings, ServerSettings
from components.sizes import CLASSES, demand_of
from tests.support.pulumi_mocks import Seen, deploy, kinds

RANGES = ["10.0.0.0/8", "192.168.0.0/16"]


def settings(**raw: Any) -> ExposeSettings:
    return ExposeSettings.model_validate(raw)


def service(**raw: Any) -> dict[str, Any]:
    return expose.service({"a": "b"}, settings(**raw))


def test_inside_only_by_default() -> None:
    found = service()
    assert found["type"] == "ClusterIP"
    assert not {"externalTrafficPolicy", "loadBalancerSourceRanges"} & found.keys()


def test_node_port() -> None:
    found = service(type="NodePort", nodePort=31000, sourceRanges=RANGES)
    assert found["ports"][0]["nodePort"] == 31000
    assert found["externalTrafficPolicy"] == "Local"
    assert "loadBalancerSourceRanges" not in found
    assert "nodePort" not in service(type="NodePort", sourceRanges=RANGES)["ports"][0]


def test_load_balancer() -> None:
    found = service(type="LoadBalancer", sourceRanges=RANGES)
    assert found["loadBalancerSourceRanges"] == RANGES
    assert found["externalTrafficPolicy"] == "Local"


def test_who_is_let_in() -> None:
    found = expose.peers(settings(type="NodePort", sourceRanges=RANGES[:1], fromNamespaces=["ingress-nginx"]))
    assert found == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}},
        {"ipBlock": {"cidr": "10.0.0.0/8"}},
    ]


def test_some_pods_of_a_namespace_are_let_in() -> None:
    pods = [{"namespace": "ingress-nginx", "labels": {"app": "nginx"}}]
    assert expose.peers(settings(ingress={"host": "a.example.com", "tlsSecret": "t"}, fromPods=pods)) == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}},
            "podSelector": {"matchLabels": {"app": "nginx"}},
        }
    ]


@pytest.fixture
def seen(local_kubeconfig: object) -> Seen:
    del local_kubeconfig

    def program() -> None:
        cluster = Cluster("c", ClusterArgs(environment="dev"))
        chosen = settings(
            type="LoadBalancer",
            sourceRanges=RANGES,
            fromNamespaces=["ingress-nginx"],
            annotations={"cloud": "internal"},
            ingress={
                "host": "chat.example.com",
                "className": "nginx",
                "tlsSecret": "chat-tls",
                "acme": {"server": "https://acme.example.com/directory"},
                "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "1g", "more": "x"},
            },
            gateway={"host": "llm.example.com", "gateway": "public", "namespace": "gateways", "section": "https"},
        )
        OllamaServer("chat", OllamaServerArgs(name="chat", cluster=cluster, size=CLASSES["small"], expose=chosen))

    return deploy(program)


def test_service_has_the_annotations(seen: Seen) -> None:
    found = kinds(seen, ":Service")["chat-service"]
    assert (found["metadata"]["annotations"], found["spec"]["type"]) == ({"cloud": "internal"}, "LoadBalancer")


def test_ingress(seen: Seen) -> None:
    found = kinds(seen, ":Ingress")["chat-ingress"]
    assert found["spec"]["ingressClassName"] == "nginx"
    assert found["spec"]["tls"] == [{"hosts": ["chat.example.com"], "secretName": "chat-tls"}]
    (rule,) = found["spec"]["rules"]
    assert rule["host"] == "chat.example.com"
    assert rule["http"]["paths"][0]["backend"] == {"service": {"name": "chat", "port": {"name": "http"}}}
    annotations = found["metadata"]["annotations"]
    prefix = "nginx.ingress.kubernetes.io/proxy"
    assert (annotations[f"{prefix}-buffering"], annotations[f"{prefix}-body-size"], annotations["more"]) == (
        "off",
        "1g",
        "x",
    )
    assert int(annotations[f"{prefix}-read-timeout"]) >= 600


def test_route(seen: Seen) -> None:
    found = kinds(seen, ":HTTPRoute")["chat-route"]
    assert (found["apiVersion"], found["kind"]) == ("gateway.networking.k8s.io/v1", "HTTPRoute")
    assert found["spec"]["parentRefs"] == [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    assert found["spec"]["hostnames"] == ["llm.example.com"]
    (rule,) = found["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "chat", "port": 11434}]
    assert rule["timeouts"] == {"request": "3600s", "backendRequest": "3600s"}


def test_policy_lets_them_in(seen: Seen) -> None:
    (rule,) = kinds(seen, ":NetworkPolicy")["chat-network"]["spec"]["ingress"]
    assert [next(iter(one.values())) for one in rule["from"][1:]] == [
        {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}},
        {"cidr": RANGES[0]},
        {"cidr": RANGES[1]},
    ]
    assert [one["port"] for one in rule["ports"]] == [11434]


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ({}, None),
        ({"type": "LoadBalancer", "sourceRanges": RANGES}, None),
        ({"ingress": {"host": "h", "tlsSecret": "t"}}, "https://h"),
        ({"ingress": {"host": "h", "insecure": True}}, "http://h"),
        ({"gateway": {"host": "g", "gateway": "x"}}, "https://g"),
    ],
)
def test_outside(raw: dict[str, Any], url: str | None) -> None:
    assert expose.outside(settings(**raw)) == url


def test_a_gateway_of_the_same_namespace() -> None:
    route = expose.http_route("chat", GatewaySettings.model_validate({"host": "h", "gateway": "g"}))
    assert route["parentRefs"] == [{"name": "g"}]


@pytest.mark.parametrize(
    ("raw", "node_ports", "load_balancers"),
    [
        ({}, "0", "0"),
        ({"type": "NodePort", "sourceRanges": RANGES}, "1", "0"),
        ({"type": "LoadBalancer", "sourceRanges": RANGES}, "1", "1"),
    ],
)
def test_quota_has_room_for_just_that(raw: dict[str, Any], node_ports: str, load_balancers: str) -> None:
    server = ServerSettings.model_validate({"name": "chat", "class": "small", "expose": raw})
    hard = quota([demand_of(server)])["hard"]
    assert (hard["services.nodeports"], hard["services.loadbalancers"]) == (node_ports, load_balancers)


def test_the_certificate_is_asked_for_where_the_proof_may_run(seen: Seen) -> None:
    """The quota allows no NodePort, which cert-manager would make, and policies let nobody in who is not named."""
    issuer = kinds(seen, ":Issuer")["chat-issuer"]
    assert issuer["metadata"]["name"] == "chat-acme"
    assert issuer["spec"]["acme"] == {
        "server": "https://acme.example.com/directory",
        "privateKeySecretRef": {"name": "chat-acme-account"},
        "solvers": [{"http01": {"ingress": {"serviceType": "ClusterIP", "ingressClassName": "nginx"}}}],
    }
    annotations = kinds(seen, ":Ingress")["chat-ingress"]["metadata"]["annotations"]
    assert annotations["cert-manager.io/issuer"] == "chat-acme"
    policy = kinds(seen, ":NetworkPolicy")["chat-acme"]["spec"]
    assert policy["podSelector"] == {"matchLabels": {"acme.cert-manager.io/http01-solver": "true"}}
    [rule] = policy["ingress"]
    assert {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}} in rule["from"]
    assert [one["port"] for one in rule["ports"]] == [8089]
