"""NetworkPolicies, Services, routes, namespaces and budgets that are right and wrong."""

from __future__ import annotations

from typing import Any

from tests.policies.cases_base import NET, Cases, ingress, service, single
from tests.policies.objects import GONE, LABELS, Object, changed, deployment, named


def _policy(**spec: Any) -> Object:
    return named(NET, "NetworkPolicy", {"spec": spec})


_BOTH = ["Ingress", "Egress"]
_DENY = _policy(podSelector={}, policyTypes=_BOTH)
_SPACE_LABELS = {
    f"pod-security.kubernetes.io/{mode}{suffix}": value
    for mode in ("enforce", "audit", "warn")
    for suffix, value in (("", "restricted"), ("-version", "v1.34"))
}
_SPACE = named("v1", "Namespace", {"metadata": {"labels": _SPACE_LABELS}}, name="team", namespace=None)
_PEER = {"podSelector": {"matchLabels": LABELS}}
_RULED = _policy(podSelector={"matchLabels": LABELS}, policyTypes=_BOTH)


def _rule(direction: str, **rule: Any) -> Object:
    return _policy(podSelector={"matchLabels": LABELS}, policyTypes=_BOTH, **{direction: [rule]})


def _budget(**spec: Any) -> Object:
    return named("policy/v1", "PodDisruptionBudget", {"spec": {"selector": {"matchLabels": LABELS}, **spec}})


def _quota(**hard: str) -> Object:
    return named("v1", "ResourceQuota", {"spec": {"hard": hard}})


_PORTS = [{"port": 443}]
_EVERYWHERE = [{"ipBlock": {"cidr": "0.0.0.0/0"}}]

NETWORK: dict[str, Cases] = {
    "network-default-deny": Cases(
        [[_SPACE, _DENY], [_SPACE, _policy(podSelector={}), _policy(podSelector={}, policyTypes=["Egress"])], [_DENY]],
        [
            [_SPACE],
            [_SPACE, _policy(podSelector={}, policyTypes=["Ingress"])],
            [_SPACE, _policy(podSelector={"matchLabels": LABELS}, policyTypes=_BOTH)],
            [_SPACE, _policy(podSelector={}, policyTypes=_BOTH, ingress=[{}])],
            [_SPACE, changed(_DENY, {"metadata/namespace": "other"})],
        ],
    ),
    "network-open-rule": single(
        [_rule("ingress", **{"from": [_PEER]}), _DENY],
        [
            _rule("ingress"),
            _rule("ingress", **{"from": [], "ports": _PORTS}),
            _rule("egress", ports=_PORTS),
            _rule("egress", to=None),
        ],
    ),
    "network-everywhere": single(
        [_rule("egress", to=_EVERYWHERE, ports=_PORTS), _rule("egress", to=[{"ipBlock": {"cidr": "10.0.0.0/8"}}])],
        [_rule("egress", to=_EVERYWHERE), _rule("egress", to=[{"ipBlock": {"cidr": "::/0"}}], ports=[])],
    ),
    "network-rule-ports": single(
        [_rule("egress", to=[_PEER], ports=_PORTS), _DENY],
        [
            _rule("egress", to=[_PEER]),
            _rule("egress", to=[_PEER], ports=[{"protocol": "TCP"}]),
            _rule("ingress", ports=[]),
        ],
    ),
    "network-ingress-from-everywhere": single(
        [_rule("ingress", **{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]})],
        [_rule("ingress", **{"from": _EVERYWHERE, "ports": _PORTS})],
    ),
    "network-all-namespaces": single(
        [_rule("egress", to=[{"namespaceSelector": {}, **_PEER}]), _rule("ingress", **{"from": [_PEER]})],
        [
            _rule("ingress", **{"from": [_PEER, {"namespaceSelector": {}}]}),
            _rule("ingress", **{"from": [{"namespaceSelector": {}, **_PEER}]}),
            _rule("egress", to=[{"namespaceSelector": {}}]),
        ],
    ),
    "network-all-pods": single(
        [
            _rule(
                "ingress",
                **{
                    "from": [
                        {"namespaceSelector": {"matchLabels": LABELS}, **_PEER},
                        {"ipBlock": {"cidr": "10.0.0.0/8"}},
                    ]
                },
            )
        ],
        [
            _rule("ingress", **{"from": [{"namespaceSelector": {"matchLabels": LABELS}}]}),
            _rule("egress", to=[_PEER, {"podSelector": {}}]),
        ],
    ),
    "network-policy-types": single(
        [_DENY],
        [
            _policy(podSelector={}),
            _policy(podSelector={}, policyTypes=["Ingress"], egress=[{"to": [_PEER]}]),
            _policy(podSelector={}, policyTypes=[]),
        ],
    ),
    "network-pod-covered": Cases(
        [[deployment({}), _RULED], [named("v1", "Service", {})]],
        [
            [deployment({})],
            [deployment({}), _DENY],
            [deployment({}), _policy(podSelector={"matchLabels": {"app": "other"}}, policyTypes=_BOTH)],
            [deployment({}), _policy(podSelector={"matchLabels": LABELS}, policyTypes=["Ingress"])],
        ],
    ),
    "network-external-ips": single([service()], [service(externalIPs=["203.0.113.7"])]),
    "network-node-port": single(
        [service("ClusterIP")],
        [service("NodePort"), named("v1", "Service", {"spec": {"ports": [{"port": 80, "nodePort": 30080}]}})],
    ),
    "network-load-balancer-ranges": single(
        [
            service("LoadBalancer", loadBalancerSourceRanges=["192.0.2.0/24"]),
            changed(
                service("LoadBalancer"),
                {("metadata", "annotations"): {"networking.gke.io/load-balancer-type": "Internal"}},
            ),
        ],
        [
            service("LoadBalancer"),
            service("LoadBalancer", loadBalancerSourceRanges=[]),
            service("LoadBalancer", loadBalancerSourceRanges=["192.0.2.0/24", "0.0.0.0/0"]),
        ],
    ),
    "network-ingress-host": single(
        [ingress(["a.example.com"])],
        [
            ingress([""]),
            ingress(["*.example.com"]),
            named(NET, "Ingress", {"spec": {"rules": [{"http": {"paths": []}}]}}),
            named(NET, "Ingress", {"spec": {"defaultBackend": {"service": {"name": "x"}}}}),
        ],
    ),
    "network-route-host": single(
        [named("gateway.networking.k8s.io/v1", "HTTPRoute", {"spec": {"hostnames": ["a.example.com"]}})],
        [named("gateway.networking.k8s.io/v1", "HTTPRoute", {"spec": {}})],
    ),
    "network-ingress-snippets": single(
        [ingress(["a"])],
        [ingress(["a"], GONE, **{"nginx.ingress.kubernetes.io/configuration-snippet": "return 200;"})],
    ),
    "network-external-name": single([service()], [service("ExternalName", externalName="example.com")]),
}

WORKLOAD: dict[str, Cases] = {
    "workload-replicas": single(
        [deployment({}), changed(deployment({}), {"spec/replicas": 1, "metadata/name": "model-store"})],
        [changed(deployment({}), {"spec/replicas": 1}), changed(deployment({}), {"spec/replicas": GONE})],
    ),
    "workload-disruption-budget": Cases(
        [[deployment({}), _budget(maxUnavailable=1)], [changed(deployment({}), {"spec/replicas": 0})]],
        [
            [deployment({})],
            [deployment({}), changed(_budget(), {"metadata/namespace": "other"})],
            [deployment({}), changed(_budget(), {"spec/selector/matchLabels": {"app": "other"}})],
        ],
    ),
    "workload-budget-lets-drain": single(
        [_budget(maxUnavailable=1), _budget(minAvailable="50%")],
        [_budget(maxUnavailable=0), _budget(maxUnavailable="0%"), _budget(minAvailable="100%")],
    ),
    "workload-namespace-pod-security": single(
        [_SPACE],
        [
            named("v1", "Namespace", {}, namespace=None),
            changed(_SPACE, {("metadata", "labels", "pod-security.kubernetes.io/enforce"): "baseline"}),
        ],
    ),
    "workload-namespace-pod-security-version": single(
        [_SPACE],
        [
            changed(_SPACE, {("metadata", "labels", "pod-security.kubernetes.io/warn-version"): "latest"}),
            changed(_SPACE, {("metadata", "labels", "pod-security.kubernetes.io/audit-version"): GONE}),
        ],
    ),
    "workload-namespace-bounds": Cases(
        [[_SPACE, _quota(), named("v1", "LimitRange", {})]],
        [
            [_SPACE],
            [_SPACE, _quota()],
            [_SPACE, changed(_quota(), {"metadata/namespace": "other"}), named("v1", "LimitRange", {})],
        ],
    ),
    "workload-quota-keeps-inside": single(
        [_quota(**{"services.nodeports": "0", "services.loadbalancers": "0"})],
        [_quota(), _quota(**{"services.nodeports": "0", "services.loadbalancers": "2"})],
    ),
}
