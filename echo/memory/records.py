"""What goes into a memory and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from echo.memory.kinds import (
    Arm,
    AssociationKind,
    Direction,
    ForgettingAction,
    MemoryKind,
    MemoryState,
    PatternKind,
    PatternTier,
    Tier,
)


@dataclass(frozen=True, kw_only=True)
class SpaceInfo:
    """A memory space: whose memories are seen together and by nobody else."""

    name: str
    embedding_model: str
    width: int
    """Dimensions of its vectors."""
    language: str
    """PostgreSQL's text search configuration that its words are stemmed by."""
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class SpaceStats:
    """How much a space holds."""

    live: int
    forgotten: int
    merged: int
    superseded: int
    """Live ones that are no longer valid."""
    unindexed: int
    """Vectors that no index holds yet; they are searched one by one."""
    associations: int
    patterns: int
    experiences: int
    tiers: Mapping[Tier, int]


@dataclass(frozen=True, kw_only=True)
class NewMemory:
    """A memory to encode."""

    content: str
    kind: MemoryKind = MemoryKind.EPISODIC
    context: str = ""
    """Text beside it, such as the turn before or the session's date: its words find the memory too. It is not
    embedded, and no part of the memory."""
    embedding: Sequence[float] | None = None
    """A vector that is there already, of the space's width; None has the embedder make it."""
    importance: float = 0.5
    """0 to 1."""
    valence: float = 0.0
    """-1 (bad) to 1 (good)."""
    arousal: float = 0.0
    """0 (calm) to 1."""
    dominance: float = 0.0
    """-1 (submission) to 1 (control)."""
    complexity: float = 0.0
    """0 (simple) to 1."""
    tier: Tier = Tier.WORKING
    occurred_at: datetime | None = None
    """When it happened; now when None."""
    valid_from: datetime | None = None
    """Since when it holds; ``occurred_at`` when None."""
    source: str = ""
    """Who or what it comes from, such as a speaker or a tool."""
    session: str = ""
    """The conversation it belongs to."""
    source_ids: Sequence[str] = ()
    """Ids of the evidence it was made from, in the caller's own terms."""
    provenance: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """How it came to be, as JSON."""
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    supersedes: UUID | None = None
    """A memory whose validity ends where this one's begins."""
    idempotency_key: str | None = None
    """The same key brings the same memory, however often it is sent."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """What became of one memory that was given to be encoded."""

    id: UUID
    created: bool
    """False where its idempotency key had brought it before."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A memory as it is stored."""

    id: UUID
    content: str
    kind: MemoryKind
    context: str
    tier: Tier
    state: MemoryState
    importance: float
    valence: float
    arousal: float
    dominance: float
    complexity: float
    strength: float
    """0 to 1: how firmly it sits at its last access; it fades from there."""
    access_count: int
    accessed_at: datetime | None
    occurred_at: datetime
    recorded_at: datetime
    valid_from: datetime
    valid_to: datetime | None
    """When a newer fact took its place; None while it holds."""
    supersedes: UUID | None
    merged_into: UUID | None
    source: str
    session: str
    source_ids: tuple[str, ...]
    provenance: Mapping[str, Any]
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which memories count; every field that is set must hold."""

    kinds: Sequence[MemoryKind] = ()
    """One of these; any when empty."""
    tiers: Sequence[Tier] = ()
    tags: Sequence[str] = ()
    """All of these."""
    any_tags: Sequence[str] = ()
    """At least one of these."""
    sessions: Sequence[str] = ()
    sources: Sequence[str] = ()
    since: datetime | None = None
    """Occurred then or later."""
    until: datetime | None = None
    """Occurred before that."""
    valid_at: datetime | None = None
    """What held at that time; what holds now when None."""
    superseded: bool = False
    """Take what no longer holds too."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """What to retrieve."""

    text: str = ""
    """In words; empty where only a vector is given."""
    embedding: Sequence[float] | None = None
    """The text's vector where it is there already; None has the embedder make it."""
    limit: int = 10
    where: Filter = Filter()
    arms: Sequence[Arm] = (Arm.VECTOR, Arm.TEXT, Arm.GRAPH)
    touch: bool = True
    """Count the hits as accessed, which keeps them from fading."""


@dataclass(frozen=True, kw_only=True)
class ArmTrace:
    """How one arm found a hit."""

    arm: Arm
    rank: int
    """1 is the arm's best."""
    score: float
    """In the arm's own terms: cosine similarity, BM25, activation."""


@dataclass(frozen=True, kw_only=True)
class Why:
    """Why a hit was found, and how its score came about.

    ``score = fused x importance x recency x strength x source``
    """

    arms: tuple[ArmTrace, ...]
    fused: float
    """Sum over the arms of weight / (60 + rank)."""
    importance: float
    recency: float
    strength: float
    """The three factors; 1 where one is off."""
    source: float = 1.0
    """Above 1 where the query names the memory's source."""
    words: tuple[str, ...]
    """The query's word stems that it holds."""
    path: tuple[UUID, ...]
    """From the hit that activation spread from to this one, both included; empty where no edge led here."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A memory that was found."""

    memory: Memory
    score: float
    why: Why


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """What a query found, best first."""

    hits: tuple[Hit, ...]
    candidates: Mapping[Arm, int]
    """How many each arm brought before the cut."""


@dataclass(frozen=True, kw_only=True)
class NewAssociation:
    """An edge to add; one that is there is reinforced."""

    source: UUID
    target: UUID
    kind: AssociationKind
    weight: float = 0.5
    """Above 0, up to 1."""


@dataclass(frozen=True, kw_only=True)
class Association:
    """An edge between two memories."""

    source: UUID
    target: UUID
    kind: AssociationKind
    weight: float
    strengthened: int
    """How often it was added again."""
    created_at: datetime
    activated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Step:
    """A memory that a walk reached."""

    id: UUID
    depth: int
    """Hops from the nearest start."""
    path: tuple[UUID, ...]
    """Start to here, both included: the strongest of the shortest paths."""
    weight: float
    """Product of the weights along the path."""


@dataclass(frozen=True, kw_only=True)
class Walk:
    """What a walk over the graph reached, nearest and strongest first."""

    steps: tuple[Step, ...]
    edges: tuple[Association, ...]
    """Edges between the memories it reached."""
    truncated: bool
    """Whether more could have been reached within the depth."""


@dataclass(frozen=True, kw_only=True)
class WalkRequest:
    """Where a walk starts and what it follows."""

    starts: Sequence[UUID]
    depth: int = 2
    kinds: Sequence[AssociationKind] = ()
    """Edges of these kinds; any when empty."""
    direction: Direction = Direction.BOTH
    limit: int = 100


@dataclass(frozen=True, kw_only=True)
class ConsolidationReport:
    """What a consolidation did, or would do."""

    examined: int
    promoted: Mapping[Tier, int]
    """Memories by the tier that they came to."""
    merged: tuple[tuple[UUID, UUID], ...]
    """(the near-duplicate, the memory that took its place)"""
    linked: int
    """New edges between similar memories."""
    contradictions: tuple[tuple[UUID, UUID], ...]
    """(older fact, newer fact that supersedes it)"""
    patterns_reinforced: int
    patterns_created: int
    dry_run: bool


@dataclass(frozen=True, kw_only=True)
class Fading:
    """A memory that is forgotten, or would be, and why."""

    id: UUID
    retention: float
    """What is left of it, 0 to 1."""
    threshold: float
    stability_days: float
    """Days in which it fades to 1/e."""
    idle_days: float
    """Days since it was last accessed or recorded."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class ForgettingReport:
    """What forgetting did, or would do."""

    examined: int
    faded: tuple[Fading, ...]
    protected: int
    """Below the threshold, but kept for what they are."""
    dry_run: bool


@dataclass(frozen=True, kw_only=True)
class ForgettingEntry:
    """One line of the forgetting log; it never holds content."""

    memory_id: UUID
    action: ForgettingAction
    reason: str
    retention: float | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class NewExperience:
    """Something that was lived through, to be learned from."""

    input: str
    output: str = ""
    feedback: float | None = None
    """-1 to 1: how well it went; None where nobody said."""
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])
    memory_ids: Sequence[UUID] = ()
    occurred_at: datetime | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Experience:
    """An experience as it is buffered."""

    id: UUID
    input: str
    output: str
    feedback: float | None
    context: Mapping[str, Any]
    memory_ids: tuple[UUID, ...]
    occurred_at: datetime
    consolidated_at: datetime | None
    """When it was learned from; None while it waits."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A pattern that was seen once more."""

    kind: PatternKind
    signature: str
    """What is regular, in a form that compares equal: the pattern's name within its kind."""
    feedback: float = 0.5
    """-1 to 1: how much this occurrence speaks for it."""
    source_ids: Sequence[UUID] = ()
    """Memories that it was seen in."""


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A regularity and how established it is."""

    id: UUID
    kind: PatternKind
    signature: str
    tier: PatternTier
    strength: float
    frequency: int
    confidence: float
    first_seen: datetime
    last_seen: datetime
    source_ids: tuple[UUID, ...]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A cognitive state or an identity as it was at a time."""

    id: int
    taken_at: datetime
    coherence: float | None
    content: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Reembedding:
    """A space on its way to another embedding model."""

    embedding_model: str
    width: int
    done: int
    """Memories that have their vector of it."""
    total: int
    """Memories of the space, whatever their state."""
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class ReembeddingReport:
    """What one run of a re-embedding did."""

    written: int
    """Vectors."""
    switched: bool
    """Whether the space is with the new model now."""
    waits_for_index: bool
    """Every memory has its vector, and the space, which has an index, waits for one of these vectors: run
    ``python -m echo.migrations indexes``, then go on."""


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import brought."""

    memories: int
    skipped: int
    """Were there already."""
    associations: int
    patterns: int
    experiences: int
    snapshots: int
