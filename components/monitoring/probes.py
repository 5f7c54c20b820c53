"""A question to each model, from outside of its server: the exporter that asks, and what it asks."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from components import pod_security, workload
from components.labels import OLLAMA_CLIENT, namespace_labels
from components.monitoring import names, tls
from components.settings.monitoring import ProbeSettings
from components.sizes import Size
from replica_agent.ports import GATE_PORT

JOB = "ask"
SIZE = Size(cpu="5m", cpu_limit="200m", memory="24Mi", memory_limit="64Mi", storage="0")

_KEPT = "probe_success|probe_duration_seconds|probe_http_status_code|probe_failed_due_to_regex"


@dataclass(frozen=True)
class Asked:
    """A model of a server."""

    server: str
    model: str

    @property
    def module(self) -> str:
        """Name of its module; a name of a model has characters that an address has not."""
        return f"ask-{hashlib.sha256(self.model.encode()).hexdigest()[:10]}"

    @property
    def name(self) -> str:
        """Of its object."""
        return f"{self.module}-{self.server}"


def asked(models: Mapping[str, Sequence[str]]) -> list[Asked]:
    """All of them, from server to names of its models."""
    return [Asked(server, model) for server, held in sorted(models.items()) for model in sorted(set(held))]


def config(found: Sequence[Asked], settings: ProbeSettings) -> str:
    """The exporter's configuration: a module for each model, whose body is the question.

    An answer of one token is whole, as far as a model that works goes; more would only take the time of others.
    """
    modules = {one.module: _module(one.model, settings) for one in found}
    return yaml.safe_dump({"modules": modules}, sort_keys=True)


def _module(model: str, settings: ProbeSettings) -> dict[str, Any]:
    embeds = model in settings.embedding
    body: dict[str, Any] = {"model": model, "input": "yes"}
    if not embeds:
        body = {"model": model, "prompt": "Say yes.", "stream": False, "options": {"num_predict": 1}}
    return {
        "prober": "http",
        "timeout": f"{settings.timeout_seconds}s",
        "http": {
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(body),
            "valid_status_codes": [200],
            "fail_if_body_not_matches_regexp": ['"embeddings":\\[\\[' if embeds else '"done":true'],
            "follow_redirects": False,
            "preferred_ip_protocol": "ip4",
        },
    }


def probe(one: Asked, prefix: str, settings: ProbeSettings, *, by_tls: bool = False) -> dict[str, Any]:
    """Spec of the Probe object: who is asked by whom, how often, and whether the exporter is asked by TLS."""
    path = "/api/embed" if one.model in settings.embedding else "/api/generate"
    space = names.namespace_of(prefix)
    labels = {"server": one.server, "model": one.model, "namespace": f"{prefix}-models"}
    target = f"http://{one.server}.{prefix}-models.svc.cluster.local:{GATE_PORT}{path}"
    return {
        "jobName": JOB,
        "module": one.module,
        "interval": f"{settings.seconds}s",
        # Prometheus gives up after the exporter does, else an answer that is late would be a gap and no failure.
        "scrapeTimeout": f"{min(settings.seconds, settings.timeout_seconds + 5)}s",
        "prober": {
            "url": f"{names.BLACKBOX}.{space}.svc.cluster.local:{names.BLACKBOX_PORT}",
            "path": "/probe",
            **({"scheme": "https"} if by_tls else {}),
        },
        **({"tlsConfig": tls.client(names.BLACKBOX, space)} if by_tls else {}),
        "targets": {"staticConfig": {"static": [target], "labels": labels}},
        "metricRelabelings": [{"sourceLabels": ["__name__"], "regex": _KEPT, "action": "keep"}],
    }


def egress(prefix: str) -> list[dict[str, Any]]:
    """The gates of the replicas."""
    space = {**namespace_labels(prefix), "kubernetes.io/metadata.name": f"{prefix}-models"}
    pods = {"app.kubernetes.io/name": "ollama", "app.kubernetes.io/part-of": "echorator"}
    peer = {"namespaceSelector": {"matchLabels": space}, "podSelector": {"matchLabels": pods}}
    return [{"to": [peer], "ports": workload.tcp(GATE_PORT)}]


def deployment(prefix: str, *, image: str, config_map: Any) -> dict[str, Any]:  # noqa: ANN401
    """The exporter: a client of the servers like any other.

    Args:
        prefix: of the stack.
        image: of the exporter.
        config_map: name of the ConfigMap with its configuration; may be an output.
    """
    chosen = names.selector(names.BLACKBOX, prefix)
    get = {"httpGet": {"path": "/-/healthy", "port": "http"}, "timeoutSeconds": 5}
    container = {
        "name": names.BLACKBOX,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            "--config.file=/etc/blackbox/config.yaml",
            f"--web.listen-address=:{names.BLACKBOX_PORT}",
            "--log.format=json",
            # What was asked and answered is not kept for its page.
            "--history.limit=0",
        ],
        "ports": [{"name": "http", "containerPort": names.BLACKBOX_PORT, "protocol": "TCP"}],
        "readinessProbe": {**get, "periodSeconds": 5},
        "livenessProbe": {**get, "periodSeconds": 30},
        "resources": SIZE.resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [{"name": "config", "mountPath": "/etc/blackbox", "readOnly": True}],
    }
    return {
        "replicas": 1,
        "selector": {"matchLabels": chosen},
        "template": {
            "metadata": {"labels": {**names.object_labels(names.BLACKBOX, prefix), OLLAMA_CLIENT: "true"}},
            "spec": {
                **pod_security.POD_SPEC,
                "serviceAccountName": names.BLACKBOX,
                "topologySpreadConstraints": workload.spread(chosen),
                "containers": [container],
                "volumes": [{"name": "config", "configMap": {"name": config_map}}],
            },
        },
    }
