"""The same times once more under OpenTelemetry's names for generative AI, for tools that look for those.

Names, attributes and bounds are those of the semantic conventions' metrics `gen_ai.server.*`, spelled as Prometheus
spells them: dots become underscores, the unit is a suffix.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

__all__ = ["GenAi", "operation_of"]

_LABELS = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
_PROVIDER = "ollama"
_DURATION = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_EACH = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)

_OPERATIONS = {
    "/api/chat": "chat",
    "/v1/chat/completions": "chat",
    "/v1/responses": "chat",
    "/v1/messages": "chat",
    "/api/generate": "text_completion",
    "/v1/completions": "text_completion",
    "/api/embed": "embeddings",
    "/api/embeddings": "embeddings",
    "/v1/embeddings": "embeddings",
}


def operation_of(route: str) -> str | None:
    """The conventions' word for what a route does; None where it asks no model."""
    return _OPERATIONS.get(route)


class GenAi:
    """Three histograms."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def histogram(name: str, text: str, bounds: tuple[float, ...]) -> Histogram:
            return Histogram(f"gen_ai_server_{name}_seconds", text, _LABELS, buckets=bounds, registry=registry)

        self._duration = histogram("request_duration", "gen_ai.server.request.duration", _DURATION)
        self._first = histogram("time_to_first_token", "gen_ai.server.time_to_first_token", _FIRST)
        self._each = histogram("time_per_output_token", "gen_ai.server.time_per_output_token", _EACH)

    def answered(self, route: str, model: str, *, seconds: float, first: float | None, each: float | None) -> None:
        """Count one whole answer; None for what it does not say."""
        operation = operation_of(route)
        if operation is None:
            return
        labels = (operation, _PROVIDER, model)
        self._duration.labels(*labels).observe(seconds)
        if first is not None:
            self._first.labels(*labels).observe(first)
        if each is not None:
            self._each.labels(*labels).observe(each)
