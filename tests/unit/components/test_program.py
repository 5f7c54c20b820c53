"""The whole program on a stack's configuration: which resources it registers, and that each pod is a restricted one.

The names are the resources' identity: a change here without an alias replaces, and so empties, what runs. Not proved:
that a real API server admits the pods, which the tests on the local cluster do.
"""

import json
import runpy
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pulumi
import pytest
import yaml

from components.versions import IMAGES, ROOT
from tests.support.pulumi_mocks import Seen, deploy, kinds

pytestmark = pytest.mark.usefixtures("local_kubeconfig")

DEV = [
    ("echorator:index:Cluster", "cluster"),
    ("echorator:index:EchoService", "echo"),
    ("echorator:index:ModelStore", "store"),
    ("echorator:index:OllamaServer", "chat"),
    ("kubernetes:apps/v1:Deployment", "echo-pods"),
    ("kubernetes:apps/v1:StatefulSet", "chat-pods"),
    ("kubernetes:apps/v1:StatefulSet", "store-pods"),
    ("kubernetes:core/v1:ConfigMap", "chat-models"),
    ("kubernetes:core/v1:ConfigMap", "echo-config"),
    ("kubernetes:core/v1:ConfigMap", "store-config"),
    ("kubernetes:core/v1:ConfigMap", "store-wanted"),
    ("kubernetes:core/v1:LimitRange", "cluster-limits"),
    ("kubernetes:core/v1:Namespace", "cluster-models"),
    ("kubernetes:core/v1:ResourceQuota", "cluster-quota"),
    ("kubernetes:core/v1:Secret", "echo-keys"),
    ("kubernetes:core/v1:Service", "chat-pods-service"),
    ("kubernetes:core/v1:Service", "chat-service"),
    ("kubernetes:core/v1:Service", "echo-service"),
    ("kubernetes:core/v1:Service", "store-pods-service"),
    ("kubernetes:core/v1:Service", "store-service"),
    ("kubernetes:core/v1:Service", "store-service-registry-ollama-ai"),
    ("kubernetes:core/v1:ServiceAccount", "chat-account"),
    ("kubernetes:core/v1:ServiceAccount", "echo-account"),
    ("kubernetes:core/v1:ServiceAccount", "store-account"),
    ("kubernetes:discovery.k8s.io/v1:EndpointSlice", "cluster-api-server"),
    ("kubernetes:networking.k8s.io/v1:NetworkPolicy", "chat-network"),
    ("kubernetes:networking.k8s.io/v1:NetworkPolicy", "cluster-allow-dns"),
    ("kubernetes:networking.k8s.io/v1:NetworkPolicy", "cluster-default-deny"),
    ("kubernetes:networking.k8s.io/v1:NetworkPolicy", "echo-network"),
    ("kubernetes:networking.k8s.io/v1:NetworkPolicy", "store-network"),
    ("kubernetes:policy/v1:PodDisruptionBudget", "chat-budget"),
    ("kubernetes:policy/v1:PodDisruptionBudget", "echo-budget"),
    ("kubernetes:policy/v1:PodDisruptionBudget", "store-budget"),
    ("kubernetes:rbac.authorization.k8s.io/v1:Role", "chat-role"),
    ("kubernetes:rbac.authorization.k8s.io/v1:Role", "cluster-operator"),
    ("kubernetes:rbac.authorization.k8s.io/v1:Role", "cluster-viewer"),
    ("kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "chat-role-binding"),
    ("kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "cluster-operator-binding"),
    ("kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "cluster-viewer-binding"),
    ("kubernetes:scheduling.k8s.io/v1:PriorityClass", "cluster-priority-models"),
    ("kubernetes:scheduling.k8s.io/v1:PriorityClass", "cluster-priority-store"),
    ("pulumi-python:dynamic/echorator:OllamaModel", "chat-all-minilm:22m"),
    ("pulumi-python:dynamic/echorator:OllamaModel", "chat-smollm2:135m"),
    ("pulumi-python:dynamic/echorator:SecretsAtRest", "cluster-secrets-at-rest"),
    ("pulumi-python:dynamic/echorator:VolumeGrowth", "chat-volumes"),
    ("pulumi:providers:kubernetes", "cluster-provider"),
    ("random:index/randomPassword:RandomPassword", "echo-key-default"),
]


def program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"))


def stack_config(stack: str) -> dict[str, str]:
    """As Pulumi hands it over: texts as they are, the rest as JSON."""
    config: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


@pytest.fixture(params=["dev", "prod"])
def seen(request: pytest.FixtureRequest) -> Seen:
    return deploy(program, config=stack_config(request.param))


def templates(seen: Seen) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every pod template that the stack has, of whatever kind of workload; pools have templates of nodes."""
    for (kind, name), found in seen.items():
        if kind.endswith(":NodePool"):
            continue
        spec: dict[str, Any] = found.inputs.get("spec") or {}
        template: object = spec.get("template")
        if isinstance(template, Mapping):
            yield name, cast("Mapping[str, Any]", template)


def test_dev_registers_exactly_this() -> None:
    assert sorted(deploy(program, config=stack_config("dev"))) == DEV


def test_program_is_short() -> None:
    assert len((ROOT / "__main__.py").read_text().splitlines()) < 80


def test_everything_goes_to_the_explicit_provider(seen: Seen) -> None:
    kubernetes = [found for (kind, _), found in seen.items() if kind.startswith("kubernetes:")]
    assert len(kubernetes) > 20
    assert {found.provider.split("::")[-2] for found in kubernetes} == {"cluster-provider"}


def test_pods_are_restricted(seen: Seen) -> None:
    found = dict(templates(seen))
    assert {"chat-pods", "store-pods"} <= set(found)
    for template in found.values():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        pod = spec["securityContext"]
        assert (pod["runAsNonRoot"], pod["runAsUser"], pod["seccompProfile"]) == (
            True,
            1001,
            {"type": "RuntimeDefault"},
        )
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert own["readOnlyRootFilesystem"] is True
            assert not {"privileged", "procMount", "runAsUser"} & set(own)
            assert not any("hostPort" in port for port in container.get("ports", []))
        allowed = {"configMap", "downwardAPI", "emptyDir", "projected", "secret"}
        assert all(set(volume) - {"name"} <= allowed for volume in spec["volumes"])


def test_containers_have_probes_bounds_and_a_pinned_image(seen: Seen) -> None:
    images = {one.reference() for one in IMAGES.values()}
    for _, template in templates(seen):
        for container in template["spec"]["containers"]:
            # Whether a replica is ready is for the agent to say: Ollama answers long before it has its models.
            probes = {"startupProbe", "livenessProbe"} if container["name"] == "ollama" else {"readinessProbe"}
            assert probes <= set(container)
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert {"cpu", "memory"} <= set(container["resources"]["limits"])
            assert container["image"] in images


def test_objects_carry_the_labels(seen: Seen) -> None:
    kubernetes = [
        found
        for (kind, name), found in seen.items()
        # What is only read has no inputs.
        if kind.startswith("kubernetes:") and name != "cluster-api-server"
    ]
    labelled = [found.inputs["metadata"]["labels"] for found in kubernetes]
    assert len(labelled) > 20
    for labels in labelled:
        assert labels["app.kubernetes.io/part-of"] == "echorator"
        assert labels["app.kubernetes.io/managed-by"] == "pulumi"
        assert {"name", "instance", "component"} <= {key.removeprefix("app.kubernetes.io/") for key in labels}


def test_each_workload_has_policy_and_budget(seen: Seen) -> None:
    policies = [one["spec"]["podSelector"].get("matchLabels") for one in kinds(seen, ":NetworkPolicy").values()]
    budgets = [one["spec"]["selector"]["matchLabels"] for one in kinds(seen, ":PodDisruptionBudget").values()]
    sets = kinds(seen, ":StatefulSet")
    assert sets
    for one in sets.values():
        selector = one["spec"]["selector"]["matchLabels"]
        assert selector in policies
        assert selector in budgets
        assert selector.items() <= one["spec"]["template"]["metadata"]["labels"].items()


def test_the_quota_has_room_for_everything(seen: Seen) -> None:
    hard = kinds(seen, ":ResourceQuota")["cluster-quota"]["spec"]["hard"]
    replicas = sum(one["spec"]["replicas"] for one in kinds(seen, ":StatefulSet").values())
    # A rollout of a Deployment has one pod more for a while.
    replicas += sum(one["spec"]["replicas"] + 1 for one in kinds(seen, ":Deployment").values())
    assert int(hard["pods"]) == int(hard["persistentvolumeclaims"]) == 2 * replicas


def test_faults_stop_before_anything_is_registered() -> None:
    config = {**stack_config("dev"), "echorator:oops": "1", "echorator:namespace": "A"}
    registered: Seen = {}
    with pytest.raises(pulumi.RunError, match="2 faults; nothing was deployed"):
        registered = deploy(program, config=config)
    assert registered == {}


def test_a_far_server_gets_no_objects() -> None:
    servers = [{"name": "far", "url": "https://ollama.example.com", "models": [{"name": "smollm2:135m"}]}]
    seen = deploy(program, config={"echorator:servers": json.dumps(servers)})
    assert not kinds(seen, ":StatefulSet").keys() - {"store-pods"}
    model = kinds(seen, ":OllamaModel")["far-smollm2:135m"]
    assert model["kind"] == "url"
    assert json.loads(model["entry"])["pull"] == {
        "source": "registry.ollama.ai/library/smollm2:135m",
        "insecure": False,
    }
