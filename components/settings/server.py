"""One Ollama server: how large, how it is set up, how it is reached, which models it has."""

from typing import Annotated, Any, Literal

from pydantic import Field

from components.settings.base import Section, Texts
from components.settings.models import ModelSettings
from components.settings.scaling import ScalingSettings


class ComputeSettings(Section):
    """CPU and memory, as Kubernetes quantities."""

    cpu: str
    memory: str


class ResourceSettings(Section):
    """What one replica asks for, and what it may use at most."""

    requests: ComputeSettings
    limits: ComputeSettings


class OllamaSettings(Section):
    """Ollama's own settings; each becomes the `OLLAMA_*` variable of its name."""

    keep_alive: str = "5m"
    """How long a model stays in memory after its last use; `-1` is for ever."""
    context_length: int = 4096
    """Tokens. Fixed, since unset it grows with the GPU's memory."""
    num_parallel: int = 1
    """Requests that one model answers at once; memory grows with it."""
    max_loaded_models: int = 0
    """Models in memory at once; 0 lets Ollama choose (3 for each GPU)."""
    max_queue: int = 512
    """Requests that wait; more are answered 503."""
    load_timeout: str = "5m"
    """How long loading a model may stall."""
    flash_attention: bool | None = None
    kv_cache_type: Literal["f16", "q8_0", "q4_0"] | None = None
    """Needs flash attention where it is not `f16`."""
    sched_spread: bool | None = None
    """Spread each model over all GPUs."""
    gpu_overhead: str | None = None
    """Memory of each GPU to leave free, a quantity such as 512Mi."""
    multiuser_cache: bool | None = None
    origins: Texts = ()
    """Further origins that browsers may ask from (CORS)."""
    debug: bool | None = None


class AcmeSettings(Section):
    """An authority that speaks ACME; cert-manager has to be there."""

    server: str
    """URL of its directory."""
    email: str | None = None
    """Whom it tells of trouble."""


class IngressSettings(Section):
    """An Ingress in front of the server's Service."""

    host: str
    class_name: str | None = None
    tls_secret: str | None = None
    """Secret with certificate and key; required unless `insecure` says otherwise."""
    acme: AcmeSettings | None = None
    """Who makes that Secret, and renews it."""
    insecure: bool = False
    """Plain HTTP: prompts can be read on the way."""
    annotations: dict[str, str] = Field(default_factory=dict[str, str])


class GatewaySettings(Section):
    """An HTTPRoute of the Gateway API."""

    host: str
    gateway: str
    """Name of the Gateway."""
    namespace: str | None = None
    """Of the Gateway, where it is another."""
    section: str | None = None
    """Name of the Gateway's listener."""


class PodsSettings(Section):
    """Pods of another namespace."""

    namespace: str
    labels: dict[str, str]
    """At least one, which all of them have."""


class ExposeSettings(Section):
    """How the server is reached from outside; inside the cluster its Service always has its name."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    node_port: int | None = None
    """From 30000 to 32767; the cluster chooses one where none is given."""
    source_ranges: Texts = ()
    """Address ranges that may use a NodePort or LoadBalancer; required for both."""
    annotations: dict[str, str] = Field(default_factory=dict[str, str])
    """Of the Service, as load balancers of clouds want them."""
    ingress: IngressSettings | None = None
    gateway: GatewaySettings | None = None
    from_namespaces: Texts = ()
    """Namespaces whose pods may ask the server: an ingress controller's, other teams'."""
    from_pods: Annotated[tuple[PodsSettings, ...], Field(strict=False)] = ()
    """The same for only some pods of a namespace."""


class VolumeSettings(Section):
    """Where a server's replicas keep their models."""

    mode: Literal["perReplica", "shared"] = "perReplica"
    """`shared`: one volume that one writer fills and all replicas read."""
    storage_class: str | None = None
    """The cluster's setting where none is named."""
    access_mode: Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"] | None = None
    """`ReadWriteOnce` for a volume of each replica and `ReadWriteMany` for a shared one, where none is given."""
    claim: str | None = None
    """An existing claim for a `shared` volume."""


class TolerationSettings(Section):
    """A taint that the pods tolerate."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None


class EnvironmentSettings(Section):
    """A variable of the Ollama container: a value, or a key of a Secret or ConfigMap."""

    name: str
    value: str | None = None
    secret: str | None = None
    config_map: str | None = None
    key: str | None = None


class PodSettings(Section):
    """What else the pods of a server shall be."""

    image: str | None = None
    """Another image with Ollama, by tag and digest."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: Texts = ()
    """Names of Secrets in the models' namespace."""
    runtime_class: str | None = None
    node_selector: dict[str, str] = Field(default_factory=dict[str, str])
    tolerations: Annotated[tuple[TolerationSettings, ...], Field(strict=False)] = ()
    affinity: dict[str, Any] = Field(default_factory=dict[str, Any])
    """As Kubernetes spells it."""
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    annotations: dict[str, str] = Field(default_factory=dict[str, str])
    env: Annotated[tuple[EnvironmentSettings, ...], Field(strict=False)] = ()
    env_from_secrets: Texts = ()
    env_from_config_maps: Texts = ()
    termination_grace_seconds: int = 300
    """How long answers that are being streamed get to end when a pod is stopped."""
    template: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Merged over the pod template last, as Kubernetes spells it; lists of things with a `name` merge by it."""


class ReachSettings(Section):
    """How a deploy looks at the replicas."""

    mode: Literal["podProxy", "portForward", "direct", "url"] = "podProxy"
    """`podProxy`: through the API server. `portForward`: by `kubectl port-forward`. `direct`: pod names in the
    cluster's DNS, for a deploy that runs inside. `url`: `url` with `{replica}` in it."""
    url: str | None = None


class ServerSettings(Section):
    """One Ollama server: replicas in the cluster, or a `url` of one that already runs."""

    name: str
    cluster: str | None = None
    """One of the list `clusters`; the primary one where none is named."""
    replicas: int = 1
    resource_class: Literal["small", "medium", "large", "echo"] | None = Field(default=None, alias="class")
    resources: ResourceSettings | None = None
    gpus: int | None = None
    """Of one replica; the class's where nothing is said, and none beside `resources`."""
    pool: str | None = None
    """Name of a GPU pool; the one with the smallest GPUs that hold all models where none is named."""
    scaling: ScalingSettings | None = None
    """Replicas follow the load; `replicas` is then left out."""
    storage: str | None = None
    """Of each replica's volume; the class has one, explicit resources need it said. It can grow."""
    url: str | None = None
    volume: VolumeSettings = VolumeSettings()
    ollama: OllamaSettings = OllamaSettings()
    expose: ExposeSettings = ExposeSettings()
    pod: PodSettings = PodSettings()
    reach: ReachSettings = ReachSettings()
    clients_may_manage_models: bool = False
    """Let clients pull, create, copy, push and delete models; what is not wanted here is then left alone."""
    models: Annotated[tuple[ModelSettings, ...], Field(strict=False)] = ()

    @property
    def least_replicas(self) -> int:
        """Replicas that there are whatever the load: those that a deploy waits for."""
        return self.replicas if self.scaling is None else self.scaling.min

    @property
    def most_replicas(self) -> int:
        """Replicas under the highest load."""
        return self.replicas if self.scaling is None else self.scaling.max
