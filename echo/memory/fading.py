"""How firmly a memory sits: the forgetting curve, and what an access does to it."""

from __future__ import annotations

import math
from datetime import datetime

from echo.memory.kinds import Tier
from echo.memory.weights import FadingWeights

DAY_S = 86_400.0


def stability_days(
    weights: FadingWeights, *, tier: Tier, importance: float, valence: float, arousal: float, access_count: int
) -> float:
    """Days in which a memory fades to 1/e: longer for what matters, what moves, and what is used."""
    feeling = max(arousal, abs(valence))
    use = 1 + math.log1p(access_count)
    return weights.stability_days[tier] * (1 + importance) * (1 + feeling / 2) * use


def idle_days(now: datetime, accessed_at: datetime | None, recorded_at: datetime) -> float:
    """Days since the last access, or since it was recorded; a clock that went back counts as none."""
    last = accessed_at if accessed_at is not None else recorded_at
    return max(0.0, (now - last).total_seconds() / DAY_S)


def retention(strength: float, idle: float, stability: float) -> float:
    """What is left of a strength after some idle days, 0 to 1."""
    return strength * math.exp(-idle / stability)


def reinforced(left: float, gain: float) -> float:
    """The strength after an access: it closes a part of the gap to 1."""
    return left + gain * (1 - left)
