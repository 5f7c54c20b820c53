"""An Ollama server's objects, as Kubernetes spells them."""

from collections.abc import Sequence
from typing import Any

from components import pod_security, workload
from components.labels import OLLAMA_CLIENT, labels, namespace_labels, selector_labels
from components.registries import STORE_PORT
from components.sizes import GPU_RESOURCE, Size
from components.versions import OLLAMA_VERSION

PORT = 11434

_MOUNT = "/data"


def selector(server: str) -> dict[str, str]:
    """Selects the pods of one server."""
    return selector_labels(name="ollama", instance=server, component="inference")


def object_labels(server: str) -> dict[str, str]:
    """Labels of all the server's objects."""
    return labels(name="ollama", instance=server, component="inference", version=OLLAMA_VERSION)


def environment() -> list[dict[str, str]]:
    """Ollama's own settings.

    OLLAMA_NOPRUNE stays unset: it would keep what a broken pull left, but also every layer that a newer model
    replaced, until the disk is full; and what a restart throws away comes back from the store in the same cluster.
    """
    values = {
        # Every interface: the pod's address is not known before it starts, and network policies guard the port.
        "OLLAMA_HOST": f"0.0.0.0:{PORT}",
        # The key pair goes to $HOME/.ollama, and the root file system is read-only.
        "HOME": _MOUNT,
        "OLLAMA_MODELS": f"{_MOUNT}/models",
        "OLLAMA_KEEP_ALIVE": "5m",
        # Unset, it grows with the GPU's memory, and the same model needs another amount on another node.
        "OLLAMA_CONTEXT_LENGTH": "4096",
        "OLLAMA_NUM_PARALLEL": "1",
        # Prompts never leave for a hosted model, whatever the name a client asks for.
        "OLLAMA_NO_CLOUD": "1",
    }
    return [{"name": name, "value": value} for name, value in values.items()]


def network_policy(
    *, server: str, prefix: str, store: dict[str, str] | None, api_server_cidrs: Sequence[str]
) -> dict[str, Any]:
    """In: pods that are marked as clients. Out: the model store.

    Models arrive through the API server's proxy to the pod. Where the API server runs on the pod's own node, or the
    network engine counts it as a node, that traffic passes by itself, as the kubelet's probes do; elsewhere
    `api_server_cidrs` lets it in.

    Args:
        server: the server's name.
        prefix: marks the stack's namespaces.
        store: selector of the store's pods; None lets replicas fetch from registries (TCP 443) themselves.
        api_server_cidrs: addresses from which the API server reaches pods.
    """
    clients = {
        "namespaceSelector": {"matchLabels": namespace_labels(prefix)},
        "podSelector": {"matchLabels": {OLLAMA_CLIENT: "true"}},
    }
    blocks = [{"ipBlock": {"cidr": cidr}} for cidr in api_server_cidrs]
    if store is None:
        egress = workload.anywhere(443)
    else:
        egress = {"to": [{"podSelector": {"matchLabels": store}}], "ports": workload.tcp(STORE_PORT)}
    return {
        "podSelector": {"matchLabels": selector(server)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [clients, *blocks], "ports": workload.tcp(PORT)}],
        "egress": [egress],
    }


def stateful_set(
    *,
    server: str,
    replicas: int,
    size: Size,
    image: str,
    account: str,
    priority: str,
    storage_class: str | None,
) -> dict[str, Any]:
    """Replicas, each with its own volume.

    Args:
        server: name of the StatefulSet and of its service.
        replicas: how many.
        size: of each.
        image: Ollama's, by tag or digest.
        account: service account; its token is not mounted.
        priority: name of the priority class.
        storage_class: None for the cluster's default.
    """
    chosen = selector(server)
    spec: dict[str, Any] = {
        **pod_security.POD_SPEC,
        "serviceAccountName": account,
        "priorityClassName": priority,
        # An answer that is being streamed gets this long to end.
        "terminationGracePeriodSeconds": 60,
        "topologySpreadConstraints": workload.spread(chosen),
        "containers": [_container(image, size)],
        "volumes": [workload.temporary_volume("1Gi")],
    }
    if size.gpus:
        # GPU nodes carry this taint nearly everywhere, to keep pods off that need no GPU.
        spec["tolerations"] = [{"key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"}]
    return {
        "replicas": replicas,
        # Replicas do not know each other; one by one, the third would wait for two others to start first.
        "podManagementPolicy": "Parallel",
        "serviceName": f"{server}-pods",
        "selector": {"matchLabels": chosen},
        # A volume is a cache of what the settings name. A disk kept from an earlier, larger scale would bring back
        # models that were removed meanwhile, and costs money until then; the store makes filling a new one cheap.
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
        "template": {"metadata": {"labels": object_labels(server)}, "spec": spec},
        "volumeClaimTemplates": [workload.claim_template(size.storage, storage_class)],
    }


def _container(image: str, size: Size) -> dict[str, Any]:
    # /api/version answers from memory. A path that reads models would fail while a pull keeps the disk busy, and
    # a restart in the middle of a pull loses what it had.
    version = {"httpGet": {"path": "/api/version", "port": "http"}}
    return {
        "name": "ollama",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["serve"],
        "env": environment(),
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "startupProbe": {**version, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 300},
        "readinessProbe": {**version, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 3},
        # Two minutes without an answer, ten seconds each: hashing a large blob takes all the CPU it may have.
        "livenessProbe": {**version, "periodSeconds": 20, "timeoutSeconds": 10, "failureThreshold": 6},
        "resources": size.resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [
            {"name": workload.DATA, "mountPath": _MOUNT},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }
