"""The echo service's objects, as Kubernetes spells them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from components import ollama_server_objects as ollama
from components import pod_security, workload
from components.cluster_baseline import Demand
from components.labels import ECHO_CLIENT, OLLAMA_CLIENT, labels, namespace_labels, selector_labels
from components.memory import names as memory_names
from components.monitoring import tls
from components.monitoring.scrape import ECHO
from components.quantity import parse_bytes, parse_cpu
from components.settings.echo import EchoSettings
from components.settings.server import ServerSettings
from components.sizes import Size
from components.versions import ECHO_TAG
from echo.auth.keys import KeyFile
from echo.config.model import EchoConfig
from echo.ports import INTERNAL_PORT, MAIN_PORT, OLLAMA_PORT
from replica_agent.ports import AGENT_PORT, GATE_PORT

NAME = "echo"
"""Of the Service, the Deployment, the ConfigMap and the account."""

KEYS_SECRET = "echo-keys"  # noqa: S105 - its name
"""Holds hashes of keys, and public keys: nothing that lets anybody in."""

_CONFIG = "/etc/echo"
_KEYS = "/etc/echo-keys"
_MEMORY = "/etc/echo-memory"
_SECRET_MODE = 0o440
_GRACE_S = 300
_MARGIN_S = 10
"""Between the end of a drain and the kill."""
_SIZE = Size(cpu="100m", cpu_limit="2", memory="192Mi", memory_limit="768Mi", storage="0")


def size(settings: EchoSettings) -> Size:
    """Of one replica; one processor is all that it can use."""
    if settings.resources is None:
        return _SIZE
    requests, limits = settings.resources.requests, settings.resources.limits
    return Size(cpu=requests.cpu, cpu_limit=limits.cpu, memory=requests.memory, memory_limit=limits.memory, storage="0")


def demands(settings: EchoSettings) -> list[Demand]:
    """What it asks of the namespace; a rollout has one pod more for a while."""
    if not settings.enabled:
        return []
    one, pods = size(settings), settings.replicas + 1
    memory, limit = parse_bytes(one.memory) * pods, parse_bytes(one.memory_limit) * pods
    return [
        Demand(pods=pods, cpu=parse_cpu(one.cpu) * pods, memory=memory, memory_limit=limit, storage=Fraction(0)),
    ]


def asking(settings: EchoSettings, prefix: str) -> dict[str, str] | None:
    """Selects the pods that ask servers; None where the service is off."""
    return selector(prefix) if settings.enabled else None


def selector(prefix: str) -> dict[str, str]:
    """Selects the service's pods."""
    return selector_labels(name=NAME, instance=prefix, component="engine")


def object_labels(prefix: str) -> dict[str, str]:
    """Labels of all its objects."""
    return labels(name=NAME, instance=prefix, component="engine", version=ECHO_TAG)


def config(
    settings: EchoSettings, servers: Sequence[ServerSettings], namespace: str, *, metrics_tls: bool = False
) -> str:
    """The service's config file: JSON that its own model accepts."""
    document: dict[str, Any] = {
        "servers": [_server(server, namespace) for server in servers],
        "queue": {"size": settings.queue.size, "waitSeconds": settings.queue.wait_seconds},
        "limits": {
            "maxRequestBytes": settings.max_request_mib << 20,
            "bufferedBytes": max(128, 2 * settings.max_request_mib) << 20,
        },
        "rates": settings.rates.model_dump(by_alias=True),
        "auth": {
            "keysFile": f"{_KEYS}/keys.json",
            "anonymous": settings.anonymous,
            "oidc": None if settings.oidc is None else settings.oidc.model_dump(mode="json", by_alias=True),
        },
        "drain": {"limitSeconds": _GRACE_S - _MARGIN_S},
    }
    if settings.memory is not None:
        document["memory"] = {
            "databaseUrlFile": f"{_MEMORY}/url",
            "embedder": settings.memory.embedder.model_dump(by_alias=True),
            "cognition": settings.memory.cognition,
            "history": settings.memory.history.model_dump(by_alias=True),
            "states": settings.memory.states.model_dump(by_alias=True),
            # Not there where the stack's memory has no Redis; then events stay in their replica.
            "eventsUrlFile": f"{_MEMORY}/redis-url",
        }
    if metrics_tls:
        document["metricsTls"] = tls.config()
    EchoConfig.model_validate_json(json.dumps(document))
    return json.dumps(document, indent=2)


def _server(server: ServerSettings, namespace: str) -> dict[str, Any]:
    names = [name for model in server.models for name in (model.name, *model.aliases)]
    # The dot at the end spares each look three names that are not there.
    place = (
        {"pods": f"{server.name}-pods.{namespace}.svc.cluster.local."} if server.url is None else {"url": server.url}
    )
    return {
        "name": server.name,
        **place,
        "slots": server.ollama.num_parallel,
        "context": server.ollama.context_length,
        "models": names,
    }


def keys_file(settings: EchoSettings, made: Mapping[str, str]) -> str:
    """The Secret's content.

    Args:
        settings: who may ask.
        made: name to the key that was made for it; only its hash goes in.
    """
    entries: list[dict[str, Any]] = []
    for key in settings.keys:
        shown = {"sha256": hashlib.sha256(made[key.name].encode()).hexdigest()} if key.name in made else {}
        entries.append({**key.model_dump(mode="json", by_alias=True, exclude_none=True), **shown})
    document = {"keys": entries}
    KeyFile.model_validate_json(json.dumps(document))
    return json.dumps(document, indent=2)


def ingress_rules(prefix: str, api_server_cidrs: Sequence[str]) -> list[dict[str, Any]]:
    """Pods that are marked as its clients. Metrics and drain are for nobody; the kubelet passes by itself."""
    clients = {
        "namespaceSelector": {"matchLabels": namespace_labels(prefix)},
        "podSelector": {"matchLabels": {ECHO_CLIENT: "true"}},
    }
    rules = [{"from": [clients], "ports": workload.tcp(MAIN_PORT, OLLAMA_PORT)}]
    blocks = [{"ipBlock": {"cidr": cidr}} for cidr in api_server_cidrs]
    # A rule whose `from` is empty lets everybody in, so without addresses there is none.
    return [*rules, {"from": blocks, "ports": workload.tcp(MAIN_PORT, OLLAMA_PORT)}] if blocks else rules


def egress_rules(settings: EchoSettings, servers: Sequence[ServerSettings]) -> list[dict[str, Any]]:
    """The servers' pods, and the ports of what is outside (a policy knows no host names).

    The way to the stack's own memory store is that store's policy, by the label of its clients.
    """
    inside = [
        {"podSelector": {"matchLabels": ollama.headless_selector(one.name, one.volume)}}
        for one in servers
        if one.url is None
    ]
    urls = [one.url for one in servers if one.url is not None]
    if settings.oidc is not None:
        urls.append(settings.oidc.jwks_url)
    if settings.traces is not None:
        urls.append(settings.traces.endpoint)
    ports = {workload.port_of(url) for url in urls}
    rules = [{"to": inside, "ports": workload.tcp(GATE_PORT, AGENT_PORT)}] if inside else []
    if settings.memory is not None and settings.memory.port is not None:
        ports.add(settings.memory.port)
    return [*rules, workload.anywhere(*sorted(ports))] if ports else rules


def service(prefix: str) -> dict[str, Any]:
    """The Service: the whole API, and Ollama's."""
    ports = [("main", MAIN_PORT), ("ollama", OLLAMA_PORT)]
    return {
        "type": "ClusterIP",
        "selector": selector(prefix),
        "ports": [{"name": name, "port": port, "targetPort": name, "protocol": "TCP"} for name, port in ports],
    }


def deployment(
    *, prefix: str, settings: EchoSettings, image: str, priority: str, metrics_tls: bool = False
) -> dict[str, Any]:
    """Replicas without any state of their own: a new one takes over before an old one leaves.

    Args:
        prefix: the stack's.
        settings: of the service.
        image: of the service.
        priority: name of the priority class.
        metrics_tls: metrics are told by TLS.
    """
    chosen = selector(prefix)
    pod: dict[str, Any] = {
        **pod_security.POD_SPEC,
        "serviceAccountName": NAME,
        "priorityClassName": priority,
        "terminationGracePeriodSeconds": _GRACE_S,
        "topologySpreadConstraints": workload.spread(chosen),
        "containers": [_container(settings, image)],
        "volumes": [
            # Mounted whole, never by `subPath`, so that a change reaches the running pods.
            {"name": "config", "configMap": {"name": NAME}},
            {"name": "keys", "secret": {"secretName": KEYS_SECRET, "defaultMode": _SECRET_MODE}},
            workload.temporary_volume("64Mi"),
        ],
    }
    if metrics_tls:
        pod["volumes"].append(tls.volume(ECHO))
        pod["containers"][0]["volumeMounts"].append(tls.mount())
        pod["containers"][0]["ports"].append(tls.port())
    marks = {OLLAMA_CLIENT: "true"}
    if settings.memory is not None:
        marks[memory_names.CLIENT] = "true"
        # Optional: without it the service answers all the same, and a Secret that is made later is mounted then.
        secret = {"secretName": settings.memory.url_secret, "defaultMode": _SECRET_MODE, "optional": True}
        pod["volumes"].append({"name": "memory", "secret": secret})
        pod["containers"][0]["volumeMounts"].append({"name": "memory", "mountPath": _MEMORY, "readOnly": True})
    return {
        "replicas": settings.replicas,
        "minReadySeconds": 2,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "selector": {"matchLabels": chosen},
        "template": {"metadata": {"labels": {**object_labels(prefix), **marks}}, "spec": pod},
    }


def _container(settings: EchoSettings, image: str) -> dict[str, Any]:
    probe = {"timeoutSeconds": 5, "failureThreshold": 3}
    ports = [("main", MAIN_PORT), ("ollama", OLLAMA_PORT), ("internal", INTERNAL_PORT)]
    return {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # The image's entry point is Python with `-m`; where Python lies is the image's own business.
        "args": ["echo", "--config", f"{_CONFIG}/config.json"],
        **_traces(settings),
        "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports],
        "startupProbe": {**probe, "httpGet": _get("/api/health"), "periodSeconds": 1, "failureThreshold": 120},
        "readinessProbe": {**probe, "httpGet": _get("/models/health"), "periodSeconds": 2},
        "livenessProbe": {**probe, "httpGet": _get("/health"), "periodSeconds": 20, "timeoutSeconds": 10},
        # Answers once no request is in flight.
        "lifecycle": {"preStop": {"httpGet": {"path": "/drain", "port": "internal"}}},
        "resources": size(settings).resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [
            {"name": "config", "mountPath": _CONFIG, "readOnly": True},
            {"name": "keys", "mountPath": _KEYS, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }


def _traces(settings: EchoSettings) -> dict[str, list[dict[str, str]]]:
    """OpenTelemetry's own variables; without them nothing of it is loaded."""
    if settings.traces is None:
        return {}
    said = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": settings.traces.endpoint,
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": f"{settings.traces.share:g}",
    }
    return {"env": [{"name": name, "value": value} for name, value in said.items()]}


def _get(path: str) -> dict[str, Any]:
    return {"path": path, "port": "main"}
