"""`pod.template`: what it may add, and that it can weaken nothing.

Not proved: that a template without faults makes a pod that runs. Pod Security refuses the rest in the cluster.
"""

from typing import Any

import pytest

from components import ollama_pod
from components.labels import labels
from components.ollama_pod import PodPlan
from components.ollama_volumes import Role
from components.pod_security import CONTAINER
from components.settings.checks.template import OWN_CONTAINERS
from components.sizes import CLASSES
from tests.support.settings_cases import cases, check, faults, one

HERE = "servers[0].pod.template"
VOLUME: dict[str, Any] = {"name": "cache", "emptyDir": {}}


def template(**keys: Any) -> dict[str, Any]:
    return one(pod={"template": keys})


def spec(**keys: Any) -> dict[str, Any]:
    return template(spec=keys)


def beside(**keys: Any) -> dict[str, Any]:
    """A further container."""
    return spec(containers=[{"name": "proxy", "image": "r.io/proxy:1", **keys}])


def own(name: str, **keys: Any) -> dict[str, Any]:
    return spec(containers=[{"name": name, **keys}], volumes=[VOLUME])


def context(**keys: Any) -> dict[str, Any]:
    return beside(securityContext=keys)


@cases(
    ("unknown part", template(status={}), f"{HERE}.status: unknown key. Legal keys here: `metadata`, `spec`"),
    (
        "name of the pod",
        template(metadata={"name": "x"}),
        f"{HERE}.metadata.name: may not be set here. Legal keys here: `labels`, `annotations`",
    ),
    (
        "label of ours",
        template(metadata={"labels": {"app.kubernetes.io/name": "x"}}),
        f"{HERE}.metadata.labels.app.kubernetes.io/name: is set by the program",
    ),
    (
        "annotation",
        template(metadata={"annotations": {"a b": "x"}}),
        f"{HERE}.metadata.annotations.a b: `a b` is no legal key",
    ),
    (
        "volume of the node",
        spec(volumes=[{"name": "x", "hostPath": {"path": "/"}}]),
        f"{HERE}.spec.volumes[0].hostPath: is no volume that a pod here may have. Legal are `configMap`, `csi`",
    ),
    (
        "volume over the network",
        spec(volumes=[{"name": "x", "nfs": {}}]),
        f"{HERE}.spec.volumes[0].nfs: is no volume that a pod here may have",
    ),
    (
        "volume of ours",
        spec(volumes=[{"name": "data", "emptyDir": {}}]),
        f"{HERE}.spec.volumes[0].name: `data` is, or may be, a volume of the program's",
    ),
    (
        "token",
        spec(volumes=[{"name": "x", "projected": {"sources": [{"configMap": {}}, {"serviceAccountToken": {}}]}}]),
        f"{HERE}.spec.volumes[0].projected.sources[1].serviceAccountToken: may not be set here: the agent",
    ),
    (
        "our image",
        own("ollama", image="r.io/evil:1"),
        f"{HERE}.spec.containers[0].image: may not be set for `ollama`: the program counts on its own. Legal keys",
    ),
    (
        "the agent's image",
        own("agent", image="r.io/evil:1"),
        f"{HERE}.spec.containers[0].image: may not be set for `agent`",
    ),
    ("our command", own("ollama", command=["sh"]), f"{HERE}.spec.containers[0].command: may not be set for `ollama`"),
    ("our variables", own("ollama", env=[]), f"{HERE}.spec.containers[0].env: may not be set for `ollama`"),
    (
        "our security",
        own("ollama", securityContext={}),
        f"{HERE}.spec.containers[0].securityContext: may not be set for `ollama`",
    ),
    (
        "the agent's volumes",
        own("agent", volumeMounts=[]),
        f"{HERE}.spec.containers[0].volumeMounts: may not be set for `agent`",
    ),
    (
        "our name for what runs first",
        spec(initContainers=[{"name": "ollama", "image": "x"}]),
        f"{HERE}.spec.initContainers[0].name: `ollama` is the name of a container of the program's",
    ),
    (
        "no metadata at all",
        template(metadata=None),
        f"{HERE}.metadata: must be a map of keys to values; anything else would replace",
    ),
    ("no spec at all", template(spec=[]), f"{HERE}.spec: must be a map of keys to values"),
    (
        "no labels at all",
        template(metadata={"labels": None}),
        f"{HERE}.metadata.labels: must be a map of keys to texts; anything else",
    ),
    (
        "no annotation",
        template(metadata={"annotations": {"a": None}}),
        f"{HERE}.metadata.annotations.a: must be a text",
    ),
    (
        "the agent's config",
        template(metadata={"annotations": {"echorator.dev/agent-config": "{}"}}),
        f"{HERE}.metadata.annotations.echorator.dev/agent-config: begins with `echorator.dev/`",
    ),
    (
        "no containers at all",
        spec(containers=None),
        f"{HERE}.spec.containers: must be a list of maps that each have `name`; anything else",
    ),
    ("no volumes at all", spec(volumes=None), f"{HERE}.spec.volumes: must be a list of maps that each have `name`"),
    (
        "volume without name",
        spec(volumes=[VOLUME, {"emptyDir": {}}]),
        f"{HERE}.spec.volumes[1].name: is required, and must be a text, since lists are merged",
    ),
    ("container that is none", spec(containers=["x"]), f"{HERE}.spec.containers[0].name: is required"),
    (
        "mount without path",
        own("ollama", volumeMounts=[{"name": "cache"}]),
        f"{HERE}.spec.containers[0].volumeMounts[0].mountPath: is required",
    ),
    (
        "no mounts at all",
        own("ollama", volumeMounts=None),
        f"{HERE}.spec.containers[0].volumeMounts: must be a list of maps that each",
    ),
    (
        "no name",
        spec(containers=[{"image": "x"}]),
        f"{HERE}.spec.containers[0].name: is required, and must be a text, since lists",
    ),
    (
        "data of ours",
        beside(volumeMounts=[{"name": "data", "mountPath": "/x"}]),
        f"{HERE}.spec.containers[0].volumeMounts[0].name: `data` is no volume of this template",
    ),
    (
        "over our data",
        own("ollama", volumeMounts=[{"name": "cache", "mountPath": "/data/models"}]),
        f"{HERE}.spec.containers[0].volumeMounts[0].mountPath: `/data/models` is in use",
    ),
    (
        "over our data, in other words",
        own("ollama", volumeMounts=[{"name": "cache", "mountPath": "//mnt/../data"}]),
        "mountPath: `//mnt/../data` is in use",
    ),
    (
        "over everything",
        own("ollama", volumeMounts=[{"name": "cache", "mountPath": "/./"}]),
        "mountPath: `/./` is in use",
    ),
    ("device", beside(volumeDevices=[]), f"{HERE}.spec.containers[0].volumeDevices: may not be set"),
    (
        "port of the node",
        beside(ports=[{"containerPort": 80, "hostPort": 80}]),
        f"{HERE}.spec.containers[0].ports[0].hostPort: may not be set",
    ),
    (
        "privileged",
        context(privileged=True),
        f"{HERE}.spec.containers[0].securityContext.privileged: must be false, or left out",
    ),
    (
        "escalation",
        context(allowPrivilegeEscalation=True),
        f"{HERE}.spec.containers[0].securityContext.allowPrivilegeEscalation: must be false",
    ),
    (
        "perhaps root",
        context(runAsNonRoot=False),
        f"{HERE}.spec.containers[0].securityContext.runAsNonRoot: must be true",
    ),
    ("root", context(runAsUser=0), f"{HERE}.spec.containers[0].securityContext.runAsUser: is root"),
    (
        "capability",
        context(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        f"{HERE}.spec.containers[0].securityContext.capabilities.add: may not be set",
    ),
    (
        "system calls",
        context(seccompProfile={"type": "Unconfined"}),
        f"{HERE}.spec.containers[0].securityContext.seccompProfile.type: must be `RuntimeDefault`",
    ),
    (
        "all of /proc",
        context(procMount="Unmasked"),
        f"{HERE}.spec.containers[0].securityContext.procMount: may not be set",
    ),
    (
        "secret in clear",
        beside(env=[{"name": "API_TOKEN", "value": "x"}]),
        f"{HERE}.spec.containers[0].env[0].value: `API_TOKEN` looks like a secret",
    ),
)
def test_refusals(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


@pytest.mark.parametrize(
    "key",
    [
        *("securityContext", "hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace"),
        *("serviceAccountName", "serviceAccount", "automountServiceAccountToken", "enableServiceLinks"),
        *("ephemeralContainers", "restartPolicy", "priorityClassName", "terminationGracePeriodSeconds"),
        *("hostname", "subdomain"),
    ],
)
def test_what_the_whole_pod_depends_on(key: str) -> None:
    values: list[Any] = [None, False, {}, "x"]
    for value in values:
        check(spec(**{key: value}), f"{HERE}.spec.{key}: may not be set here: ")


@pytest.mark.parametrize("role", ["replica", "reader", "writer"])
def test_every_volume_and_container_of_ours_is_known(role: Role) -> None:
    made = ollama_pod.template(
        PodPlan(
            server="chat",
            role=role,
            labels=labels(name="ollama", instance="chat", component="inference", version="1"),
            size=CLASSES["small"],
            priority="models",
            claim="chat-models",
            sources=["weights"],
            metrics_tls=True,
        )
    )
    assert {one["name"] for one in made["spec"]["containers"]} == set(OWN_CONTAINERS)
    for volume in made["spec"]["volumes"]:
        check(spec(volumes=[{"name": volume["name"], "emptyDir": {}}]), f"`{volume['name']}` is, or may be, a volume")
    for container in made["spec"]["containers"]:
        for mount in container["volumeMounts"] if container["name"] == "ollama" else ():
            check(own("ollama", volumeMounts=[{"name": "cache", "mountPath": mount["mountPath"]}]), "is in use")
    for key in made["metadata"]["annotations"]:
        check(template(metadata={"annotations": {key: "x"}}), "as those that the program sets")
    for key in made["metadata"]["labels"]:
        check(template(metadata={"labels": {key: "x"}}), "is set by the program")


@pytest.mark.parametrize(
    "raw",
    [
        template(),
        template(metadata={"labels": {"team": "a"}, "annotations": {"example.com/scrape": "true"}}),
        spec(dnsPolicy="ClusterFirst", schedulerName="custom", topologySpreadConstraints=[]),
        beside(securityContext=CONTAINER, ports=[{"containerPort": 8080}], env=[{"name": "LEVEL", "value": "info"}]),
        beside(env=[{"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
        own("ollama", volumeMounts=[{"name": "cache", "mountPath": "/mnt/cache"}]),
        own("ollama", volumeMounts=[{"name": "cache", "mountPath": "/database"}]),
        own("agent", resources={"limits": {"memory": "1Gi"}}),
        spec(initContainers=[{"name": "warm", "image": "r.io/warm:1", "securityContext": {"runAsUser": 1001}}]),
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert faults(raw) == []
