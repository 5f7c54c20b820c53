"""Emotion in four dimensions: what is felt, the mood below it, how both move in time and by what happens."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from echo.mind import Emotion

NEUTRAL = Emotion()
LOW = Emotion(valence=-1, arousal=0, dominance=-1, complexity=0)
HIGH = Emotion(valence=1, arousal=1, dominance=1, complexity=1)
DIMENSIONS = ("valence", "arousal", "dominance", "complexity")
_NEAR = 0.15
"""Valence or dominance within this of zero is called neither one way nor the other."""


@dataclass(frozen=True, kw_only=True)
class Tempo:
    """How fast feelings move."""

    emotion_s: float = 1_800.0
    """Seconds in which an emotion comes down to 1/e of its distance from the mood."""
    mood_s: float = 86_400.0
    """... and in which the mood follows the emotion."""
    temperament_s: float = 604_800.0
    """... and in which the mood goes back to the temperament."""
    temperament: Emotion = NEUTRAL
    """Where everything goes back to, in the end."""
    gain: float = 0.5
    """Share of the way that one wholly certain reading moves the emotion, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Feeling:
    """An emotion and the mood below it."""

    emotion: Emotion = NEUTRAL
    mood: Emotion = NEUTRAL


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What an emotion is taken to be, and how surely."""

    emotion: Emotion = NEUTRAL
    confidence: float = 0.0
    """0 (nothing shows it) to 1."""


def clamped(emotion: Emotion) -> Emotion:
    """The same within the bounds of each dimension; rounding can lead out of them by some 1e-17."""
    return Emotion(**{name: min(high, max(low, value)) for name, low, value, high in _aligned(LOW, emotion, HIGH)})


def passed(before: Feeling, seconds: float, tempo: Tempo) -> Feeling:
    """What is left of a feeling after some time in which nothing happened.

    The exact solution of ``e' = (m - e) / emotion_s`` and ``m' = (e - m) / mood_s + (t - m) / temperament_s``: so it
    is the same in one stretch or in many. A clock that went back counts as no time.

    Args:
        before: the feeling then.
        seconds: since then.
        tempo: how fast feelings move.
    """
    if seconds <= 0:
        return before
    a, c, d = 1 / tempo.emotion_s, 1 / tempo.mood_s, 1 / tempo.temperament_s
    # Both eigenvalues are real and negative; the one near zero is had from the determinant, without cancellation.
    fast = -(a + c + d) / 2 - math.sqrt(((a - c - d) / 2) ** 2 + a * c)
    slow = a * d / fast
    quick, lasting = math.exp(fast * seconds), math.exp(slow * seconds)
    scale = slow - fast

    def moved(i: int, j: int, rate: float) -> float:
        same = 1.0 if i == j else 0.0
        return (lasting * (rate - fast * same) - quick * (rate - slow * same)) / scale

    ee, em = moved(0, 0, -a), moved(0, 1, a)
    me, mm = moved(1, 0, c), moved(1, 1, -(c + d))
    emotion: dict[str, float] = {}
    mood: dict[str, float] = {}
    for name, e, m, t in _aligned(before.emotion, before.mood, tempo.temperament):
        emotion[name] = t + ee * (e - t) + em * (m - t)
        mood[name] = t + me * (e - t) + mm * (m - t)
    return Feeling(emotion=clamped(Emotion(**emotion)), mood=clamped(Emotion(**mood)))


def moved_by(before: Feeling, reading: Reading, tempo: Tempo) -> Feeling:
    """A feeling after something happened: ``e + gain x confidence x (reading - e)``.

    So what shows no feeling moves none.
    """
    share = tempo.gain * reading.confidence
    emotion = Emotion(**{name: e + share * (x - e) for name, e, x in _aligned(before.emotion, reading.emotion)})
    return Feeling(emotion=clamped(emotion), mood=before.mood)


def together(readings: Iterable[tuple[Reading, float]]) -> Reading:
    """Several readings as one: their mean by weight times confidence, as sure as they are together.

    Args:
        readings: each with its weight, 0 to 1.
    """
    known = [(one.emotion, weight * one.confidence) for one, weight in readings if weight * one.confidence > 0]
    total = sum(share for _, share in known)
    if total <= 0:
        return Reading()
    # The share of the whole first: times a reading, the smallest there are would be nothing.
    mean = Emotion(**{
        name: sum(share / total * getattr(emotion, name) for emotion, share in known) for name in DIMENSIONS
    })  # fmt: skip
    unsure = math.prod(1 - share for _, share in known)
    return Reading(emotion=clamped(mean), confidence=min(1.0, max(0.0, 1 - unsure)))


def appraised(feedback: float | None) -> Reading:
    """What a judgement of the outcome does: success pleases and gives control, failure the other way; both move.

    The two dimensions are those of appraisal theory: conduciveness to the goal, and power over what follows.

    Args:
        feedback: -1 to 1; None where nobody said.
    """
    if feedback is None:
        return Reading()
    felt = Emotion(valence=feedback, arousal=abs(feedback), dominance=feedback)
    return Reading(emotion=clamped(felt), confidence=min(1.0, abs(feedback)))


def distance(one: Emotion, other: Emotion) -> float:
    """How far two emotions are apart, 0 to 1: the root mean square over the dimensions, each by its range."""
    parts = [((x - y) / (high - low)) ** 2 for _, x, y, low, high in _aligned(one, other, LOW, HIGH)]
    return min(1.0, math.sqrt(sum(parts) / len(parts)))


def octant(emotion: Emotion) -> str:
    """Mehrabian's name for the corner of pleasure, arousal and dominance that an emotion lies in.

    Arousal here goes from 0 to 1, so its middle is one half.
    """
    return OCTANTS[emotion.valence >= 0, emotion.arousal >= _MIDDLE, emotion.dominance >= 0]


def described(emotion: Emotion) -> str:
    """An emotion in words, for a prompt: never more than its numbers say."""
    pleasure = "pleasant" if emotion.valence > _NEAR else "unpleasant" if emotion.valence < -_NEAR else "neutral"
    energy = "agitated" if emotion.arousal >= _MIDDLE else "calm"
    control = "in control" if emotion.dominance > _NEAR else "not in control" if emotion.dominance < -_NEAR else ""
    mixed = "mixed" if emotion.complexity >= _MIDDLE else ""
    return ", ".join(word for word in (pleasure, energy, control, mixed) if word)


_MIDDLE = 0.5
OCTANTS = {
    (True, True, True): "exuberant",
    (True, True, False): "dependent",
    (True, False, True): "relaxed",
    (True, False, False): "docile",
    (False, True, True): "hostile",
    (False, True, False): "anxious",
    (False, False, True): "disdainful",
    (False, False, False): "bored",
}
"""By (pleasure, arousal, dominance)."""


def _aligned(*emotions: Emotion) -> list[tuple[str, *tuple[float, ...]]]:
    return [(name, *(float(getattr(one, name)) for one in emotions)) for name in DIMENSIONS]
