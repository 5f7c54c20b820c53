"""What a mind is to the service: it prepares a prompt, learns from what came of it, and tells what it is like.

`echo.plain` is one on the memory alone; `echo.cognition` is the whole one. Numbers that a mind does not measure are
None: none is made up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from echo.memory import Answer, Hit, Judged, MemorySpace

__all__ = [
    "Claim",
    "Emotion",
    "Learned",
    "Lived",
    "Message",
    "Mind",
    "MindState",
    "Preparation",
    "Rested",
    "Said",
    "SelfLayer",
    "Verdict",
    "reasons",
]

_WORDS = 10


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of a conversation, its text alone."""

    role: str
    content: str


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What is put before a conversation."""

    text: str
    """Empty where nothing came to mind. Cites each memory by a number, `[1]` for the first of `cited`."""
    cited: tuple[Hit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Said:
    """Something that was said, and by whom."""

    speaker: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Lived:
    """One turn that is over."""

    key: str
    """The same turn has the same key, however often it is handed over."""
    input: str
    output: str
    model: str
    speaker: str
    """Who asked: the name of their key."""
    conversation: str = ""
    recalled: tuple[UUID, ...] = ()
    before: tuple[Said, ...] = ()
    """What was said just before it in the same conversation, oldest first."""
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What somebody says of an answer."""

    key: str
    """Of the turn, as in `Lived`."""
    value: float
    """-1 (bad) to 1 (good)."""
    by: str
    """Who says it, in the words of `Lived.speaker`: an answer is judged by whom it was given to."""
    reason: str = ""
    conversation: str = ""
    answer: Answer | None = None
    """As its conversation has it; None where it is named by its request alone."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What became of a turn."""

    memories: tuple[UUID, ...] = ()
    experience: UUID | None = None
    coherence: float | None = None
    """Of the space, as measured last; None where it was not."""
    merged: int = 0
    """Near-duplicates that became one."""


@dataclass(frozen=True, kw_only=True)
class Rested:
    """What a rest did."""

    merged: int = 0
    """Near-duplicates."""
    forgotten: int = 0
    coherence: float | None = None
    """As above."""


@dataclass(frozen=True, kw_only=True)
class Emotion:
    """Four dimensions: valence and dominance from -1 to 1, arousal and complexity from 0 to 1."""

    valence: float = 0.0
    arousal: float = 0.0
    dominance: float = 0.0
    complexity: float = 0.0


@dataclass(frozen=True, kw_only=True)
class MindState:
    """What a mind was like at a moment."""

    at: datetime
    emotion: Emotion | None = None
    coherence: float | None = None
    """0 to 1."""
    resonance: float | None = None
    """0 to 1."""
    load: float | None = None
    """0 to 1."""
    rate: float | None = None
    """Of learning."""
    quality: float | None = None
    """Of answers, by those who judged them, -1 to 1."""
    experiences: int = 0
    patterns: int = 0
    memories: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many live ones, by kind."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One thing that a self-image says."""

    text: str
    confidence: float
    evidence: tuple[UUID, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SelfLayer:
    """One of the four layers: identity, functional, contextual, dynamic."""

    name: str
    claims: tuple[Claim, ...] = ()


class Mind(Protocol):
    """One mind for every space: what it knows of one is in the space alone."""

    async def prepare(
        self, space: MemorySpace, messages: Sequence[Message], now: datetime, *, limit: int
    ) -> Preparation:
        """Return what of the space helps with a conversation.

        Args:
            space: whose memories.
            messages: of the conversation, the newest last.
            now: the time.
            limit: most memories that are cited.
        """
        ...

    async def learn(self, space: MemorySpace, lived: Lived, now: datetime) -> Learned:
        """Learn from a turn; a second time with the same key changes nothing."""
        ...

    async def judge(self, space: MemorySpace, verdict: Verdict, now: datetime) -> Judged:
        """Take what somebody says of an answer; the same again changes nothing, another takes its place.

        Raises:
            UnknownTurnError: The space knows of no such turn, or not yet.
            ForeignTurnError: The answer was given to somebody else.
        """
        ...

    async def rest(self, space: MemorySpace, now: datetime) -> Rested | None:
        """Consolidate, and forget what faded, where that is due; None where it is not."""
        ...

    async def state(self, space: MemorySpace, now: datetime) -> MindState:
        """Return what the mind is like now."""
        ...

    async def history(
        self, space: MemorySpace, *, since: datetime | None, until: datetime | None, points: int
    ) -> list[MindState]:
        """Return what it was like, oldest first, evenly thinned to so many points."""
        ...

    async def self_image(self, space: MemorySpace, now: datetime) -> list[SelfLayer]:
        """Return what it takes itself to be."""
        ...


def reasons(hit: Hit) -> list[str]:
    """Say in words why a memory was found."""
    found = [f"{trace.arm}: rank {trace.rank}, {trace.score:.3f}" for trace in hit.why.arms]
    if hit.why.words:
        found.append(f"words: {', '.join(hit.why.words[:_WORDS])}")
    if len(hit.why.path) > 1:
        found.append(f"by association from {hit.why.path[0]}")
    return found
