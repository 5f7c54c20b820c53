"""How a server's replicas follow the load."""

from typing import Literal

from pydantic import Field

from components.settings.base import Section


class ScalingSettings(Section):
    """Replicas between `min` and `max`; the mission's figures where nothing else is said."""

    by: Literal["hpa", "keda"] = "hpa"
    """`hpa` needs a metrics adapter for all but CPU and memory; `keda` asks Prometheus itself."""
    min: int = 1
    """0 with `keda` alone."""
    max: int = 10
    cpu: int | None = 70
    """Per cent of what a replica requests; null leaves the signal out."""
    memory: int | None = 80
    queue: int | None = 10
    """Requests that one replica has in hand."""
    response_seconds: float | None = Field(default=5.0, strict=False)
    """Until the first piece of an answer, for 95 of 100."""
    gpu: int | None = None
    """Per cent; needs DCGM's exporter. 85 where the server has GPUs and nothing is said."""
    cooldown: str = "5m"
    """How long load stays away before replicas go."""
    prometheus: str | None = None
    """URL that KEDA asks, such as http://prometheus.monitoring.svc:9090."""
    wake: str | None = None
    """PromQL that is above 0 while somebody waits for a server without replicas; needed with `min: 0`."""
    advise: bool = False
    """A VerticalPodAutoscaler that recommends CPU and memory and changes nothing."""
