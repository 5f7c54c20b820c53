"""Which engine the service has: one that traces requests where a collector is named."""

from __future__ import annotations

from echo.engine.engine import Engine
from echo.telemetry.spans import on, tracer

__all__ = ["engine_kind"]


def engine_kind() -> type[Engine]:
    """Return the kind of engine that the service is to have."""
    if not on():
        return Engine
    from echo.telemetry.engine import TracedEngine  # noqa: PLC0415

    return TracedEngine.by(tracer())
