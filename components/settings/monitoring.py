"""Monitoring: who brings Prometheus, how long it keeps what, whom Alertmanager tells."""

from typing import Annotated, Any, Literal

from pydantic import Field

from components.settings.base import Section, Texts


class PrometheusSettings(Section):
    """The server that scrapes, keeps and judges."""

    replicas: int = 1
    retention: str = "15d"
    retention_size: str | None = None
    """Of the blocks; four fifths of `storage` where nothing is given."""
    storage: str = "20Gi"
    scrape_seconds: int = 30
    memory: str = "1Gi"
    """Its limit. A series in memory takes a few kilobytes; docs/monitoring.md has measured figures."""


class RemoteWriteSettings(Section):
    """A second place that gets every sample."""

    url: str
    credentials_secret: str | None = None
    """Secret of type kubernetes.io/basic-auth in the monitoring namespace."""


class ReceiverSettings(Section):
    """Somebody who is told of alerts, by a web hook."""

    name: str
    url: str | None = None
    """Without a secret in it: whoever reads the plan sees it."""
    url_secret: str | None = None
    """Secret in the monitoring namespace whose key `url` holds the address; needs Alertmanager 0.26."""
    severities: Texts = ("critical", "warning")


class QuietSettings(Section):
    """When only `critical` alerts are sent."""

    start: str
    """`HH:MM`, UTC."""
    end: str


class AlertmanagerSettings(Section):
    """Groups alerts and tells people."""

    replicas: int = 1
    storage: str = "1Gi"
    receivers: Annotated[tuple[ReceiverSettings, ...], Field(strict=False)] = ()
    quiet: QuietSettings | None = None
    dead_man_url: str | None = None
    """Called every minute while all is well; whoever is behind it raises the alarm when the calls end."""


class ObjectiveSettings(Section):
    """What is promised over 30 days; alerts fire when the allowance is used up too fast."""

    availability: float = 0.995
    """Share of requests that do not fail by our fault."""
    first_token_seconds: float = 2.5
    """A streamed answer begins within this; one of the histogram's bounds."""
    first_token: float = 0.95
    """Share of streamed answers that do."""
    tokens_per_second: float = 5.0
    """An answer's rate; one of the histogram's bounds."""
    token_rate: float = 0.95
    """Share of answers that reach it."""


class ResponderSettings(Section):
    """Acts on alerts, from a short list of acts."""

    enabled: bool = False
    dry_run: bool = True
    """Says what it would do, and does nothing."""
    allow: Texts = ("restart-stuck-pull",)
    """Acts that it may take: `restart-stuck-pull`, `cordon-replica`, `scale-up`."""
    max_replicas: int = 10
    """`scale-up` goes no further."""


class ProbeSettings(Section):
    """A question to each model of each server, over and over, as a client would ask it."""

    enabled: bool = False
    seconds: int = 60
    """Between two questions."""
    timeout_seconds: int = 30
    """Of one answer, the load of the model included."""
    embedding: Texts = ()
    """Models that only embed: they are asked for an embedding instead of a token."""


class DestinationSettings(Section):
    """Where logs or traces are kept: takes OTLP over HTTP."""

    url: str
    """Its base; `/v1/logs` or `/v1/traces` is added."""
    credentials_secret: str | None = None
    """Secret in the monitoring namespace whose key `authorization` is the value of that header."""


class CollectorSettings(Section):
    """An OpenTelemetry collector: logs, Events and traces to where they are kept."""

    enabled: bool = False
    logs: DestinationSettings | None = None
    """With it, a reader on each node sends what our containers log, and Events of our namespaces are kept."""
    traces: DestinationSettings | None = None
    jaeger: bool = False
    """Bring one, which keeps the latest traces in memory."""


class GrafanaSettings(Section):
    """A Grafana with the stack's dashboards."""

    enabled: bool = False
    root_url: str | None = None
    """Under which people see it, where something stands in front of it."""
    settings: dict[str, str] = Field(default_factory=dict[str, str])
    """Its own settings, by `section.key`; what is secret is `$__file{/etc/grafana-credentials/<key>}`."""
    credentials_secret: str | None = None
    """Secret in the monitoring namespace, mounted at `/etc/grafana-credentials`."""


class GpuExporterSettings(Section):
    """What NVIDIA's DCGM exporter tells of GPUs."""

    enabled: bool = False
    mode: Literal["bring", "existing"] = "bring"
    """`existing`: one runs already, such as the GPU operator's."""
    namespace: str | None = None
    """`existing`: where its pods are."""
    labels: dict[str, str] = Field(default_factory=lambda: {"app": "nvidia-dcgm-exporter"})
    """`existing`: of its pods."""
    pod: dict[str, Any] = Field(default_factory=dict[str, Any])
    """`bring`: merged over the pod template, as Kubernetes spells it."""


class MonitoringSettings(Section):
    """Monitoring of the stack."""

    enabled: bool = False
    mode: Literal["bring", "existing"] = "bring"
    """`existing`: a Prometheus Operator runs already, and its Prometheus finds our monitors and rules by label."""
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    """`existing`: what that Prometheus selects monitors and rules by."""
    scraper_namespace: str | None = None
    """`existing`: where its pods run; network policies let them in."""
    scraper_labels: dict[str, str] = Field(default_factory=lambda: {"app.kubernetes.io/name": "prometheus"})
    """`existing`: labels of its pods."""
    tls: bool | None = None
    """Whether what is scraped tells by TLS; None: in the environment `prod`."""
    kubelet: bool = False
    """Scrape the kubelets: containers and volumes of the nodes."""
    prometheus: PrometheusSettings = PrometheusSettings()
    remote_write: Annotated[tuple[RemoteWriteSettings, ...], Field(strict=False)] = ()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    objectives: ObjectiveSettings = ObjectiveSettings()
    node_exporter: bool = True
    kube_state_metrics: bool = False
    """What the stack's objects in the cluster say: phases, restarts, claims, quotas."""
    probes: ProbeSettings = ProbeSettings()
    dashboards: bool = True
    """Put the dashboards into ConfigMaps, where the sidecar of Grafana's chart finds them by their label."""
    grafana: GrafanaSettings = GrafanaSettings()
    gpu_exporter: GpuExporterSettings = GpuExporterSettings()
    runbooks: str = "docs/runbooks"
    """Beginning of the address of a runbook: alerts link to `<runbooks>/<alert>.md`."""
    responder: ResponderSettings = ResponderSettings()
    collector: CollectorSettings = CollectorSettings()
