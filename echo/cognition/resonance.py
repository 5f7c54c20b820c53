"""Resonance: how strongly what happens now is answered by what is remembered, measured on the memories themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from echo.cognition.emotion import DIMENSIONS, Reading, clamped, distance
from echo.mind import Emotion

TRACES = 20
"""Nearest memories that a probe is compared with."""
_SMOOTHING = 0.2
"""Weight of the newest value in a running mean (Roberts, 1959)."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One memory beside a probe."""

    similarity: float
    """Cosine, -1 to 1."""
    emotion: Emotion


@dataclass(frozen=True, kw_only=True)
class Echo:
    """What comes back for a probe."""

    intensity: float
    """0 (nothing alike is remembered) to below 1."""
    feeling: Reading
    """The feeling that comes back, as surely as it comes back."""


def echo(traces: Sequence[Trace]) -> Echo:
    """What memory answers to a probe, after MINERVA 2 (Hintzman, 1984).

    Each trace is activated by the cube of its similarity; their sum I is the intensity, given here as ``I / (1 + I)``,
    which has the same order and a bound. What comes back is the mean of the traces by their activation.
    """
    activations = [max(0.0, min(1.0, trace.similarity)) ** 3 for trace in traces]
    total = sum(activations)
    if total <= 0:
        return Echo(intensity=0.0, feeling=Reading())
    intensity = total / (1 + total)
    feeling = Emotion(**{
        name: sum(a * getattr(trace.emotion, name) for a, trace in zip(activations, traces, strict=True)) / total
        for name in DIMENSIONS
    })  # fmt: skip
    return Echo(intensity=intensity, feeling=Reading(emotion=clamped(feeling), confidence=intensity))


def congruence(echoed: Reading, present: Reading) -> float | None:
    """How alike what comes back and what is there now feel, 0 to 1; None where one of the two shows no feeling."""
    if echoed.confidence <= 0 or present.confidence <= 0:
        return None
    return 1 - distance(echoed.emotion, present.emotion)


def running(before: float | None, value: float) -> float:
    """A running mean: ``before + 0.2 x (value - before)``; the first value is its own mean."""
    return value if before is None else before + _SMOOTHING * (value - before)
