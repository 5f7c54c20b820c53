"""How far a judgement of an answer moves a memory that went into it."""

from __future__ import annotations

from collections.abc import Sequence

from echo.memory.learning import LEARNING_RATE

LEAST, MOST = 0.2, 0.799
"""Where importance is moved to by blame and by praise: the bounds of what is only lived through."""
_PACE = 0.2


def strength_after(strength: float, judged: float, gain: float) -> float:
    """The strength after a judgement: moved towards 1 by praise, towards 0 by blame.

    The linear operator of Bush and Mosteller (1955). Praise of 1 is worth one access.

    Args:
        strength: 0 to 1.
        judged: the judgement times the memory's share in the answer, -1 to 1.
        gain: what an access closes of the gap to 1.
    """
    target = 1.0 if judged > 0 else 0.0
    return strength + gain * abs(judged) * (target - strength)


def importance_after(importance: float, judged: float) -> float:
    """The importance after a judgement: the same operator, between the bounds of what is only lived through.

    Praise never makes a memory one that forgetting spares, and blame never takes that away: 0.8 and more stays.
    """
    target = MOST if judged > 0 else LEAST
    if importance > MOST or (target - importance) * judged <= 0:
        return importance
    return importance + LEARNING_RATE * abs(judged) * (target - importance)


def quality(values: Sequence[float]) -> float | None:
    """How good answers were lately, -1 to 1: the running mean ``q + 0.2 (new - q)`` of judgements, oldest first."""
    found: float | None = None
    for one in values:
        found = one if found is None else found + _PACE * (one - found)
    return found
