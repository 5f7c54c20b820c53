"""One memory space: everything that can be done with the memories in it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from echo.memory import (
    agreement,
    associations,
    consolidation,
    conversations,
    encode,
    forgetting,
    goals,
    judging,
    learning,
    listing,
    overview,
    reading,
    reembedding,
    revision,
    snapshots,
    touch,
    transfer,
    walk,
)
from echo.memory.agreement import Agreement, Backlog, Disputes, GivenUp
from echo.memory.consolidation import ConsolidationPolicy
from echo.memory.context import Context
from echo.memory.embedder import Embedder
from echo.memory.judging import Answer, Judged, Judgement
from echo.memory.kinds import MemoryKind, PatternKind
from echo.memory.life import (
    Conversation,
    ConversationPage,
    Goal,
    GoalState,
    MemoryPage,
    NewTurn,
    Overview,
    OverviewRequest,
    PageRequest,
    Revision,
    Turn,
)
from echo.memory.records import (
    Association,
    ConsolidationReport,
    Encoded,
    Experience,
    ForgettingEntry,
    ForgettingReport,
    ImportReport,
    Memory,
    NewAssociation,
    NewExperience,
    NewMemory,
    Observation,
    Pattern,
    Query,
    Reembedding,
    ReembeddingReport,
    Retrieval,
    Snapshot,
    SpaceInfo,
    SpaceStats,
    Walk,
    WalkRequest,
)
from echo.memory.retrieval import retrieve
from echo.memory.snapshots import Advanced, Keeping
from echo.memory.weights import FadingWeights, RetrievalWeights


class MemorySpace:
    """The memories that are seen together and by nobody else.

    Every method checks its input first and names all faults at once; a call that raises has stored nothing. All
    raise UnknownSpaceError where the space is not there, InvalidInputError (or TooLargeError) for bad input, and
    StoreUnavailableError where the database cannot be reached or gave up, after which the call can be repeated:
    `encode` and `record_experience` with idempotency keys, the others as they are.
    """

    def __init__(self, context: Context, *, retrieval: RetrievalWeights, fading: FadingWeights) -> None:
        self._context = context
        self._retrieval = retrieval
        self._fading = fading

    @property
    def name(self) -> str:
        """The space's name."""
        return self._context.name

    def together(self) -> AbstractAsyncContextManager[None]:
        """Make the reads of a block one transaction; for calls one after the other in one task.

        Where one fails, those after it in the block do too.
        """
        return self._context.together()

    async def info(self) -> SpaceInfo:
        """Its model, width and language."""
        return await reading.info(self._context)

    async def stats(self) -> SpaceStats:
        """How much it holds; counts every row, so it takes long in a large space."""
        return await reading.stats(self._context)

    async def delete(self) -> None:
        """Delete the space with everything in it, for good. It is deleted in parts: cut short, the rest stays."""
        await reading.delete_space(self._context)

    # Encoding and reading

    async def encode(self, memories: Iterable[NewMemory]) -> list[Encoded]:
        """Store memories, all of them or none; returns their ids in the given order.

        A memory whose idempotency key came before is not stored again: its entry has the first one's id.

        Raises:
            EmbedderError: the embedder failed.
            EmbeddingMismatchError: the embedder is not of the space's model and width.
            IdempotencyConflictError: a key came before with something else.
            UnknownMemoryError: a superseded memory is not there.
        """
        return await encode.encode(self._context, memories)

    async def get(self, ids: Iterable[UUID]) -> list[Memory]:
        """Memories by their ids, in that order, whatever their state; those that are not there are left out."""
        return await reading.get(self._context, ids)

    async def recent(self, *, session: str | None = None, limit: int = 20) -> list[Memory]:
        """The live memories that happened last, latest first; of one session where one is named."""
        return await reading.recent(self._context, session, limit)

    async def page(self, request: PageRequest) -> MemoryPage:
        """Live memories, latest first, some at a time."""
        return await listing.page(self._context, request)

    async def kinds(self) -> dict[MemoryKind, int]:
        """How many live memories there are of each kind; counts rows, so it takes long in a large space."""
        return await reading.kinds(self._context)

    async def revise(self, memory_id: UUID, changes: Revision) -> Memory:
        """Change a live memory in its place; new content gets new words and a new vector. Returns it as it is now.

        Raises:
            UnknownMemoryError: it is not there, or not live.
            EmbedderError: the embedder failed.
        """
        return await revision.revise(self._context, memory_id, changes)

    async def history(self, memory_id: UUID) -> list[Memory]:
        """What a memory was before: what it superseded and what was merged into it, newest first, without itself.

        Raises:
            UnknownMemoryError: it is not there.
        """
        return await reading.history(self._context, memory_id)

    async def retrieve(self, query: Query, *, weights: RetrievalWeights | None = None) -> Retrieval:
        """Find memories by meaning, words and association, best first, each with why it was found.

        Raises:
            EmbedderError: the embedder failed.
            EmbeddingMismatchError: the embedder is not of the space's model and width.
        """
        return await retrieve.retrieve(
            self._context, query, weights if weights is not None else self._retrieval, self._fading
        )

    async def touch(self, ids: Iterable[UUID]) -> int:
        """Count memories as accessed now; returns how many of them are live."""
        return await touch.touch(self._context, ids, self._fading)

    # The graph

    async def associate(self, edges: Iterable[NewAssociation]) -> int:
        """Add edges, or reinforce those that are there: ``weight + 0.1 x (1 - weight)``. Returns how many are new.

        Raises:
            UnknownMemoryError: an end is not there.
        """
        return await associations.associate(self._context, edges)

    async def dissociate(self, edges: Iterable[Association | NewAssociation]) -> int:
        """Take edges away; returns how many were there."""
        return await associations.dissociate(self._context, edges)

    async def walk(self, request: WalkRequest) -> Walk:
        """Follow the edges from some memories, breadth first, each memory once."""
        return await walk.walk(self._context, request)

    async def overview(self, request: OverviewRequest) -> Overview:
        """A part of the graph to look at: light nodes, the edges between them.

        Raises:
            UnknownMemoryError: the memory in its middle is not there.
        """
        return await overview.overview(self._context, request, self._retrieval)

    # Goals and conversations

    async def goals(self, *, state: GoalState | None = None) -> list[Goal]:
        """Goals, the most important first, then the oldest."""
        return await goals.goals(self._context, state)

    async def goal(self, goal_id: UUID) -> Goal:
        """One goal.

        Raises:
            UnknownGoalError: it is not there.
        """
        return await goals.goal(self._context, goal_id)

    async def add_goal(self, text: str, *, priority: float = 0.5, progress: float = 0.0) -> Goal:
        """Set a goal."""
        return await goals.add(self._context, text, priority, progress)

    async def change_goal(
        self,
        goal_id: UUID,
        *,
        text: str | None = None,
        priority: float | None = None,
        progress: float | None = None,
        state: GoalState | None = None,
    ) -> Goal:
        """Change a goal; None stays as it is.

        Raises:
            UnknownGoalError: it is not there.
        """
        return await goals.change(self._context, goal_id, text=text, priority=priority, progress=progress, state=state)

    async def drop_goal(self, goal_id: UUID) -> None:
        """Delete a goal.

        Raises:
            UnknownGoalError: it is not there.
        """
        await goals.drop(self._context, goal_id)

    async def add_turns(
        self, conversation: str, turns: Iterable[NewTurn], *, model: str = "", owner: str = ""
    ) -> Conversation:
        """Add what was said to a conversation; the first turn begins it.

        Raises:
            ForeignConversationError: it is another owner's.
        """
        return await conversations.add_turns(self._context, conversation, model, owner, turns)

    async def conversations(self, *, limit: int = 50, cursor: str = "") -> ConversationPage:
        """Conversations, latest first, some at a time."""
        return await conversations.page(self._context, limit, cursor)

    async def conversation(self, conversation: str, *, limit: int = 200) -> tuple[Conversation, list[Turn]]:
        """A conversation with its last turns, in their order.

        Raises:
            UnknownConversationError: it is not there.
        """
        return await conversations.conversation(self._context, conversation, limit)

    async def drop_conversation(self, conversation: str) -> None:
        """Delete a conversation with its turns; memories that were made of it stay.

        Raises:
            UnknownConversationError: it is not there.
        """
        await conversations.drop(self._context, conversation)

    # Sleeping on it

    async def consolidate(
        self, policy: ConsolidationPolicy | None = None, *, dry_run: bool = False
    ) -> ConsolidationReport:
        """Promote, merge near-duplicates, link likenesses, resolve contradictions, learn from experiences.

        Idempotent: run again at the same time, nothing changes. A kill in the middle leaves whole parts done. Two at
        once: the second does nothing.
        """
        return await consolidation.consolidate(
            self._context, policy if policy is not None else ConsolidationPolicy(), dry_run=dry_run
        )

    async def index_fresh(self, *, batch: int = 1_000) -> int:
        """Move fresh vectors into the space's HNSW index, where it has one; returns how many."""
        return await reading.index_fresh(self._context, batch)

    async def reembed(
        self, embedder: Embedder | None = None, *, batch: int = 256, most: int | None = None
    ) -> ReembeddingReport:
        """Bring the space to another embedding model, in the background of reads and writes.

        New vectors are written beside the old ones, from each memory's content; then one transaction switches; then
        the old ones are deleted. Until the switch everybody works with the old model. A run that was cut off, by a
        kill too, goes on where it was when this is called again; two at once do the work twice and harm nothing.

        Args:
            embedder: of the new model; the store's own when None.
            batch: memories of one transaction and of one question to the embedder.
            most: stop after so many vectors, to go on later.

        Raises:
            EmbedderError: the embedder failed; what was written stays.
        """
        return await reembedding.reembed(self._context, embedder, batch=batch, most=most)

    async def reembedding(self) -> Reembedding | None:
        """How far the space is on its way to another model; None where it is on none."""
        return await reembedding.progress(self._context)

    async def forget(self, *, dry_run: bool = False, limit: int = 10_000) -> ForgettingReport:
        """Forget what has faded below the threshold, each with its reason; it can be restored until it is purged."""
        return await forgetting.forget(self._context, self._fading, dry_run=dry_run, limit=limit)

    async def forget_these(self, ids: Iterable[UUID], *, reason: str) -> int:
        """Forget these memories; returns how many were live.

        Raises:
            UnknownMemoryError: one is not there.
        """
        return await forgetting.forget_these(self._context, ids, reason)

    async def restore(self, ids: Iterable[UUID], *, reason: str = "restored") -> int:
        """Bring forgotten memories back; returns how many were forgotten."""
        return await forgetting.restore(self._context, ids, reason)

    async def purge(self, ids: Iterable[UUID], *, reason: str) -> int:
        """Delete memories for good, whatever their state: content, vector, words, edges, what was merged into them.

        Derived texts (other memories that name them in ``source_ids``) go too. The log keeps the id and the reason.
        Backups that were made before hold them until they expire. Returns how many memories went.
        """
        return await forgetting.purge(self._context, ids, reason)

    async def purge_forgotten(self, *, older_than: timedelta, limit: int = 1_000) -> int:
        """Purge what was forgotten longer ago than that; returns how many memories went."""
        return await forgetting.purge_forgotten(self._context, older_than, limit)

    async def forgetting_log(self, *, memory_id: UUID | None = None, limit: int = 100) -> list[ForgettingEntry]:
        """What was forgotten, restored, merged, superseded and purged, latest first."""
        return await forgetting.log(self._context, memory_id, limit)

    # Learning

    async def record_experience(self, experience: NewExperience) -> UUID:
        """Put an experience into the buffer, to be learned from; returns its id."""
        return await learning.record(self._context, experience)

    async def experiences(self, *, waiting: bool | None = None, limit: int = 100) -> list[Experience]:
        """Experiences, latest first: all, those that wait to be learned from, or those that do not."""
        return await learning.experiences(self._context, waiting, limit)

    async def observe(self, observations: Iterable[Observation]) -> list[Pattern]:
        """See patterns once more: new ones are made, known ones reinforced. Returns them as they are now."""
        return await learning.observe(self._context, observations)

    async def patterns(self, *, kind: PatternKind | None = None, limit: int = 100) -> list[Pattern]:
        """Patterns, strongest first."""
        return await learning.patterns(self._context, kind, limit)

    async def experience_of_key(self, key: str) -> Experience | None:
        """The experience that was recorded with this idempotency key; None where none was, or it is gone."""
        return await learning.experience_of_key(self._context, key)

    # Judgements

    async def answer(self, conversation: str, *, number: int | None = None) -> Answer:
        """The answer of a conversation with a number, or to the turn with it; the last one where None.

        Raises:
            UnknownConversationError: it is not there.
            UnknownTurnError: there is no such turn, or it was kept before answers could be judged.
        """
        return await judging.answer(self._context, conversation, number)

    async def judge(self, judgement: Judgement) -> Judged:
        """Take what somebody says of an answer: its memories move, and what was learned from it is corrected.

        Idempotent: the same judgement again changes nothing. Another one of the same turn takes its place: what the
        first one moved is taken back. Memories and an experience that are named later are taken in then.
        """
        return await judging.judge(self._context, judgement, self._fading.access_gain)

    async def judgement(self, turn: str) -> Judgement | None:
        """What was said of the answer to a request, without shares and observations; None where nothing was."""
        return await judging.judgement(self._context, turn)

    async def quality(self) -> float | None:
        """How good answers were lately, -1 to 1; None where nobody said."""
        return await judging.lately(self._context)

    # What the self was like

    async def save_state(
        self, content: Mapping[str, Any], *, coherence: float | None = None, reason: str = ""
    ) -> Snapshot:
        """Keep a cognitive state."""
        return await snapshots.save(self._context, snapshots.STATES, content, coherence, reason)

    async def states(self, *, limit: int = 1) -> list[Snapshot]:
        """The latest cognitive states, latest first."""
        return await snapshots.latest(self._context, snapshots.STATES, limit)

    async def states_between(
        self, *, since: datetime | None = None, until: datetime | None = None, points: int = 200
    ) -> list[Snapshot]:
        """Cognitive states of a span of time, oldest first, evenly thinned to so many."""
        return await snapshots.between(self._context, snapshots.STATES, since, until, points)

    async def save_identity(
        self, content: Mapping[str, Any], *, coherence: float | None = None, reason: str = ""
    ) -> Snapshot:
        """Keep an identity."""
        return await snapshots.save(self._context, snapshots.IDENTITIES, content, coherence, reason)

    async def identities(self, *, limit: int = 1) -> list[Snapshot]:
        """The latest identities, latest first."""
        return await snapshots.latest(self._context, snapshots.IDENTITIES, limit)

    async def thin_snapshots(self, keeping: Keeping | None = None, *, limit: int = 100_000) -> int:
        """Delete states and identities that are not kept; the last two of each always are. Returns how many went.

        Args:
            keeping: for how long all, one an hour, one a day are kept.
            limit: of each, the oldest that are looked at.
        """
        return await snapshots.thin(self._context, keeping if keeping is not None else Keeping(), limit)

    async def advance_state(self, change: Callable[[Snapshot | None], Advanced | None]) -> Snapshot | None:
        """Keep the cognitive state that follows from the latest one; one at a time, so that none is lost.

        Args:
            change: makes it, quickly: others wait meanwhile. None leaves everything as it was.

        Returns:
            The latest state then; None where there is none yet.
        """
        return await snapshots.advance(self._context, change)

    # How it hangs together

    async def agreement(self) -> Agreement:
        """How much of what supports and contradicts each other is kept to; reads every edge of the space."""
        return await agreement.agreement(self._context)

    async def disputes(self, *, limit: int = 200) -> Disputes:
        """Contradictions that nobody settled, latest first, with what bears on them."""
        return await agreement.disputes(self._context, limit)

    async def give_up(self, given: Iterable[GivenUp]) -> int:
        """End the validity of memories that others contradict, as of now; returns how many of them held.

        Raises:
            UnknownMemoryError: one is not there, or not live.
        """
        return await agreement.give_up(self._context, given)

    async def backlog(self) -> Backlog:
        """How much waits for a consolidation."""
        return await agreement.backlog(self._context)

    # Moving house

    def export(self) -> AsyncIterator[str]:
        """Everything in the space as lines of JSON, as it was at one moment."""
        return transfer.export(self._context)

    async def import_lines(self, lines: AsyncIterable[str] | Iterable[str]) -> ImportReport:
        """Take in what :meth:`export` wrote; what is there already, by its id, is left as it is.

        Raises:
            InvalidInputError: a line is none of an export; what came before it stays, and a repeat goes on from there.
            EmbeddingMismatchError: the export is of another model or width.
        """
        return await transfer.import_lines(self._context, lines)
