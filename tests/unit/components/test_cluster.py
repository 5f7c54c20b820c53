"""The guard rails of an adopted cluster, as they are sent to it, and the refusal of a cluster that is not meant.

Not proved: that the cluster's network engine enforces the policies, which the tests on the local cluster show.
"""

from fractions import Fraction
from pathlib import Path

import pulumi
import pytest

from components import cluster_baseline as baseline
from components.cluster import Cluster, ClusterArgs
from tests.support.pulumi_mocks import Seen, deploy, kinds
from tests.unit.components.conftest import write_kubeconfig

pytestmark = pytest.mark.usefixtures("local_kubeconfig")

DEMAND = baseline.Demand(
    pods=3, cpu=Fraction(3, 2), memory=Fraction(2**30), memory_limit=Fraction(3 * 2**30), storage=Fraction(12 * 2**30)
)


@pytest.fixture
def seen() -> Seen:
    return deploy(lambda: Cluster("c", ClusterArgs(environment="dev", prefix="team", demands=[DEMAND])))


def test_provider_is_bound_to_the_context(seen: Seen) -> None:
    provider = seen["pulumi:providers:kubernetes", "c-provider"].inputs
    assert provider["context"] == provider["clusterIdentifier"] == "echorator-0123abcd"


def test_namespace_enforces_restricted(seen: Seen) -> None:
    metadata = kinds(seen, ":Namespace")["c-models"]["metadata"]
    assert metadata["name"] == "team-models"
    for mode in ("enforce", "audit", "warn"):
        assert metadata["labels"][f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert metadata["labels"][f"pod-security.kubernetes.io/{mode}-version"] == "v1.34"
    assert metadata["labels"]["app.kubernetes.io/instance"] == "team"


def test_quota_is_twice_the_demand(seen: Seen) -> None:
    assert kinds(seen, ":ResourceQuota")["c-quota"]["spec"] == {
        "hard": {
            "pods": "6",
            "persistentvolumeclaims": "6",
            "requests.cpu": "3000m",
            "requests.memory": "2048Mi",
            "limits.memory": "6144Mi",
            "requests.storage": "24576Mi",
            "services.loadbalancers": "0",
            "services.nodeports": "0",
        }
    }


def test_a_quota_is_never_zero() -> None:
    assert set(baseline.quota([])["hard"].values()) == {"2", "2000m", "1Mi", "0"}


def test_default_deny_and_dns(seen: Seen) -> None:
    policies = kinds(seen, ":NetworkPolicy")
    assert policies["c-default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert policies["c-allow-dns"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                    }
                ],
                "ports": [{"protocol": "UDP", "port": 53.0}, {"protocol": "TCP", "port": 53.0}],
            }
        ],
    }


@pytest.mark.parametrize("persona", ["viewer", "operator"])
def test_personas_have_no_dangerous_right(seen: Seen, persona: str) -> None:
    rules = kinds(seen, ":Role")[f"c-{persona}"]["rules"]
    assert rules
    for rule in rules:
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert not {"secrets", "pods/exec", "pods/attach", "pods/portforward"} & set(rule["resources"])
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
        if "pods/proxy" in rule["resources"]:
            assert rule["verbs"] == ["get"]
        if persona == "viewer":
            assert set(rule["verbs"]) <= {"get", "list", "watch"}


def test_personas_are_bound_to_groups(seen: Seen) -> None:
    subjects = {name: one["subjects"] for name, one in kinds(seen, ":RoleBinding").items()}
    group = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io"}
    assert subjects == {
        "c-viewer-binding": [{**group, "name": "team:viewers"}],
        "c-operator-binding": [{**group, "name": "team:operators"}],
    }


def test_priorities_stay_below_the_clusters_own(seen: Seen) -> None:
    classes = kinds(seen, ":PriorityClass")
    store, models = classes["c-priority-store"], classes["c-priority-models"]
    assert (store["metadata"]["name"], models["metadata"]["name"]) == ("team-store", "team-models")
    assert 0 < models["value"] < store["value"] < 10**9
    assert models["preemptionPolicy"] == "Never"


def test_a_cluster_that_is_not_local_is_refused_before_anything_is_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_kubeconfig(tmp_path / "kubeconfig", {"live": "https://34.1.2.3"}, "live")
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(pulumi.RunError, match=r"current context `live` .* is not local"):
        deploy(lambda: Cluster("c", ClusterArgs(environment="dev")))
    named = deploy(lambda: Cluster("c", ClusterArgs(environment="dev", context="live")))
    assert named["pulumi:providers:kubernetes", "c-provider"].inputs["context"] == "live"
