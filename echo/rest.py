"""What a mind of either kind does with a space now and then, whether it has cognition or none."""

from __future__ import annotations

from echo.memory import ForgettingReport, Keeping, MemorySpace
from echo.telemetry import span


async def forgotten(space: MemorySpace, keeping: Keeping | None) -> ForgettingReport:
    """Forget what has faded, and what of old states is not to stay."""
    with span("forgetting") as told:
        report = await space.forget()
        await space.thin_snapshots(keeping)
        told(examined=report.examined, memories=len(report.faded))
    return report
