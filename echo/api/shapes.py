"""What the paths under /echo take and give, as JSON with camel-case keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from echo.memory import (
    AssociationKind,
    GoalState,
    Hit,
    Memory,
    MemoryKind,
    MemoryState,
    PatternKind,
    PatternTier,
    Tier,
    Turn,
)
from echo.mind import MindState, SelfLayer, reasons

Moment = Annotated[AwareDatetime, Field(strict=False)]
Id = Annotated[UUID, Field(strict=False)]
Kind = Annotated[MemoryKind, Field(strict=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Signed = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Tag = Annotated[str, Field(min_length=1, max_length=128)]
Label = Annotated[str, Field(max_length=128)]


class Asked(BaseModel):
    """A body: no unknown keys, no silent conversion."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Told(BaseModel):
    """An answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True)


class Feeling(Asked):
    """Four dimensions of emotion."""

    valence: Signed = 0.0
    arousal: Share = 0.0
    dominance: Signed = 0.0
    complexity: Share = 0.0


class MemoryAsked(Asked):
    """A memory to store."""

    content: str = Field(min_length=1)
    kind: Kind = MemoryKind.EPISODIC
    tags: list[Tag] = Field(default=[], max_length=64)
    importance: Share = 0.5
    emotion: Feeling = Feeling()
    at: Moment | None = None
    source: Label = ""
    context: str = ""
    session: Label = ""
    metadata: dict[str, Any] = {}
    idempotency_key: Tag | None = None


class MemoryChanged(Asked):
    """What is to be otherwise with a memory; what is left out stays."""

    content: str | None = Field(default=None, min_length=1)
    kind: Kind | None = None
    tags: list[Tag] | None = Field(default=None, max_length=64)
    importance: Share | None = None
    emotion: Feeling | None = None
    at: Moment | None = None
    source: Label | None = None
    metadata: dict[str, Any] | None = None


class SearchAsked(Asked):
    """What to look for."""

    query: str = Field(min_length=1, max_length=16_384)
    limit: int = Field(default=10, ge=1, le=200)
    kinds: list[Kind] = Field(default=[], max_length=4)
    tags: list[Tag] = Field(default=[], max_length=64)
    since: Moment | None = None
    until: Moment | None = None


class Emotion(Told):
    """Four dimensions of emotion."""

    valence: float
    arousal: float
    dominance: float
    complexity: float


class MemoryTold(Told):
    """A memory."""

    id: UUID
    kind: MemoryKind
    content: str
    context: str
    tags: list[str]
    importance: float
    emotion: Emotion
    tier: Tier
    state: MemoryState
    strength: float
    accesses: int
    accessed: datetime | None
    at: datetime
    recorded: datetime
    valid_from: datetime
    valid_to: datetime | None
    supersedes: UUID | None
    source: str
    session: str
    provenance: dict[str, Any]
    metadata: dict[str, Any]

    @classmethod
    def of(cls, one: Memory) -> MemoryTold:
        """From the library's record."""
        return cls(
            id=one.id,
            kind=one.kind,
            content=one.content,
            context=one.context,
            tags=list(one.tags),
            importance=one.importance,
            emotion=Emotion(
                valence=one.valence, arousal=one.arousal, dominance=one.dominance, complexity=one.complexity
            ),
            tier=one.tier,
            state=one.state,
            strength=one.strength,
            accesses=one.access_count,
            accessed=one.accessed_at,
            at=one.occurred_at,
            recorded=one.recorded_at,
            valid_from=one.valid_from,
            valid_to=one.valid_to,
            supersedes=one.supersedes,
            source=one.source,
            session=one.session,
            provenance=dict(one.provenance),
            metadata=dict(one.metadata),
        )


class MemoriesTold(Told):
    """A page of memories; `next` is the cursor of the one after it, null at the end."""

    memories: list[MemoryTold]
    next: str | None


class HitTold(Told):
    """A memory that was found, and why."""

    memory: MemoryTold
    score: float
    why: list[str]

    @classmethod
    def of(cls, hit: Hit) -> HitTold:
        """From the library's record."""
        return cls(memory=MemoryTold.of(hit.memory), score=hit.score, why=reasons(hit))


class HitsTold(Told):
    """Memories that were found, best first."""

    hits: list[HitTold]


class ImportTold(Told):
    """What an import brought."""

    memories: int
    skipped: int
    associations: int
    patterns: int
    experiences: int
    snapshots: int


class NodeTold(Told):
    """A memory as a point of the graph."""

    id: UUID
    kind: MemoryKind
    label: str
    importance: float
    strength: float
    valence: float
    arousal: float
    created: datetime
    tier: Tier


class EdgeTold(Told):
    """An association as a line of the graph."""

    source: UUID
    target: UUID
    type: AssociationKind
    weight: float
    created: datetime


class GraphTold(Told):
    """A part of the graph."""

    nodes: list[NodeTold]
    edges: list[EdgeTold]
    truncated: bool


class PatternTold(Told):
    """A regularity."""

    id: UUID
    type: PatternKind
    tier: PatternTier
    label: str
    strength: float
    frequency: int
    confidence: float
    updated: datetime


class PatternsTold(Told):
    """Regularities, strongest first."""

    patterns: list[PatternTold]


class LearningTold(Told):
    """How much was learned."""

    rate: float | None
    quality: float | None = Field(description="Of answers, by those who judged them, -1 to 1; null where nobody did")
    experiences: int
    patterns: int


class StateTold(Told):
    """What the mind is like; null is what is not measured."""

    at: datetime
    emotion: Emotion | None
    coherence: float | None
    resonance: float | None
    load: float | None
    learning: LearningTold
    memories: dict[str, int]

    @classmethod
    def of(cls, state: MindState) -> StateTold:
        """From the mind's record."""
        felt = state.emotion
        return cls(
            at=state.at,
            emotion=None
            if felt is None
            else Emotion(
                valence=felt.valence, arousal=felt.arousal, dominance=felt.dominance, complexity=felt.complexity
            ),
            coherence=state.coherence,
            resonance=state.resonance,
            load=state.load,
            learning=LearningTold(
                rate=state.rate, quality=state.quality, experiences=state.experiences, patterns=state.patterns
            ),
            memories=dict(state.memories),
        )


class HistoryTold(Told):
    """States over time, oldest first."""

    points: list[StateTold]


class ClaimTold(Told):
    """One thing that the self-image says, with the memories that speak for it."""

    text: str
    confidence: float
    evidence: list[UUID]


class LayerTold(Told):
    """A layer of the self-image."""

    name: str
    claims: list[ClaimTold]


class SelfTold(Told):
    """The self-image in its four layers."""

    layers: list[LayerTold]

    @classmethod
    def of(cls, layers: list[SelfLayer]) -> SelfTold:
        """From the mind's records."""
        return cls(
            layers=[
                LayerTold(
                    name=layer.name,
                    claims=[
                        ClaimTold(text=one.text, confidence=one.confidence, evidence=list(one.evidence))
                        for one in layer.claims
                    ],
                )
                for layer in layers
            ]
        )


class GoalAsked(Asked):
    """A goal to set."""

    text: str = Field(min_length=1, max_length=4_096)
    priority: Share = 0.5
    progress: Share = 0.0


class GoalChanged(Asked):
    """What is to be otherwise with a goal; what is left out stays."""

    text: str | None = Field(default=None, min_length=1, max_length=4_096)
    priority: Share | None = None
    progress: Share | None = None
    state: Annotated[GoalState, Field(strict=False)] | None = None


class GoalTold(Told):
    """A goal."""

    id: UUID
    text: str
    priority: float
    progress: float
    state: GoalState
    created: datetime
    updated: datetime


class GoalsTold(Told):
    """Goals, the most important first."""

    goals: list[GoalTold]


class ConsolidateAsked(Asked):
    """Whether only to tell."""

    dry_run: bool = True


class PairTold(Told):
    """Two memories that say otherwise: the newer one took the older one's place."""

    older: UUID
    newer: UUID


class ConsolidateTold(Told):
    """What a consolidation did, or would do."""

    dry_run: bool
    examined: int
    moved: dict[Tier, int]
    merged: int
    linked: int
    patterns: int
    contradictions: list[PairTold]


class ForgetAsked(Asked):
    """What to forget: these, or all that fit; what has faded where nothing is named."""

    dry_run: bool = True
    older_than: Moment | None = None
    kinds: list[Kind] = Field(default=[], max_length=4)
    tags: list[Tag] = Field(default=[], max_length=64)
    ids: list[Id] | None = Field(default=None, min_length=1, max_length=1_000)
    hard: bool = False


class ForgottenTold(Told):
    """A memory that is forgotten, or would be, and why."""

    id: UUID
    why: str


class ForgetTold(Told):
    """What was forgotten, or would be; `more` says that a repeat finds further ones."""

    dry_run: bool
    forgotten: list[ForgottenTold]
    more: bool


class SpacesTold(Told):
    """Memory spaces that may be used; `default` is meant by requests that name none, null where none is."""

    spaces: list[str]
    default: str | None


class ConversationTold(Told):
    """A conversation without its turns."""

    id: str
    title: str
    model: str
    owner: str = Field(description="Whose it is: only they go on with it; empty is nobody")
    turns: int
    started: datetime
    updated: datetime


class ConversationsTold(Told):
    """Conversations, latest first; `next` is the cursor of the page after it, null at the end."""

    conversations: list[ConversationTold]
    next: str | None


class RecalledTold(Told):
    """A memory that was recalled for a turn; the excerpt is null once it is forgotten."""

    id: UUID
    why: list[str]
    score: float
    excerpt: str | None


class TurnTold(Told):
    """Something that was said."""

    number: int
    role: str
    content: str
    at: datetime
    recalled: list[RecalledTold]
    judged: float | None = Field(description="What was said of the answer, -1 to 1; null where nothing was")

    @classmethod
    def of(cls, turn: Turn, excerpts: dict[UUID, str]) -> TurnTold:
        """From the library's record and how the memories begin that are still there."""
        return cls(
            number=turn.number,
            role=turn.role,
            content=turn.content,
            at=turn.at,
            judged=turn.judged,
            recalled=[
                RecalledTold(id=one.id, why=list(one.why), score=one.score, excerpt=excerpts.get(one.id))
                for one in turn.recalled
            ],
        )


class WholeConversationTold(Told):
    """A conversation with its last turns."""

    id: str
    title: str
    model: str
    owner: str = Field(description="Whose it is: only they go on with it; empty is nobody")
    started: datetime
    updated: datetime
    turns: list[TurnTold]


class FeedbackAsked(Asked):
    """What somebody says of an answer, which is named by its request, or by its conversation."""

    request: Tag | None = Field(default=None, description="`x-request-id` of the answer")
    conversation: Tag | None = None
    turn: int | None = Field(
        default=None, ge=1, le=2_147_483_646, description="Number of the turn in its conversation; the last answer"
    )
    value: Signed | Literal["up", "down"] = Field(description="-1 (bad) to 1 (good); up is 1, down is -1")
    reason: str = Field(default="", max_length=256, description="Kept beside it; nothing is read from it")

    @model_validator(mode="after")
    def _names_one_answer(self) -> Self:
        if (self.request is None) == (self.conversation is None):
            raise ValueError("name the answer by `request` or by `conversation`")
        if self.turn is not None and self.conversation is None:
            raise ValueError("`turn` is a number of a `conversation`")
        return self

    @property
    def number(self) -> float:
        """What was said, as a number."""
        return {"up": 1.0, "down": -1.0}[self.value] if isinstance(self.value, str) else self.value


class MovedTold(Told):
    """A memory as it is after the feedback."""

    id: UUID
    strength: float
    importance: float


class FeedbackTold(Told):
    """What feedback did; `memories` went into the answer, `patterns` were corrected."""

    request: str
    value: float
    changed: bool = Field(description="False where the same was said before")
    memories: list[MovedTold]
    patterns: int


class FaultTold(Told):
    """One thing that is wrong with an input."""

    where: str
    problem: str


class ProblemTold(Told):
    """Why there is no answer."""

    code: str
    message: str
    faults: list[FaultTold] | None = None


class ErrorTold(Told):
    """An error."""

    error: ProblemTold
