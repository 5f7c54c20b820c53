"""Records of what goes on around memories: pages of them, the graph to look at, goals, conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from echo.memory.kinds import AssociationKind, MemoryKind, Tier
from echo.memory.records import Memory


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """Which live memories to list, latest first."""

    kinds: Sequence[MemoryKind] = ()
    tags: Sequence[str] = ()
    """All of these."""
    since: datetime | None = None
    until: datetime | None = None
    contains: str = ""
    """Letters that the content holds, in either case."""
    limit: int = 50
    cursor: str = ""
    """`next` of the page before."""


@dataclass(frozen=True, kw_only=True)
class MemoryPage:
    """Some memories, and where the next ones begin."""

    memories: tuple[Memory, ...]
    next: str
    """Empty at the end."""


@dataclass(frozen=True, kw_only=True)
class Revision:
    """What is to be otherwise with a memory; None stays as it is."""

    content: str | None = None
    kind: MemoryKind | None = None
    importance: float | None = None
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None
    complexity: float | None = None
    tags: Sequence[str] | None = None
    source: str | None = None
    occurred_at: datetime | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class OverviewRequest:
    """Which part of the graph to look at."""

    words: str = ""
    """Begin at what these words find."""
    center: UUID | None = None
    """Begin at this memory."""
    depth: int = 1
    """Hops from where it begins; without a beginning, the most important memories are taken and none."""
    kinds: Sequence[MemoryKind] = ()
    types: Sequence[AssociationKind] = ()
    until: datetime | None = None
    """As the graph was then: memories that had occurred, edges that were there."""
    limit: int = 500


@dataclass(frozen=True, kw_only=True)
class Node:
    """A memory as a point of the graph."""

    id: UUID
    kind: MemoryKind
    tier: Tier
    label: str
    """How its content begins."""
    importance: float
    strength: float
    valence: float
    arousal: float
    created: datetime


@dataclass(frozen=True, kw_only=True)
class Edge:
    """An association as a line of the graph."""

    source: UUID
    target: UUID
    kind: AssociationKind
    weight: float
    created: datetime


@dataclass(frozen=True, kw_only=True)
class Overview:
    """A part of the graph."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    truncated: bool
    """Whether there is more than the limit let through."""


class GoalState(StrEnum):
    """Where a goal stands."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Something to be reached."""

    id: UUID
    text: str
    priority: float
    """0 to 1."""
    progress: float
    """0 to 1."""
    state: GoalState
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Recalled:
    """A memory that was recalled for a turn."""

    id: UUID
    score: float
    why: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NewTurn:
    """Something that was said."""

    role: str
    content: str
    at: datetime
    recalled: Sequence[Recalled] = ()
    request: str = ""
    """That it came of, by which an answer is judged."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Something that was said, as it is kept."""

    number: int
    role: str
    content: str
    at: datetime
    recalled: tuple[Recalled, ...]
    request: str
    judged: float | None
    """What was said of it, -1 to 1; None where nothing was."""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """A conversation without its turns."""

    id: str
    title: str
    """How its first turn begins."""
    model: str
    owner: str
    """Who may go on with it; empty is nobody, for one that was kept before owners were."""
    turns: int
    started_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class ConversationPage:
    """Some conversations, latest first, and where the next ones begin."""

    conversations: tuple[Conversation, ...]
    next: str
