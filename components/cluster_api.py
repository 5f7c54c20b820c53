"""The objects of Cluster API that make a cluster with a managed topology, as Kubernetes spells them.

A ClusterClass of the cluster's own holds the templates; the Cluster says version, counts and nothing else. Templates
cannot be changed, so their names end in a hash of what they hold: a change makes a new one, the class names it, and
Cluster API rolls the machines.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from components.cluster_api_infrastructure import INFRASTRUCTURES, Infrastructure
from components.settings.cluster_api import MachineSettings, MadeClusterSettings, WorkerSettings

Object = dict[str, Any]

CORE = "cluster.x-k8s.io/v1beta2"
BOOTSTRAP = "bootstrap.cluster.x-k8s.io/v1beta2"
CONTROL_PLANE = "controlplane.cluster.x-k8s.io/v1beta2"

ENCRYPTION_KEY = "config.json"
_ENCRYPTION_FOLDER = "/etc/kubernetes/encryption"

_SICK_S = 300
_STARTUP_S = 1200


@dataclass(frozen=True)
class ApiCluster:
    """All that a cluster is made of, but for the Secret with its encryption key."""

    templates: dict[str, Object]
    """Part of the cluster to its template; each is to be there before the class."""
    cluster_class: Object
    cluster: Object


def encryption_secret(cluster: str) -> str:
    """Name of the Secret with the API server's encryption configuration."""
    return f"{cluster}-encryption"


def encryption(key: str) -> str:
    """An API server's configuration that encrypts Secrets with a key of 32 bytes, given in base64.

    `secretbox` for new ones; `identity` reads what was written before there was a key.
    """
    providers: list[Object] = [{"secretbox": {"keys": [{"name": "first", "secret": key}]}}, {"identity": {}}]
    return json.dumps(
        {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [{"resources": ["secrets"], "providers": providers}],
        }
    )


def objects(name: str, namespace: str, settings: MadeClusterSettings, labels: dict[str, str]) -> ApiCluster:
    """Everything for one cluster.

    Args:
        name: of the Cluster, in the management cluster and to Cluster API.
        namespace: there.
        settings: checked.
        labels: of all these objects.
    """
    known = INFRASTRUCTURES[settings.infrastructure]

    def made(part: str, api_version: str, kind: str, spec: Object) -> Object:
        content = json.dumps([api_version, kind, spec], sort_keys=True).encode()
        called = f"{name}-{part}-{hashlib.sha256(content).hexdigest()[:8]}"
        return {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"name": called, "namespace": namespace, "labels": labels},
            "spec": {"template": {"spec": spec}},
        }

    def machines(part: str, machine: MachineSettings, *, control: bool) -> Object:
        return made(part, known.api_version, f"{known.kind}MachineTemplate", known.machine(settings, machine, control))

    templates = {
        "infrastructure": made(
            "infrastructure", known.api_version, f"{known.kind}ClusterTemplate", known.cluster(settings)
        ),
        "control-plane": made(
            "control-plane", CONTROL_PLANE, "KubeadmControlPlaneTemplate", _control_plane(name, known)
        ),
        "control-plane-machines": machines("control-plane-machines", settings.control_plane, control=True),
    }
    for worker in settings.workers:
        templates[f"{worker.name}-machines"] = machines(f"{worker.name}-machines", worker, control=False)
        templates[f"{worker.name}-bootstrap"] = made(
            f"{worker.name}-bootstrap", BOOTSTRAP, "KubeadmConfigTemplate", _worker(worker, known)
        )
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return ApiCluster(
        templates,
        {"apiVersion": CORE, "kind": "ClusterClass", "metadata": metadata, "spec": _class(settings, templates)},
        {"apiVersion": CORE, "kind": "Cluster", "metadata": metadata, "spec": _cluster(name, settings)},
    )


def _class(settings: MadeClusterSettings, templates: dict[str, Object]) -> Object:
    def ref(part: str) -> Object:
        found = templates[part]
        named = {"kind": found["kind"], "name": found["metadata"]["name"]}
        return {"templateRef": {"apiVersion": found["apiVersion"], **named}}

    workers = [
        {
            "class": one.name,
            "bootstrap": ref(f"{one.name}-bootstrap"),
            "infrastructure": ref(f"{one.name}-machines"),
            "healthCheck": _health(),
        }
        for one in settings.workers
    ]
    control = {**ref("control-plane"), "machineInfrastructure": ref("control-plane-machines"), "healthCheck": _health()}
    spec: Object = {"infrastructure": ref("infrastructure"), "controlPlane": control}
    return {**spec, "workers": {"machineDeployments": workers}} if workers else spec


def _cluster(name: str, settings: MadeClusterSettings) -> Object:
    topology: Object = {
        "classRef": {"name": name},
        "version": settings.version,
        "controlPlane": {"replicas": settings.control_plane.replicas},
    }
    if settings.workers:
        counts = [{"class": one.name, "name": one.name, "replicas": one.replicas} for one in settings.workers]
        topology["workers"] = {"machineDeployments": counts}
    network = {"pods": {"cidrBlocks": [settings.pods]}, "services": {"cidrBlocks": [settings.services]}}
    return {"clusterNetwork": network, "topology": topology}


def _health() -> Object:
    """A machine whose node is not well is made anew."""
    sick = [{"type": "Ready", "status": one, "timeoutSeconds": _SICK_S} for one in ("Unknown", "False")]
    return {"checks": {"nodeStartupTimeoutSeconds": _STARTUP_S, "unhealthyNodeConditions": sick}}


def _control_plane(name: str, known: Infrastructure) -> Object:
    path = f"{_ENCRYPTION_FOLDER}/{ENCRYPTION_KEY}"
    registration = _registration(known, {}, [])
    server = {
        "extraArgs": [{"name": "encryption-provider-config", "value": path}],
        "extraVolumes": [
            {
                "name": "encryption",
                "hostPath": _ENCRYPTION_FOLDER,
                "mountPath": _ENCRYPTION_FOLDER,
                "readOnly": True,
                "pathType": "Directory",
            }
        ],
    }
    key = {
        "path": path,
        "owner": "root:root",
        "permissions": "0600",
        "contentFrom": {"secret": {"name": encryption_secret(name), "key": ENCRYPTION_KEY}},
    }
    spec: Object = {"clusterConfiguration": {"apiServer": server}, "files": [key]}
    if registration:
        spec |= {
            "initConfiguration": {"nodeRegistration": registration},
            "joinConfiguration": {"nodeRegistration": registration},
        }
    return {"kubeadmConfigSpec": spec}


def _worker(worker: WorkerSettings, known: Infrastructure) -> Object:
    taints = [one.model_dump(exclude_none=True) for one in worker.taints]
    registration = _registration(known, worker.labels, taints)
    # An empty map would be taken for one that was left out, and the API server wants a spec.
    return {"joinConfiguration": {"nodeRegistration": registration}} if registration else {"format": "cloud-config"}


def _registration(known: Infrastructure, labels: dict[str, str], taints: list[Object]) -> Object:
    arguments = dict(known.kubelet)
    if labels:
        arguments["node-labels"] = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    found: Object = {}
    if known.node_name is not None:
        found["name"] = known.node_name
    if arguments:
        found["kubeletExtraArgs"] = [{"name": key, "value": value} for key, value in sorted(arguments.items())]
    return {**found, "taints": taints} if taints else found
