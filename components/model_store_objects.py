"""The model store's objects, as Kubernetes spells them."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from components import pod_security, workload
from components.labels import labels, selector_labels
from components.quantity import parse_bytes
from components.registries import STORE_PORT, alias_of
from components.settings import UpstreamSettings
from components.sizes import Size
from components.versions import RUNTIME_TAG
from model_store.config import StoreConfig

_MOUNT = "/data"
_CONFIG = "/etc/model-store"


def size(storage: str) -> Size:
    """Of the one replica: it copies bytes and hashes them."""
    return Size(cpu="50m", cpu_limit="1", memory="128Mi", memory_limit="512Mi", storage=storage)


def selector(instance: str) -> dict[str, str]:
    """Selects the store's pod."""
    return selector_labels(name="model-store", instance=instance, component="registry")


def object_labels(instance: str) -> dict[str, str]:
    """Labels of all the store's objects."""
    return labels(name="model-store", instance=instance, component="registry", version=RUNTIME_TAG)


def service_config(storage: str, upstreams: Sequence[UpstreamSettings]) -> str:
    """The service's config file: JSON that its own model accepts."""
    config = {
        "root": _MOUNT,
        "listen": f"0.0.0.0:{STORE_PORT}",
        # The rest of the volume is for manifests, and for what the file system keeps back.
        "maxBytes": int(parse_bytes(storage) * 9 / 10),
        "upstreams": [
            {
                "host": upstream.host,
                "alias": alias_of(upstream.host),
                "endpoints": [*(mirror.rstrip("/") for mirror in upstream.mirrors), f"https://{upstream.host}"],
            }
            for upstream in upstreams
        ],
    }
    StoreConfig.model_validate(config)
    return json.dumps(config, indent=2)


def upstream_ports(upstreams: Sequence[UpstreamSettings]) -> list[int]:
    """TCP ports of the registries and their mirrors."""
    urls = [f"https://{one.host}" for one in upstreams] + [url for one in upstreams for url in one.mirrors]
    parts = [urlsplit(url) for url in urls]
    return sorted({one.port or (443 if one.scheme == "https" else 80) for one in parts})


def network_policy(
    instance: str, clients: Sequence[dict[str, str]], upstreams: Sequence[UpstreamSettings]
) -> dict[str, Any]:
    """In: the servers' pods. Out: the registries' ports, wherever they are (a policy knows no host names)."""
    peers = [{"podSelector": {"matchLabels": one}} for one in clients]
    return {
        "podSelector": {"matchLabels": selector(instance)},
        "policyTypes": ["Ingress", "Egress"],
        # A rule whose `from` is empty lets everybody in, so without clients there must be no rule.
        "ingress": [{"from": peers, "ports": workload.tcp(STORE_PORT)}] if peers else [],
        "egress": [workload.anywhere(*upstream_ports(upstreams))],
    }


def stateful_set(
    *,
    instance: str,
    image: str,
    config_map: Any,  # noqa: ANN401
    account: str,
    priority: str,
    storage: str,
    storage_class: str | None,
) -> dict[str, Any]:
    """One replica with one volume.

    Args:
        instance: the stack's prefix.
        image: the runtime image.
        config_map: name of the ConfigMap, an output: it changes with its content, so the pod rolls.
        account: service account; its token is not mounted.
        priority: name of the priority class.
        storage: size of the volume, a quantity.
        storage_class: None for the cluster's default.
    """
    chosen = selector(instance)
    probe = {"timeoutSeconds": 5, "failureThreshold": 3}
    container = {
        "name": "model-store",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # The image's entry point is Python with `-m`; where Python lies is the image's own business.
        "args": ["model_store", "--config", f"{_CONFIG}/config.json"],
        "env": [{"name": "HOME", "value": _MOUNT}],
        "ports": [{"name": "http", "containerPort": STORE_PORT, "protocol": "TCP"}],
        "startupProbe": {**probe, "httpGet": _get("/healthz"), "periodSeconds": 1, "failureThreshold": 120},
        "readinessProbe": {**probe, "httpGet": _get("/readyz"), "periodSeconds": 5},
        # A minute: a disk that is busy with many pulls answers late, and a restart would cut them all off.
        "livenessProbe": {**probe, "httpGet": _get("/healthz"), "periodSeconds": 20, "timeoutSeconds": 10},
        "resources": size(storage).resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [
            {"name": workload.DATA, "mountPath": _MOUNT},
            {"name": "config", "mountPath": _CONFIG, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }
    return {
        "replicas": 1,
        # In order, the controller waits for a pod that cannot start and never replaces it by the mended one.
        "podManagementPolicy": "Parallel",
        "serviceName": "model-store-pods",
        "selector": {"matchLabels": chosen},
        # The claim outlives the StatefulSet, so that this one can be replaced without fetching everything again. It
        # goes with the namespace.
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "template": {
            "metadata": {"labels": object_labels(instance)},
            "spec": {
                **pod_security.POD_SPEC,
                "serviceAccountName": account,
                "priorityClassName": priority,
                # The service lets running transfers end for up to 25 s.
                "terminationGracePeriodSeconds": 40,
                "containers": [container],
                "volumes": [
                    {"name": "config", "configMap": {"name": config_map}},
                    workload.temporary_volume("64Mi"),
                ],
            },
        },
        "volumeClaimTemplates": [workload.claim_template(storage, storage_class)],
    }


def _get(path: str) -> dict[str, Any]:
    return {"path": path, "port": "http"}
