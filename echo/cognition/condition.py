"""The cognitive state as it is kept: numbers and ids alone, so that a purge of memories leaves no text behind here."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from echo.cognition.coherence import Coherence
from echo.cognition.emotion import DIMENSIONS, Feeling, Tempo, clamped, passed
from echo.cognition.places import Locus
from echo.memory import Advanced, Snapshot
from echo.mind import Emotion, MindState

_KEYS = 64
"""Turns that are remembered as taken in, so that one that is handed over again does not count twice."""
_MARK = 12
"""Hexadecimal digits of a turn's mark: two of 64 turns share one by chance in 1 of 10^11 cases."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What a mind is like; None where nothing was measured yet."""

    at: datetime
    feeling: Feeling = field(default_factory=Feeling)
    felt: bool = False
    """Whether anything that showed a feeling was taken in."""
    resonance: float | None = None
    """Running mean of the intensity of what comes back."""
    congruence: float | None = None
    """Of the last turn: how alike it felt to what came back."""
    rate: float | None = None
    surprise: float | None = None
    """Of the last turn."""
    quality: float | None = None
    """Of answers, by those who judged them, -1 to 1."""
    coherence: Coherence = field(default_factory=Coherence)
    load: float | None = None
    experiences: int = 0
    """Turns that were learned from."""
    patterns: int = 0
    memories: Mapping[str, int] = field(default_factory=dict[str, int])
    rested_at: datetime | None = None
    forgot_at: datetime | None = None
    keys: tuple[str, ...] = ()
    """Marks of the latest turns."""
    focus: tuple[UUID, ...] = ()
    """What was recalled for the last turn that recalled anything."""
    locus: Locus = field(default_factory=Locus)
    """Where in the memory's graph that turn was."""

    def told(self, now: datetime) -> MindState:
        """What of it others are told."""
        return MindState(
            at=now,
            emotion=self.feeling.emotion if self.felt else None,
            coherence=self.coherence.value,
            resonance=self.resonance,
            load=self.load,
            rate=self.rate,
            quality=self.quality,
            experiences=self.experiences,
            patterns=self.patterns,
            memories=self.memories,
        )

    def knows(self, key: str) -> bool:
        """Whether a turn was taken in."""
        return _mark(key) in self.keys

    def until(self, now: datetime, tempo: Tempo) -> Condition:
        """The same after the time that has passed since."""
        waited = (now - self.at).total_seconds()
        return replace(self, feeling=passed(self.feeling, waited, tempo), at=max(now, self.at))

    def knowing(self, key: str) -> Condition:
        """The same with one more turn taken in."""
        return replace(self, keys=(*self.keys, _mark(key))[-_KEYS:])

    def kept(self, reason: str) -> Advanced:
        """As it is stored."""
        content: dict[str, Any] = {
            "version": 1,
            "at": self.at.isoformat(),
            "emotion": asdict(self.feeling.emotion),
            "mood": asdict(self.feeling.mood),
            "felt": self.felt,
            "resonance": self.resonance,
            "congruence": self.congruence,
            "rate": self.rate,
            "surprise": self.surprise,
            "quality": self.quality,
            "coherence": asdict(self.coherence),
            "load": self.load,
            "experiences": self.experiences,
            "patterns": self.patterns,
            "memories": dict(self.memories),
            "rested_at": None if self.rested_at is None else self.rested_at.isoformat(),
            "forgot_at": None if self.forgot_at is None else self.forgot_at.isoformat(),
            "keys": list(self.keys),
            "focus": [str(one) for one in self.focus],
            "locus": asdict(self.locus),
        }
        return Advanced(content=content, coherence=self.coherence.value, reason=reason)


def condition_of(snapshot: Snapshot | None, now: datetime) -> Condition:
    """The condition that a snapshot holds; a fresh one where there is none.

    What a snapshot of another make lacks is as if it had not been measured.
    """
    if snapshot is None:
        return Condition(at=now)
    content = snapshot.content
    coherence, locus = _part(content, "coherence"), _part(content, "locus")
    return Condition(
        at=_time(content, "at") or snapshot.taken_at,
        feeling=Feeling(emotion=_emotion(content, "emotion"), mood=_emotion(content, "mood")),
        felt=content.get("felt") is True,
        resonance=_share(content, "resonance"),
        congruence=_share(content, "congruence"),
        rate=_share(content, "rate"),
        surprise=_share(content, "surprise"),
        quality=_signed(content, "quality"),
        coherence=Coherence(
            facts=_share(coherence, "facts"), identity=_share(coherence, "identity"), goals=_share(coherence, "goals")
        ),
        load=_share(content, "load"),
        experiences=_count(content, "experiences"),
        patterns=_count(content, "patterns"),
        memories={kind: _count(_part(content, "memories"), kind) for kind in _part(content, "memories")},
        rested_at=_time(content, "rested_at"),
        forgot_at=_time(content, "forgot_at"),
        keys=tuple(str(key) for key in _several(content, "keys")),
        focus=tuple(_ids(_several(content, "focus"))),
        locus=Locus(density=_share(locus, "density"), drift=_share(locus, "drift")),
    )


def _mark(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:_MARK]


def _ids(given: list[object]) -> Iterator[UUID]:
    for one in given:
        with contextlib.suppress(ValueError):
            yield UUID(str(one))


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content.get(name)
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}


def _several(content: Mapping[str, Any], name: str) -> list[object]:
    found = content.get(name)
    return cast("list[object]", found) if isinstance(found, list) else []


def _number(content: Mapping[str, Any], name: str) -> float | None:
    found = content.get(name)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _share(content: Mapping[str, Any], name: str) -> float | None:
    found = _number(content, name)
    return None if found is None else min(1.0, max(0.0, found))


def _signed(content: Mapping[str, Any], name: str) -> float | None:
    found = _number(content, name)
    return None if found is None else min(1.0, max(-1.0, found))


def _count(content: Mapping[str, Any], name: str) -> int:
    return int(_number(content, name) or 0)


def _emotion(content: Mapping[str, Any], name: str) -> Emotion:
    given = _part(content, name)
    return clamped(Emotion(**{one: _number(given, one) or 0.0 for one in DIMENSIONS}))


def _time(content: Mapping[str, Any], name: str) -> datetime | None:
    found = content.get(name)
    try:
        at = datetime.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None
