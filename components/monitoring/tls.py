"""TLS of what is scraped: the names in its certificates, the Secrets that hold them, and where those are mounted."""

from typing import Any

import yaml

from components.monitoring import names
from replica_agent.metrics_tls import MetricsTls
from replica_agent.ports import METRICS_PORT

AUTHORITY = "metrics-authority"
"""ConfigMap beside the monitors: whom Prometheus trusts for the certificates."""
AUTHORITY_KEY = "ca.crt"

FOLDER = "/etc/metrics-tls"
CERTIFICATE, KEY = "tls.crt", "tls.key"
PORT = "metrics"
"""Name of the port on which our own services tell by TLS."""

_VOLUME = "metrics-tls"
_WEB = "web.yaml"
# Owner and group alone: the pod's group owns what is mounted.
_MODE = 0o440


def host(part: str, namespace: str) -> str:
    """In the certificate of one part; pods are found by addresses, which it does not have."""
    return f"{part}.{namespace}.svc"


def hosts(part: str, namespace: str) -> list[str]:
    """All names in it: of the Services of Prometheus and Alertmanager too, which people and Grafana ask."""
    found = [host(part, namespace)]
    if part in (names.PROMETHEUS, names.ALERTMANAGER):
        found += [f"{part}-operated.{namespace}.svc{end}" for end in ("", ".cluster.local")]
    return found


def secret(part: str) -> str:
    """Name of the Secret with one part's certificate and key."""
    return f"{part}-metrics-tls"


def client(part: str, namespace: str) -> dict[str, Any]:
    """How the operator's objects say whom a client trusts, and under which name."""
    ca = {"configMap": {"name": AUTHORITY, "key": AUTHORITY_KEY}}
    return {"ca": ca, "serverName": host(part, namespace)}


def volume(part: str) -> dict[str, Any]:
    """Mounted whole, never by `subPath`, so that a renewed certificate reaches the running pod."""
    return {"name": _VOLUME, "secret": {"secretName": secret(part), "defaultMode": _MODE}}


def mount() -> dict[str, Any]:
    """Of that volume."""
    return {"name": _VOLUME, "mountPath": FOLDER, "readOnly": True}


def port() -> dict[str, Any]:
    """Of the containers of our own services."""
    return {"name": PORT, "containerPort": METRICS_PORT, "protocol": "TCP"}


def config() -> dict[str, Any]:
    """What our own services are told."""
    found = {"listen": f"0.0.0.0:{METRICS_PORT}", "folder": FOLDER}
    MetricsTls.model_validate(found)
    return found


def web_file() -> dict[str, str]:
    """File in each Secret by which Prometheus' exporters serve TLS; they read it again for each connection."""
    told = {"cert_file": f"{FOLDER}/{CERTIFICATE}", "key_file": f"{FOLDER}/{KEY}", "min_version": "TLS13"}
    return {_WEB: yaml.safe_dump({"tls_server_config": told})}


WEB_FILE = f"{FOLDER}/{_WEB}"


def web(part: str) -> dict[str, Any]:
    """Of the operator's Prometheus and Alertmanager objects."""
    tls = {
        "keySecret": {"name": secret(part), "key": KEY},
        "cert": {"secret": {"name": secret(part), "key": CERTIFICATE}},
        "minVersion": "TLS13",
    }
    return {"web": {"tlsConfig": tls}}


def secured(part: str, pod: dict[str, Any], *arguments: str) -> dict[str, Any]:
    """A pod of one container whose one port becomes TLS: its probes ask so, too.

    Args:
        part: whose pod.
        pod: its spec.
        arguments: by which the program takes the certificate.
    """
    (container,) = pod["containers"]
    probes = {
        name: {**container[name], "httpGet": {**container[name]["httpGet"], "scheme": "HTTPS"}}
        for name in ("readinessProbe", "livenessProbe", "startupProbe")
        if name in container
    }
    changed = {
        **container,
        **probes,
        "args": [*container["args"], *arguments],
        "volumeMounts": [*container.get("volumeMounts", []), mount()],
    }
    return {**pod, "containers": [changed], "volumes": [*pod.get("volumes", []), volume(part)]}


def secured_workload(part: str, spec: dict[str, Any], *arguments: str) -> dict[str, Any]:
    """The same of a Deployment's or a DaemonSet's spec."""
    template = spec["template"]
    return {**spec, "template": {**template, "spec": secured(part, template["spec"], *arguments)}}
