"""The model store's objects, as Kubernetes spells them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components import pod_security, workload
from components.labels import labels, selector_labels
from components.monitoring import tls
from components.monitoring.scrape import STORE
from components.quantity import parse_bytes
from components.registries import PUSHED_HOST, STORE_PORT, UPLOAD_SECRET, alias_of
from components.settings.store import CollectSettings, UpstreamSettings
from components.sizes import Size
from components.versions import RUNTIME_TAG
from components.wanted_models import Kept
from model_store.config import StoreConfig
from model_store.wanted import WantedList

WANTED = "model-store-wanted"
"""The ConfigMap with the list of wanted models."""
WANTED_KEY = "wanted.json"

_MOUNT = "/data"
_CONFIG = "/etc/model-store"
_WANTED = "/etc/model-store-wanted"
_UPLOAD = "/etc/model-store-upload"
_CREDENTIALS = "/etc/model-store-credentials"
# Owner and group alone: the pod's group owns what is mounted.
_SECRET_MODE = 0o440


def size(storage: str) -> Size:
    """Of the one replica: it copies bytes and hashes them."""
    return Size(cpu="50m", cpu_limit="1", memory="128Mi", memory_limit="512Mi", storage=storage)


def selector(instance: str) -> dict[str, str]:
    """Selects the store's pod."""
    return selector_labels(name="model-store", instance=instance, component="registry")


def object_labels(instance: str) -> dict[str, str]:
    """Labels of all the store's objects."""
    return labels(name="model-store", instance=instance, component="registry", version=RUNTIME_TAG)


def aliases(upstreams: Sequence[UpstreamSettings], *, uploads: bool) -> list[str]:
    """Names of the services that stand for registries, that of pushed models included."""
    hosts = [one.host for one in upstreams] + ([PUSHED_HOST] if uploads else [])
    return [alias_of(host) for host in hosts]


def service_config(
    storage: str,
    upstreams: Sequence[UpstreamSettings],
    *,
    collect: CollectSettings | None = None,
    uploads: bool = False,
    metrics_tls: bool = False,
) -> str:
    """The service's config file: JSON that its own model accepts.

    Args:
        storage: size of the volume, a quantity.
        upstreams: registries.
        collect: garbage collection; None where there is no list of wanted models.
        uploads: whether models can be pushed.
        metrics_tls: whether metrics are told by TLS.
    """
    config: dict[str, Any] = {
        "root": _MOUNT,
        "listen": f"0.0.0.0:{STORE_PORT}",
        # The rest of the volume is for manifests, and for what the file system keeps back.
        "maxBytes": int(parse_bytes(storage) * 9 / 10),
        "upstreams": [_upstream(one) for one in upstreams],
    }
    if collect is not None:
        config["wantedFile"] = f"{_WANTED}/{WANTED_KEY}"
        config["collect"] = {"enabled": collect.enabled, "keepSeconds": collect.keep_hours * 3600}
    if uploads:
        config["uploads"] = {"host": PUSHED_HOST, "alias": alias_of(PUSHED_HOST), "tokenFile": f"{_UPLOAD}/token"}
    if metrics_tls:
        config["metricsTls"] = tls.config()
    StoreConfig.model_validate(config)
    return json.dumps(config, indent=2)


def _upstream(upstream: UpstreamSettings) -> dict[str, Any]:
    alias = alias_of(upstream.host)
    found: dict[str, Any] = {
        "host": upstream.host,
        "alias": alias,
        "endpoints": [*(mirror.rstrip("/") for mirror in upstream.mirrors), f"https://{upstream.host}"],
    }
    if upstream.credentials_secret is not None:
        found["credentialsFile"] = f"{_CREDENTIALS}/{alias}"
    return found


def wanted_list(wanted: Sequence[Kept]) -> str:
    """The list of wanted models, as the service reads it; equal lists give equal texts."""
    entries = {(one.host, one.repository, one.reference, one.digest) for one in wanted}
    document = {
        "version": 1,
        "models": [
            {"host": host, "repository": repository, "reference": reference, "digest": digest}
            for host, repository, reference, digest in sorted(entries, key=lambda entry: [part or "" for part in entry])
        ],
    }
    WantedList.model_validate(document)
    return json.dumps(document, indent=2)


@dataclass(frozen=True)
class Extras:
    """What is mounted besides the config and the data."""

    volumes: list[dict[str, Any]]
    mounts: list[dict[str, Any]]
    ports: list[dict[str, Any]]
    """Of the container, besides the one for clients."""


def extras(upstreams: Sequence[UpstreamSettings], *, wanted: bool, uploads: bool, metrics_tls: bool = False) -> Extras:
    """Folders with the list of wanted models, the token for pushing, credentials, and the certificate for metrics.

    All are mounted whole, never by `subPath`, so that a change reaches the running pod. Credentials are optional:
    the pod starts without the Secret, and pulls from that registry then say what is missing.
    """
    found = Extras([], [], [])

    def mount(name: str, path: str, source: dict[str, Any]) -> None:
        found.volumes.append({"name": name, **source})
        found.mounts.append({"name": name, "mountPath": path, "readOnly": True})

    if wanted:
        # Optional too: a list that is being replaced must not hold up a pod that starts just then.
        mount("wanted", _WANTED, {"configMap": {"name": WANTED, "optional": True}})
    if uploads:
        mount("upload", _UPLOAD, {"secret": {"secretName": UPLOAD_SECRET, "defaultMode": _SECRET_MODE}})
    for index, one in enumerate(upstreams):
        if one.credentials_secret is not None:
            secret = {"secretName": one.credentials_secret, "optional": True, "defaultMode": _SECRET_MODE}
            mount(f"credentials-{index}", f"{_CREDENTIALS}/{alias_of(one.host)}", {"secret": secret})
    if metrics_tls:
        found.volumes.append(tls.volume(STORE))
        found.mounts.append(tls.mount())
        found.ports.append(tls.port())
    return found


def upstream_ports(upstreams: Sequence[UpstreamSettings]) -> list[int]:
    """TCP ports of the registries and their mirrors."""
    urls = [f"https://{one.host}" for one in upstreams] + [url for one in upstreams for url in one.mirrors]
    return sorted({workload.port_of(url) for url in urls})


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
    extras: Extras,
    affinity: Mapping[str, Any],
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
        extras: what else is mounted.
        affinity: which nodes it prefers; empty for none.
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
        "ports": [{"name": "http", "containerPort": STORE_PORT, "protocol": "TCP"}, *extras.ports],
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
            *extras.mounts,
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
                **({"affinity": dict(affinity)} if affinity else {}),
                "volumes": [
                    {"name": "config", "configMap": {"name": config_map}},
                    workload.temporary_volume("64Mi"),
                    *extras.volumes,
                ],
            },
        },
        "volumeClaimTemplates": [workload.claim_template(storage, storage_class)],
    }


def _get(path: str) -> dict[str, Any]:
    return {"path": path, "port": "http"}
