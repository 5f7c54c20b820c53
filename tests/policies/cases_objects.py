"""What objects other than pods may say and what not, and what a stack must hold as a whole.

Each case is the objects of one stack, deployed to production unless the test says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.policies.objects import (
    DIGEST,
    GONE,
    LABELS,
    TEMPLATE,
    Object,
    account,
    binding,
    changed,
    deployment,
    grants,
    group,
    model,
    named,
    role,
)

RBAC = "rbac.authorization.k8s.io"
NET = "networking.k8s.io/v1"
CNPG = "postgresql.cnpg.io/v1"


@dataclass(frozen=True)
class Cases:
    """Stacks that a check lets pass, and stacks that it must not; parameters where the default ones do not fit."""

    good: list[list[Object]]
    bad: list[list[Object]]
    given: dict[str, Any] = field(default_factory=dict[str, Any])


def _one(good: list[Object], bad: list[Object], **given: Any) -> Cases:
    return Cases([[one] for one in good], [[one] for one in bad], given)


def _sub(resource: str, *verbs: str) -> Cases:
    parent = resource.partition("/")[0]
    sub = resource.partition("/")[2]
    return _one(
        [role(grants("", parent, "get", "list")), role(grants("apps", resource, *verbs))],
        [
            role(grants("", "pods/log", "get"), grants("", resource, verbs[0])),
            role(grants("", resource, "*"), kind="ClusterRole"),
            role(grants("", f"*/{sub}", verbs[-1])),
            role(grants("*", resource, verbs[0])),
        ],
    )


def _subject(name: str, kind: str = "Group") -> Cases:
    return _one(
        [binding(group("team:operators"))],
        [binding(group("team:operators")) | {"subjects": [group("x"), {"kind": kind, "name": name}]}],
    )


_ROLES: dict[str, Cases] = {
    "rbac-wildcard-verbs": _one(
        [role(grants("", "pods", "get", "list", "watch"))],
        # Only the second rule has it.
        [role(grants("", "pods", "get"), grants("apps", "statefulsets", "*"))],
    ),
    "rbac-wildcard-resources": _one(
        [role(grants("", "pods", "get"))], [role(grants("", "*", "get")), role(grants("", "*/scale", "get"))]
    ),
    "rbac-wildcard-api-groups": _one([role(grants("", "pods", "get"))], [role(grants("*", "pods", "get"))]),
    "rbac-wildcard-urls": _one(
        [role({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}, kind="ClusterRole")],
        [role({"nonResourceURLs": ["*"], "verbs": ["get"]}, kind="ClusterRole")],
    ),
    "rbac-read-secrets": _one(
        [role(grants("", "configmaps", "get")), role(grants("", "secrets", "create"))],
        [role(grants("", "secrets", verb)) for verb in ("get", "list", "watch", "*", "GET")]
        + [role(grants("", "secrets", "get", resourceNames=["one"]))],
    ),
    "rbac-create-pods": _one(
        [role(grants("", "pods", "get", "delete"))],
        [role(grants("", "pods", "create")), role(grants("", "pods", "*"))],
    ),
    "rbac-write-workloads": _one(
        [role(grants("apps", "statefulsets/scale", "update")), role(grants("apps", "deployments", "get"))],
        [role(grants("apps", "deployments", "patch")), role(grants("batch", "cronjobs", "create"))],
    ),
    "rbac-pods-exec": _sub("pods/exec", "create", "get"),
    "rbac-pods-attach": _sub("pods/attach", "create", "get"),
    "rbac-pods-portforward": _sub("pods/portforward", "create", "get"),
    "rbac-ephemeral-containers": _sub("pods/ephemeralcontainers", "update", "patch"),
    "rbac-service-account-tokens": _sub("serviceaccounts/token", "create"),
    "rbac-nodes-proxy": _sub("nodes/proxy", "get", "create"),
    "rbac-escalate-bind": _one(
        [role(grants(RBAC, "roles", "get"))],
        [role(grants(RBAC, "clusterroles", "bind")), role(grants(RBAC, "roles", "update", "escalate"))],
    ),
    "rbac-impersonate": _one(
        [role(grants("", "users", "get"))], [role(grants("", "users", "impersonate"), kind="ClusterRole")]
    ),
    "rbac-csr-approval": _one(
        [role(grants("certificates.k8s.io", "certificatesigningrequests", "create"))],
        [
            role(grants("certificates.k8s.io", "certificatesigningrequests/approval", "update")),
            role(grants("certificates.k8s.io", "signers", "approve")),
        ],
    ),
    "rbac-webhooks": _one(
        [role(grants("admissionregistration.k8s.io", "validatingwebhookconfigurations", "get"))],
        [role(grants("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "patch"))],
    ),
    "rbac-write-rbac": _one(
        [role(grants(RBAC, "rolebindings", "list"))], [role(grants(RBAC, "rolebindings", "create"))]
    ),
    "rbac-create-volumes": _one(
        [role(grants("", "persistentvolumeclaims", "create"))], [role(grants("", "persistentvolumes", "create"))]
    ),
    "rbac-redirect-traffic": _one(
        [role(grants("discovery.k8s.io", "endpointslices", "watch"))],
        [role(grants("discovery.k8s.io", "endpointslices", "patch")), role(grants("", "services/status", "update"))],
    ),
    "rbac-aggregated-role": _one(
        [role(kind="ClusterRole")],
        [
            {**role(kind="ClusterRole"), "aggregationRule": {"clusterRoleSelectors": []}},
            changed(role(kind="ClusterRole"), {("metadata", "labels"): {f"{RBAC}/aggregate-to-admin": "true"}}),
        ],
    ),
}

_BINDINGS: dict[str, Cases] = {
    "rbac-cluster-admin": _one(
        [binding(group("x"), "view", "ClusterRole"), binding(group("x"), "admin", "Role")],
        [binding(group("x"), "cluster-admin", "ClusterRole"), binding(group("x"), "edit", "ClusterRole")],
    ),
    "rbac-anonymous": _subject("system:anonymous", "User"),
    "rbac-unauthenticated": _subject("system:unauthenticated"),
    "rbac-authenticated": _subject("system:authenticated"),
    "rbac-masters": _subject("system:masters"),
    "rbac-all-service-accounts": _one(
        [binding(account())],
        [binding(group("system:serviceaccounts")), binding(group("system:serviceaccounts:team"))],
    ),
    "rbac-default-service-account": _one(
        [binding(account())],
        [binding(account("default")), binding({"kind": "User", "name": "system:serviceaccount:team:default"})],
    ),
    "rbac-account-token": _one(
        [named("v1", "ServiceAccount", {"automountServiceAccountToken": False})],
        [named("v1", "ServiceAccount", {}), named("v1", "ServiceAccount", {"automountServiceAccountToken": True})],
    ),
    "rbac-token-secret": _one(
        [named("v1", "Secret", {"type": "Opaque"})],
        [named("v1", "Secret", {"type": "kubernetes.io/service-account-token"})],
    ),
    # Each role alone is taken for harmless by this check; the sum is not.
    "rbac-subject-combination": Cases(
        [
            [role(grants("apps", "deployments", "create")), binding(account())],
            # Two subjects, one half each.
            [
                changed(role(grants("", "pods", "create")), {"metadata/name": "a"}),
                changed(role(grants("", "pods/log", "get")), {"metadata/name": "b"}),
                binding(account("one"), "a"),
                binding(account("two"), "b"),
            ],
            # The second role is another namespace's.
            [
                changed(role(grants("", "pods", "create")), {"metadata/name": "a"}),
                changed(role(grants("", "pods/log", "get")), {"metadata/name": "b", "metadata/namespace": "other"}),
                binding(account(), "a", name="a"),
                binding(account(), "b", name="b"),
            ],
        ],
        [
            [
                changed(role(grants("", "pods", "create")), {"metadata/name": "a"}),
                changed(role(grants("", "pods/log", "get")), {"metadata/name": "b"}),
                binding(account(), "a", name="a"),
                binding(account(), "b", name="b"),
            ],
            # One half comes by the group of all the namespace's accounts.
            [
                changed(
                    role(grants("certificates.k8s.io", "signers", "approve"), kind="ClusterRole"),
                    {"metadata/name": "a"},
                ),
                changed(
                    role(grants("certificates.k8s.io", "certificatesigningrequests/approval", "update")),
                    {"metadata/name": "b"},
                ),
                binding(group("system:serviceaccounts:team"), "a", "ClusterRole", name="a"),
                binding({"kind": "User", "name": "system:serviceaccount:team:runner"}, "b", name="b"),
            ],
        ],
    ),
    "rbac-subject-control": Cases(
        [[role(*(grants("", name, "get", "list") for name in ("pods", "secrets"))), binding(account())]],
        [
            [
                changed(
                    role(
                        *(
                            grants("", name, *verbs)
                            for name in ("pods", "secrets", "configmaps", "services", "serviceaccounts")
                        )
                    ),
                    {"metadata/name": called},
                )
                for called, verbs in (("reads", ("get", "list")), ("writes", ("create", "update", "patch", "delete")))
            ]
            + [binding(account(), "reads", name="reads"), binding(account(), "writes", name="writes")]
        ],
    ),
}


def _storage(driver: str, **parameters: Any) -> Object:
    return named("storage.k8s.io/v1", "StorageClass", {"provisioner": driver, "parameters": parameters}, namespace=None)


def _claim(cls: str | None, **more: Any) -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], **more}
    return named("v1", "PersistentVolumeClaim", {"spec": spec if cls is None else {**spec, "storageClassName": cls}})


_LUKS = {"linodebs.csi.linode.com/luks-encrypted": "true"}
_HETZNER = {"csi.storage.k8s.io/node-publish-secret-name": "key"}
_CLASSES = [
    _storage("ebs.csi.aws.com", encrypted="true"),
    # Names of this driver's parameters are read in any case.
    _storage("ebs.csi.aws.com", Encrypted="true"),
    _storage("pd.csi.storage.gke.io", type="pd-ssd"),
    _storage("disk.csi.azure.com"),
    _storage("rbd.csi.ceph.com", encrypted="true", encryptionKMSID="vault"),
    _storage("driver.longhorn.io", encrypted="true"),
    _storage("pxd.portworx.com", secure="true"),
    _storage("linodebs.csi.linode.com", **_LUKS),
    _storage("csi.hetzner.cloud", **_HETZNER),
    _storage("diskplugin.csi.alibabacloud.com", encrypted="true"),
    _storage("efs.csi.aws.com"),
]
_BAD_CLASSES = [
    _storage("ebs.csi.aws.com", type="gp3"),
    _storage("ebs.csi.aws.com", encrypted="false"),
    named("storage.k8s.io/v1", "StorageClass", {"provisioner": "ebs.csi.aws.com"}, namespace=None),
    _storage("rbd.csi.ceph.com"),
    _storage("driver.longhorn.io", numberOfReplicas="3"),
    _storage("pxd.portworx.com", repl="3"),
    _storage("linodebs.csi.linode.com"),
    _storage("csi.hetzner.cloud"),
    _storage("diskplugin.csi.alibabacloud.com"),
    _storage("efs.csi.aws.com", encryptInTransit="false"),
    _storage("rancher.io/local-path"),
    named("storage.k8s.io/v1beta1", "StorageClass", {"provisioner": "ebs.csi.aws.com"}, namespace=None),
]
_STEPS = {f"csi.storage.k8s.io/{step}-secret-name": "key" for step in ("provisioner", "node-publish", "node-stage")}


def _cnpg(**spec: Any) -> Object:
    return named(CNPG, "Cluster", {"spec": spec})


def _ingress(hosts: list[str], tls: Any = GONE, **annotations: str) -> Object:
    body: Object = {"spec": {"rules": [{"host": host} for host in hosts]}, "metadata": {"annotations": annotations}}
    if tls is not GONE:
        body["spec"]["tls"] = tls
    return named(NET, "Ingress", body)


def _listener(**listener: Any) -> Object:
    return named("gateway.networking.k8s.io/v1", "Gateway", {"spec": {"listeners": [{"name": "it", **listener}]}})


def _service(kind: str | None = None, port: float = 443, **spec: Any) -> Object:
    return named("v1", "Service", {"spec": {"ports": [{"port": port}], **({"type": kind} if kind else {}), **spec}})


def _config_map(**data: str) -> Object:
    return named("v1", "ConfigMap", {"data": data})


def _mesh(kind: str, spec: Object, group_: str) -> Object:
    return named(f"{group_}/v1", kind, {"spec": spec})


def _output(**values: Any) -> Object:
    return {"$token": "pulumi:pulumi:Stack", **values}


_ENCRYPTION: dict[str, Cases] = {
    "encryption-storage-class": _one(_CLASSES, _BAD_CLASSES),
    "encryption-storage-class-secrets": _one(
        [_storage("driver.longhorn.io", encrypted="true", **_STEPS), _storage("driver.longhorn.io")],
        [_storage("driver.longhorn.io", encrypted="true")],
    ),
    "encryption-customer-key": _one(
        [
            _storage("pd.csi.storage.gke.io", **{"disk-encryption-kms-key": "k"}),
            _storage("ebs.csi.aws.com", kmskeyid="k"),
        ],
        [_storage("pd.csi.storage.gke.io"), _storage("disk.csi.azure.com", skuName="x")],
    ),
    "encryption-default-class": _one(
        [
            _claim("encrypted"),
            _claim("", volumeName="by-hand"),
            _cnpg(storage={"size": "1Gi", "storageClass": "encrypted"}),
        ],
        [
            _claim(None),
            _claim(""),
            _cnpg(storage={"size": "1Gi"}),
            _cnpg(storage={"storageClass": "encrypted"}, walStorage={"size": "1Gi"}),
            named(
                "monitoring.coreos.com/v1", "Prometheus", {"spec": {"storage": {"volumeClaimTemplate": {"spec": {}}}}}
            ),
        ],
    ),
    "encryption-volume-class": Cases(
        [
            [_claim("outside")],
            [_claim("it"), _storage("ebs.csi.aws.com", encrypted="true")],
        ],
        [
            [_claim("unheard-of")],
            [_claim("it"), _storage("ebs.csi.aws.com")],
            [
                deployment(
                    {
                        "spec/volumes/1": {
                            "name": "v",
                            "ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": "x"}}},
                        }
                    }
                )
            ],
        ],
        {"encryptedClasses": ["outside"]},
    ),
    "encryption-backup": _one(
        [
            _cnpg(instances=3),
            _cnpg(backup={"barmanObjectStore": {"data": {"encryption": "AES256"}, "wal": {"encryption": "aws:kms"}}}),
        ],
        [
            _cnpg(backup={"barmanObjectStore": {"destinationPath": "s3://b", "data": {"encryption": "AES256"}}}),
            named("barmancloud.cnpg.io/v1", "ObjectStore", {"spec": {"configuration": {"destinationPath": "s3://b"}}}),
        ],
    ),
    "encryption-backup-location": _one(
        [
            named(
                "velero.io/v1",
                "BackupStorageLocation",
                {"spec": {"provider": "aws", "config": {"kmsKeyId": "alias/x"}}},
            ),
            named("velero.io/v1", "BackupStorageLocation", {"spec": {"provider": "velero.io/gcp"}}),
        ],
        [named("velero.io/v1", "BackupStorageLocation", {"spec": {"provider": "aws", "config": {"region": "x"}}})],
    ),
    "encryption-ingress-tls": _one(
        [
            _ingress(["a.example.com"], [{"hosts": ["a.example.com"], "secretName": "t"}]),
            _ingress(["a.example.com", "b.example.com"], [{"hosts": ["*.example.com"]}]),
        ],
        [
            _ingress(["a.example.com"]),
            _ingress(["a.example.com"], []),
            _ingress(["a.example.com", "b.example.com"], [{"hosts": ["a.example.com"]}]),
            {**_ingress(["a.example.com"]), "apiVersion": "extensions/v1beta1"},
            # A wildcard holds for one label only.
            _ingress(["a.b.example.com"], [{"hosts": ["*.example.com"]}]),
        ],
    ),
    "encryption-ingress-plain-http": _one(
        [_ingress(["a"], [{"hosts": ["a"]}], **{"nginx.ingress.kubernetes.io/ssl-redirect": "true"})],
        [_ingress(["a"], [{"hosts": ["a"]}], **{"kubernetes.io/ingress.allow-http": "true"})],
    ),
    "encryption-gateway-listener": _one(
        [
            _listener(protocol="HTTPS", port=443, tls={"certificateRefs": [{"name": "c"}]}),
            _listener(protocol="TLS", port=443, tls={"mode": "Passthrough"}),
            _listener(protocol="HTTP", port=80, name="http-redirect"),
        ],
        [_listener(protocol="HTTP", port=80), _listener(protocol="HTTPS", port=443, tls={"certificateRefs": []})],
    ),
    "encryption-istio-tls": _one(
        [_mesh("PeerAuthentication", {"mtls": {"mode": "STRICT"}}, "security.istio.io")],
        [
            _mesh("PeerAuthentication", {"mtls": {"mode": "PERMISSIVE"}}, "security.istio.io"),
            _mesh("DestinationRule", {"trafficPolicy": {"tls": {"mode": "DISABLE"}}}, "networking.istio.io"),
        ],
    ),
    "encryption-load-balancer-tls": _one(
        [
            _service("LoadBalancer"),
            _service("ClusterIP", 80),
            changed(
                _service("LoadBalancer", 80),
                {("metadata", "annotations"): {"service.beta.kubernetes.io/aws-load-balancer-ssl-cert": "arn"}},
            ),
        ],
        [_service("LoadBalancer", 80), _service("LoadBalancer", 11434)],
    ),
    "encryption-database-plain-clients": _one(
        [_cnpg(postgresql={"pg_hba": ["hostssl all all all cert", "host all all all reject"]})],
        [
            _cnpg(postgresql={"pg_hba": ["host all all 10.0.0.0/8 md5"]}),
            _cnpg(postgresql={"parameters": {"ssl": "off"}}),
        ],
    ),
    "encryption-tls-version": _one(
        [_config_map(**{"ssl-protocols": "TLSv1.2 TLSv1.3"}), _listener(tls={"minVersion": "1.3"})],
        [
            _config_map(**{"ssl-protocols": "TLSv1 TLSv1.1 TLSv1.2"}),
            _mesh("Gateway", {"servers": [{"tls": {"minProtocolVersion": "TLSV1_0"}}]}, "networking.istio.io"),
            _ingress(["a"], GONE, **{"nginx.ingress.kubernetes.io/ssl-protocols": "TLSv1.1"}),
        ],
    ),
    "encryption-plain-http": _one(
        [_config_map(a="mirror: http://mirror.local-registry.svc.cluster.local:5000")],
        [_config_map(a='{"upstream": "http://registry.example.com"}')],
    ),
    "encryption-database-tls": _one(
        [_config_map(dsn="postgresql://db/app?sslmode=verify-full")], [_config_map(dsn="host=db sslmode=require")]
    ),
    "encryption-secret-in-config-map": _one(
        [
            _config_map(config='{"passwordFile": "/run/db", "maxTokens": "7"}', **{"token-ttl": "5m"}),
            _config_map(password="${DB_PASSWORD}"),
        ],
        [
            _config_map(password="hunter2hunter2"),
            _config_map(config='{"db": {"password": "hunter2hunter2"}}'),
            _config_map(**{"tls.key": "-----BEGIN PRIVATE KEY-----\nMIIE"}),
            _config_map(url="amqp://guest:guest@queue:5672"),
        ],
    ),
    "encryption-secret-in-metadata": _one(
        [changed(_config_map(), {("metadata", "annotations"): {"example.com/secret-name": "db"}})],
        [
            changed(_config_map(), {("metadata", "annotations"): {"example.com/api-key": "0123456789abcdef"}}),
            changed(_service(), {("metadata", "annotations"): {"note": "ghp_" + "a" * 36}}),
        ],
    ),
    "encryption-secret-in-custom-object": _one(
        [named("example.com/v1", "Thing", {"spec": {"passwordSecretRef": {"name": "db"}}})],
        [named("example.com/v1", "Thing", {"spec": {"steps": [{"run": "curl https://me:hunter2@example.com/"}]}})],
    ),
    "encryption-secret-in-output": _one(
        [_output(endpoint="https://example.com", models={"token-count": "3"})],
        [_output(dbPassword="hunter2hunter2"), _output(x={"dsn": "postgres://u:hunter2@db/app"})],
    ),
}


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

_NETWORK: dict[str, Cases] = {
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
    "network-open-rule": _one(
        [_rule("ingress", **{"from": [_PEER]}), _DENY],
        [
            _rule("ingress"),
            _rule("ingress", **{"from": [], "ports": _PORTS}),
            _rule("egress", ports=_PORTS),
            _rule("egress", to=None),
        ],
    ),
    "network-everywhere": _one(
        [_rule("egress", to=_EVERYWHERE, ports=_PORTS), _rule("egress", to=[{"ipBlock": {"cidr": "10.0.0.0/8"}}])],
        [_rule("egress", to=_EVERYWHERE), _rule("egress", to=[{"ipBlock": {"cidr": "::/0"}}], ports=[])],
    ),
    "network-rule-ports": _one(
        [_rule("egress", to=[_PEER], ports=_PORTS), _DENY],
        [
            _rule("egress", to=[_PEER]),
            _rule("egress", to=[_PEER], ports=[{"protocol": "TCP"}]),
            _rule("ingress", ports=[]),
        ],
    ),
    "network-ingress-from-everywhere": _one(
        [_rule("ingress", **{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]})],
        [_rule("ingress", **{"from": _EVERYWHERE, "ports": _PORTS})],
    ),
    "network-all-namespaces": _one(
        [_rule("egress", to=[{"namespaceSelector": {}, **_PEER}]), _rule("ingress", **{"from": [_PEER]})],
        [
            _rule("ingress", **{"from": [_PEER, {"namespaceSelector": {}}]}),
            _rule("ingress", **{"from": [{"namespaceSelector": {}, **_PEER}]}),
            _rule("egress", to=[{"namespaceSelector": {}}]),
        ],
    ),
    "network-all-pods": _one(
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
    "network-policy-types": _one(
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
    "network-external-ips": _one([_service()], [_service(externalIPs=["203.0.113.7"])]),
    "network-node-port": _one(
        [_service("ClusterIP")],
        [_service("NodePort"), named("v1", "Service", {"spec": {"ports": [{"port": 80, "nodePort": 30080}]}})],
    ),
    "network-load-balancer-ranges": _one(
        [
            _service("LoadBalancer", loadBalancerSourceRanges=["192.0.2.0/24"]),
            changed(
                _service("LoadBalancer"),
                {("metadata", "annotations"): {"networking.gke.io/load-balancer-type": "Internal"}},
            ),
        ],
        [
            _service("LoadBalancer"),
            _service("LoadBalancer", loadBalancerSourceRanges=[]),
            _service("LoadBalancer", loadBalancerSourceRanges=["192.0.2.0/24", "0.0.0.0/0"]),
        ],
    ),
    "network-ingress-host": _one(
        [_ingress(["a.example.com"])],
        [
            _ingress([""]),
            _ingress(["*.example.com"]),
            named(NET, "Ingress", {"spec": {"rules": [{"http": {"paths": []}}]}}),
            named(NET, "Ingress", {"spec": {"defaultBackend": {"service": {"name": "x"}}}}),
        ],
    ),
    "network-route-host": _one(
        [named("gateway.networking.k8s.io/v1", "HTTPRoute", {"spec": {"hostnames": ["a.example.com"]}})],
        [named("gateway.networking.k8s.io/v1", "HTTPRoute", {"spec": {}})],
    ),
    "network-ingress-snippets": _one(
        [_ingress(["a"])],
        [_ingress(["a"], GONE, **{"nginx.ingress.kubernetes.io/configuration-snippet": "return 200;"})],
    ),
    "network-external-name": _one([_service()], [_service("ExternalName", externalName="example.com")]),
}

_WORKLOAD: dict[str, Cases] = {
    "workload-replicas": _one(
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
    "workload-budget-lets-drain": _one(
        [_budget(maxUnavailable=1), _budget(minAvailable="50%")],
        [_budget(maxUnavailable=0), _budget(maxUnavailable="0%"), _budget(minAvailable="100%")],
    ),
    "workload-namespace-pod-security": _one(
        [_SPACE],
        [
            named("v1", "Namespace", {}, namespace=None),
            changed(_SPACE, {("metadata", "labels", "pod-security.kubernetes.io/enforce"): "baseline"}),
        ],
    ),
    "workload-namespace-pod-security-version": _one(
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
    "workload-quota-keeps-inside": _one(
        [_quota(**{"services.nodeports": "0", "services.loadbalancers": "0"})],
        [_quota(), _quota(**{"services.nodeports": "0", "services.loadbalancers": "2"})],
    ),
}

_RELEASE: Object = {"$token": "kubernetes:helm.sh/v3:Release", "chart": "gpu-operator"}

_REST: dict[str, Cases] = {
    "supply_chain-helm-release": _one([{**_RELEASE, "chart": "read"}], [_RELEASE], allow=["read"]),
    "supply_chain-digest": _one(
        [_cnpg(imageName=f"ghcr.io/cloudnative-pg/postgresql:18@{DIGEST}")],
        [_cnpg(imageName="ghcr.io/cloudnative-pg/postgresql:18")],
    ),
    "models-digest": _one([model(), model(digest=None, create={"from": "x"})], [model(digest=None)]),
    "models-digest-form": _one([model(), model(digest=None)], [model(digest="sha256:abc"), model(digest="a" * 64)]),
    "models-source": _one(
        [model(), model(source="smollm2")],
        [
            model(source="hf.co/someone/model:latest"),
            model(source="registry.ollama.ai/someone/model:1"),
            model(source="someone/x"),
        ],
    ),
    "models-plain-http": _one(
        [
            model(),
            model(insecure=False, pullFrom="registry.ollama.ai/library/x:1"),
            model(pullFrom="127.0.0.1:5000/x:1"),
        ],
        [model(pullFrom="registry.example.com:5000/library/x:1")],
    ),
    "models-server-url": _one([model(url="https://ollama.example.com")], [model(url="http://ollama.example.com")]),
    "models-licence": _one(
        [model()],
        [model(source="registry.ollama.ai/library/llama3.2:3b"), model(source="registry.ollama.ai/library/unheard:1")],
        allowed=["Apache-2.0"],
    ),
}

CASES: dict[str, Cases] = {**_ROLES, **_BINDINGS, **_ENCRYPTION, **_NETWORK, **_WORKLOAD, **_REST}
assert TEMPLATE
