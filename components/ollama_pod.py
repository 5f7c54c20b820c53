"""The pod of an Ollama server: Ollama, heard on the pod's loopback alone, and the agent that is the way in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components import ollama_agent, ollama_volumes, pod_security, workload
from components.gpu_pools import CLAIM, Placement, claim_template_name
from components.ollama_environment import environment
from components.ollama_pod_merge import merged
from components.ollama_volumes import Role
from components.settings.server import EnvironmentSettings, OllamaSettings, PodSettings, TolerationSettings
from components.sizes import Size
from components.versions import image
from replica_agent.ports import AGENT_PORT


@dataclass(frozen=True, kw_only=True)
class PodPlan:
    """What the pods of one StatefulSet are made of."""

    server: str
    role: Role
    labels: dict[str, str]
    """Ours; those that select the pods are among them."""
    size: Size
    priority: str
    """Name of the priority class."""
    claim: str
    """That a reader or writer mounts."""
    sources: Sequence[str] = ()
    """Claims with weights that models are made from."""
    ollama: OllamaSettings = field(default_factory=OllamaSettings)
    pod: PodSettings = field(default_factory=PodSettings)
    placement: Placement = field(default_factory=Placement)
    """Of its pool and class; `pod` goes before it."""
    image_digests: Mapping[str, str] = field(default_factory=dict[str, str])
    clients_may_manage: bool = False
    metrics_tls: bool = False
    """Whether agents tell their metrics by TLS."""


def template(plan: PodPlan) -> dict[str, Any]:
    """The pod template, with the setting `pod.template` laid over it last."""
    pod = plan.pod
    layout = ollama_volumes.layout(plan.role, plan.claim)
    agent_mounts = [*layout.agent_mounts, _TMP]
    # A reader makes nothing, so it needs no weights.
    sources = () if plan.role == "reader" else sorted(set(plan.sources))
    runtime = image("runtime", plan.image_digests)
    spec: dict[str, Any] = {
        **pod_security.POD_SPEC,
        "serviceAccountName": ollama_agent.account_name(plan.server),
        "priorityClassName": plan.priority,
        "terminationGracePeriodSeconds": pod.termination_grace_seconds,
        "topologySpreadConstraints": workload.spread(_selected(plan.labels)),
        "containers": [
            _ollama(plan, layout.mounts),
            ollama_agent.container(runtime, pod.image_pull_policy, agent_mounts, sources, metrics_tls=plan.metrics_tls),
        ],
        "volumes": [
            *layout.volumes,
            *ollama_agent.volumes(plan.server, sources, metrics_tls=plan.metrics_tls),
            workload.temporary_volume("1Gi"),
        ],
    }
    spec |= _placement(plan)
    if pod.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": one} for one in pod.image_pull_secrets]
    config = ollama_agent.config(
        server=plan.server,
        ledger=layout.ledger,
        models=ollama_volumes.MODELS if layout.agent_mounts else None,
        grace_s=pod.termination_grace_seconds,
        read_only=plan.role == "reader",
        clients_may_manage=plan.clients_may_manage,
        metrics_tls=plan.metrics_tls,
    )
    metadata: dict[str, Any] = {
        "labels": {**pod.labels, **plan.labels},
        "annotations": {**pod.annotations, ollama_agent.CONFIG_ANNOTATION: config},
    }
    return merged({"metadata": metadata, "spec": spec}, pod.template)


_TMP = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108


def _ollama(plan: PodPlan, mounts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    pod = plan.pod
    # The agent asks /api/version, which answers from memory, and which nobody else in the cluster can reach. A path
    # that reads models would fail while a pull keeps the disk busy, and a restart in the middle loses what it had.
    alive = {"httpGet": {"path": "/ollama/livez", "port": AGENT_PORT}}
    container: dict[str, Any] = {
        "name": "ollama",
        "image": image("ollama", plan.image_digests) if pod.image is None else pod.image,
        "imagePullPolicy": pod.image_pull_policy,
        "args": ["serve"],
        "env": [
            *environment(plan.ollama, image=pod.image, shared_reader=plan.role == "reader"),
            *(_variable(one) for one in pod.env),
        ],
        "startupProbe": {**alive, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 300},
        # Two minutes without an answer, ten seconds each: hashing a large blob takes all the CPU it may have.
        "livenessProbe": {**alive, "periodSeconds": 20, "timeoutSeconds": 10, "failureThreshold": 6},
        "lifecycle": {"preStop": ollama_agent.DRAIN},
        "resources": _resources(plan),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [*mounts, _TMP],
    }
    sources = [
        *({"secretRef": {"name": one}} for one in pod.env_from_secrets),
        *({"configMapRef": {"name": one}} for one in pod.env_from_config_maps),
    ]
    return {**container, "envFrom": sources} if sources else container


def _resources(plan: PodPlan) -> dict[str, Any]:
    if plan.placement.device_class is None or not plan.size.gpus:
        return plan.size.resources(plan.placement.resource)
    return {**plan.size.resources(None), "claims": [{"name": CLAIM}]}


def _placement(plan: PodPlan) -> dict[str, Any]:
    pod = plan.pod
    placed = plan.placement if plan.size.gpus else plan.placement.without_gpus()
    given = [_toleration(one) for one in pod.tolerations]
    if plan.size.gpus and not placed.tolerations:
        # GPU nodes carry this taint nearly everywhere, to keep pods off that need no GPU.
        given.insert(0, {"key": placed.resource, "operator": "Exists", "effect": "NoSchedule"})
    runtime = placed.runtime_class if pod.runtime_class is None else pod.runtime_class
    found: dict[str, Any] = {
        "tolerations": [*placed.tolerations, *given],
        "nodeSelector": {**placed.node_selector, **pod.node_selector},
        "affinity": {**placed.affinity, **pod.affinity},
        "runtimeClassName": runtime,
    }
    if plan.size.gpus and placed.device_class is not None:
        found["resourceClaims"] = [{"name": CLAIM, "resourceClaimTemplateName": claim_template_name(plan.server)}]
    return {key: value for key, value in found.items() if value}


def _toleration(one: TolerationSettings) -> dict[str, Any]:
    found = {
        "key": one.key,
        "operator": one.operator,
        "value": one.value,
        "effect": one.effect,
        "tolerationSeconds": one.toleration_seconds,
    }
    return {key: value for key, value in found.items() if value is not None}


def _variable(one: EnvironmentSettings) -> dict[str, Any]:
    if one.secret is not None:
        return {"name": one.name, "valueFrom": {"secretKeyRef": {"name": one.secret, "key": one.key}}}
    if one.config_map is not None:
        return {"name": one.name, "valueFrom": {"configMapKeyRef": {"name": one.config_map, "key": one.key}}}
    return {"name": one.name, "value": one.value}


def _selected(labels: Mapping[str, str]) -> dict[str, str]:
    """Those of the pod's labels that select it: a version or an owner would tell old pods from new ones."""
    selecting = ("name", "instance", "component", "part-of")
    return {key: labels[key] for key in (f"app.kubernetes.io/{one}" for one in selecting)}
