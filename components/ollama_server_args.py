"""What an OllamaServer is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pulumi

from components.cluster import Cluster
from components.gpu_pools import Placement
from components.settings.scaling import ScalingSettings
from components.settings.server import ExposeSettings, OllamaSettings, PodSettings, ServerSettings, VolumeSettings
from components.sizes import Size
from components.wanted_models import claims
from ollama.document import WantedDocument


@dataclass(frozen=True, kw_only=True)
class OllamaServerArgs:
    """What an OllamaServer is made of: either `url`, or the rest."""

    name: str
    """Of the service that clients use, and of the pods with `-0`, `-1` and so on behind it."""
    url: str | None = None
    """Of a server that already runs: nothing is deployed."""
    cluster: Cluster | None = None
    replicas: int = 1
    size: Size | None = None
    storage_class: str | None = None
    """For the volumes, where `volume` names none."""
    store: dict[str, str] | None = None
    """Selector of the model store's pods; None lets replicas fetch from registries themselves."""
    wanted: WantedDocument = field(default_factory=WantedDocument)
    """Models that the agents bring to each replica."""
    sources: Sequence[str] = ()
    """Claims with weights that some of these models are made from."""
    api_server: pulumi.Input[Sequence[Mapping[str, Any]]] = ()
    """Addresses of the API server as pods reach it, `{"ip", "port"}`; without them agents only read their files."""
    api_server_cidrs: Sequence[str] = ()
    echo: dict[str, str] | None = None
    """Selector of the echo service's pods; None where there is none."""
    image_digests: Mapping[str, str] = field(default_factory=dict[str, str])
    ollama: OllamaSettings = field(default_factory=OllamaSettings)
    expose: ExposeSettings = field(default_factory=ExposeSettings)
    volume: VolumeSettings = field(default_factory=VolumeSettings)
    pod: PodSettings = field(default_factory=PodSettings)
    placement: Placement = field(default_factory=Placement)
    """On which nodes the replicas go."""
    scaling: ScalingSettings | None = None
    """Replicas follow the load, from `replicas` on."""
    clients_may_manage_models: bool = False
    metrics_tls: bool = False
    """Agents tell their metrics by TLS; `components.metrics_tls` makes the Secret that they mount."""

    @classmethod
    def of(cls, settings: ServerSettings, **more: Any) -> Self:  # noqa: ANN401
        """From a server's checked settings, and what they do not say."""
        return cls(
            name=settings.name,
            url=settings.url,
            replicas=settings.least_replicas,
            sources=claims(settings),
            ollama=settings.ollama,
            expose=settings.expose,
            volume=settings.volume,
            pod=settings.pod,
            scaling=settings.scaling,
            clients_may_manage_models=settings.clients_may_manage_models,
            **more,
        )

    def check(self) -> None:
        """Refuses what is neither one way nor the other.

        Raises:
            pulumi.RunError: says what to leave out or add.
        """
        inside = self.cluster is not None and self.size is not None
        if self.url is not None and (self.cluster is not None or self.size is not None):
            raise pulumi.RunError(
                f"server `{self.name}`: `url` is of a server that already runs, so it takes no `cluster` and no "
                "`size`. Leave out either `url` or those two"
            )
        if self.url is None and not inside:
            raise pulumi.RunError(f"server `{self.name}`: needs either `url`, or `cluster` and `size`")
        if self.replicas < 0:
            raise pulumi.RunError(f"server `{self.name}`: `replicas` must be 0 or more, not {self.replicas}")
