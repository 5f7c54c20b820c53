"""The mind: prepares a prompt from what a space remembers, feels and wants, and learns from each turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from echo.cognition import affect, coherence, judging, lesson, resonance, selfimage, surprise
from echo.cognition.affect import AffectReader, LexiconReader
from echo.cognition.coherence import Coherence
from echo.cognition.condition import Condition, condition_of
from echo.cognition.emotion import Tempo, moved_by
from echo.cognition.extracting import Extractor
from echo.cognition.lesson import Impression, Lesson
from echo.cognition.places import locus, places_of
from echo.cognition.prompt import Aside, Budget, composed, said_already
from echo.cognition.selfimage import Material
from echo.cognition.wording import overlap, stems
from echo.memory import (
    Advanced,
    Backlog,
    ConsolidationReport,
    ForgettingReport,
    Goal,
    GoalState,
    Hit,
    Judged,
    Keeping,
    MemoryKind,
    MemorySpace,
    PageRequest,
    Query,
    Snapshot,
    WalkRequest,
)
from echo.mind import Lived, Message, MindState, Preparation, Rested, SelfLayer, Verdict
from echo.rest import forgotten
from echo.telemetry import span

_ASKED = 8_192
_FEW_WORDS = 3
"""Words of substance below which a question is read with what was said before it."""
_SPARE = 10
"""Hits beyond the limit that are asked for, since some stand in the conversation already."""
_MOST_HITS = 200
_FOCUS = 20
"""Recalled memories that the place in the graph is measured by."""
_EXAMINED, _EXAMINED_AT_REST = 200, 10_000
"""Memories that one consolidation examines: after an import, a turn must not wait for all that came."""
_LATELY = 20
"""Experiences that goals are held against."""
_PATTERNS, _TOLD, _LIVED = 500, 50, 200
_SELF_EVERY = 10
"""Turns after which the self-image is looked at again."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a space rests."""

    waiting: int = 20
    """Experiences and memories that wait from which it consolidates at once ..."""
    consolidate_every: timedelta = timedelta(minutes=10)
    """... and how long they wait at most."""
    forget_every: timedelta = timedelta(days=1)
    whole_below: int = 2_000
    """Live memories up to which all of the space is measured after each turn; above it, when the space rests."""
    keeping: Keeping = field(default_factory=Keeping)
    """What stays of states and outlines of the self that are old; the rest goes when the space forgets."""


@dataclass(frozen=True, kw_only=True)
class Rest(Rested):
    """What a rest did, in full."""

    consolidated: ConsolidationReport | None
    settled: int
    """Contradictions that were resolved."""
    disputed: int
    """Contradictions that stay."""
    faded: ForgettingReport | None
    parts: Coherence


class Mind:
    """Implements `echo.mind.Mind`. What it knows of a space is in the space alone, so any replica can go on from it."""

    def __init__(
        self,
        *,
        tempo: Tempo | None = None,
        budget: Budget | None = None,
        schedule: Schedule | None = None,
        reader: AffectReader | None = None,
        extractor: Extractor | None = None,
    ) -> None:
        """Prepare it.

        Args:
            tempo: how fast feelings move.
            budget: how long a preparation may be.
            schedule: when a space consolidates and forgets.
            reader: reads feelings; by words where None.
            extractor: finds facts in what is said, beside the rules; none where None. Called while learning only.
        """
        self._tempo = tempo if tempo is not None else Tempo()
        self._budget = budget if budget is not None else Budget()
        self._schedule = schedule if schedule is not None else Schedule()
        self._reader: AffectReader = reader if reader is not None else LexiconReader()
        self._extractor = extractor

    # Before the reply

    async def prepare(
        self, space: MemorySpace, messages: Sequence[Message], now: datetime, *, limit: int
    ) -> Preparation:
        """Return what of the space helps with a conversation; the retrieval beside the rest."""
        words = asked(messages)
        if not words:
            return Preparation(text="")
        said = [one.content for one in messages]
        found, (state, goals, told) = await asyncio.gather(
            _retrieved(space, words, min(_MOST_HITS, limit + _SPARE)),
            self._beside(space, now),
        )
        hits = [hit for hit in found if not said_already(hit, said)][:limit]
        here = stems(" ".join(said[-2:]))
        fitting = sorted(goals, key=lambda one: (-_pull(one, overlap(stems(one.text), here)), one.created_at, one.id))
        claims = sorted(told.claims, key=lambda one: (-overlap(stems(one.text), here), -one.confidence))
        aside = Aside(
            goals=[(one.text, one.priority, one.progress) for one in fitting],
            claims=claims,
            theirs=affect.reading(words),
            own=state.feeling.emotion if state.felt else None,
            places=places_of(words, hits),
        )
        return composed(hits, aside, self._budget)

    async def _beside(self, space: MemorySpace, now: datetime) -> tuple[Condition, list[Goal], SelfLayer]:
        """State, goals, identity. One after the other: many requests at once share few connections."""
        with span("mind"):
            async with space.together():
                state = await self._condition(space, now)
                goals = await space.goals(state=GoalState.OPEN)
                told = await space.page(PageRequest(kinds=[MemoryKind.AUTOBIOGRAPHICAL], limit=_TOLD))
        return state, goals, selfimage.self_image(Material(told=told.memories, condition=state))[0]

    # After the reply

    async def learn(self, space: MemorySpace, lived: Lived, now: datetime, *, feedback: float | None = None) -> Lesson:
        """Learn from a turn, in nine steps; a second time with the same key changes nothing.

        Args:
            space: whose memory.
            lived: the turn.
            now: the time.
            feedback: how it went, -1 to 1, where somebody said.

        Raises:
            EmbedderError: the embedder failed; nothing of the turn was stored, or what was is taken up by a repeat.
            StoreUnavailableError: the database gave up; a repeat goes on from there.
        """
        known = await lesson.stored(space, lived)
        before = await self._condition(space, now)
        if before.knows(lived.key):
            return Lesson(memories=tuple(one.id for one in known), repeated=True)
        # Of a turn that was cut off and is handed over again, what is there already keeps its time.
        at = lived.at if lived.at is not None else known[0].occurred_at if known else now
        goals = await space.goals(state=GoalState.OPEN)
        seen = await lesson.impression(
            space, lived, at, feedback=feedback, goals=[(one.text, one.priority) for one in goals], reader=self._reader
        )
        waiting = await space.backlog()
        with span("encoding") as told:
            memories, answer = await lesson.store(space, lived, seen, at, self._extractor)
            experience = await lesson.buffer(space, lived, feedback, at, memories)
            told(memories=len(memories))
        focus = tuple((await lesson.reinforce(space, lived, answer))[:_FOCUS])
        around = await space.walk(WalkRequest(starts=focus, depth=1)) if focus else None
        done = await lesson.consolidate(space, most=_EXAMINED)
        settled, disputed, rounds = await lesson.cohere(space)
        measured = await self._measured(space, before, waiting, goals)
        if around is not None:
            measured = replace(measured, focus=focus, locus=locus(around, focus, before.focus))
        state = await space.advance_state(lambda latest: self._after(latest, measured, lived.key, seen, now))
        condition = condition_of(state, now)
        if condition.experiences % _SELF_EVERY == 1:
            await self._look_at_self(space, condition)
        await judging.judge_late(space, lived, now, self._tempo)
        return Lesson(
            memories=tuple(memories),
            experience=experience,
            coherence=condition.coherence.value,
            merged=len(done.merged),
            reading=seen.reading,
            surprise=seen.surprise,
            resonance=seen.echo.intensity,
            congruence=seen.congruence,
            importance=seen.importance,
            patterns_created=done.patterns_created,
            patterns_reinforced=done.patterns_reinforced,
            settled=tuple(settled),
            disputed=disputed,
            rounds=rounds,
        )

    async def judge(self, space: MemorySpace, verdict: Verdict, now: datetime) -> Judged:
        """Take what somebody says of an answer: memories, patterns, feeling and quality follow.

        Raises:
            UnknownTurnError: the turn was neither kept nor learned from, or not yet.
            ForeignTurnError: the answer was given to somebody else.
        """
        return await judging.judge(space, verdict, now, self._tempo)

    async def rest(self, space: MemorySpace, now: datetime) -> Rest | None:
        """Consolidate and forget what is due; None where nothing is. For a loop in the background.

        Two replicas at once do no harm: the memory's library lets one work at a time, and nothing is done twice.
        """
        before = await self._condition(space, now)
        waiting = await space.backlog()
        number = waiting.experiences + waiting.unexamined
        rested = before.rested_at if before.rested_at is not None else datetime.min.replace(tzinfo=now.tzinfo)
        forgot = before.forgot_at if before.forgot_at is not None else datetime.min.replace(tzinfo=now.tzinfo)
        waited = now - rested >= self._schedule.consolidate_every
        consolidates = number >= self._schedule.waiting or (number > 0 and waited)
        forgets = waiting.live > 0 and now - forgot >= self._schedule.forget_every
        if not consolidates and not forgets:
            return None
        settled, disputed, report = 0, 0, None
        if consolidates:
            report = await lesson.consolidate(space, most=_EXAMINED_AT_REST)
            done, disputed, _ = await lesson.cohere(space)
            settled = len(done)
        faded = await forgotten(space, self._schedule.keeping) if forgets else None
        goals = await space.goals(state=GoalState.OPEN)
        measured = await self._measured(space, before, waiting, goals, whole=True)
        await self._look_at_self(space, measured)

        def change(latest: Snapshot | None) -> Advanced:
            current = condition_of(latest, now).until(now, self._tempo)
            return replace(
                current,
                coherence=measured.coherence,
                load=measured.load,
                patterns=measured.patterns,
                memories=measured.memories,
                rested_at=now if consolidates else current.rested_at,
                forgot_at=now if forgets else current.forgot_at,
            ).kept("rest")

        await space.advance_state(change)
        return Rest(
            merged=0 if report is None else len(report.merged),
            forgotten=0 if faded is None else len(faded.faded),
            coherence=measured.coherence.value,
            consolidated=report,
            settled=settled,
            disputed=disputed,
            faded=faded,
            parts=measured.coherence,
        )

    # What it is like

    async def state(self, space: MemorySpace, now: datetime) -> MindState:
        """Return what the mind is like now: the last measurement, with the feelings as far as they have gone since."""
        condition = await self._condition(space, now)
        kinds = await space.kinds()
        stats = await space.stats()
        counted = replace(condition, patterns=stats.patterns, memories={str(kind): n for kind, n in kinds.items()})
        return replace(counted.told(now), experiences=stats.experiences)

    async def coherence(self, space: MemorySpace, now: datetime) -> Coherence:
        """Measure the whole space now, each part by itself; reads every edge."""
        condition = await self._condition(space, now)
        goals = await space.goals(state=GoalState.OPEN)
        return (await self._measured(space, condition, await space.backlog(), goals, whole=True)).coherence

    async def history(
        self, space: MemorySpace, *, since: datetime | None, until: datetime | None, points: int
    ) -> list[MindState]:
        """Return what it was like, oldest first, evenly thinned to so many points."""
        found = await space.states_between(since=since, until=until, points=points)
        return [condition_of(one, one.taken_at).told(one.taken_at) for one in found]

    async def self_image(self, space: MemorySpace, now: datetime) -> list[SelfLayer]:
        """Return what it takes itself to be, made anew from what is remembered."""
        return selfimage.self_image(await self._material(space, await self._condition(space, now)))

    # Inside

    async def _condition(self, space: MemorySpace, now: datetime) -> Condition:
        states = await space.states(limit=1)
        return condition_of(states[0] if states else None, now).until(now, self._tempo)

    def _after(
        self, latest: Snapshot | None, measured: Condition, key: str, seen: Impression, now: datetime
    ) -> Advanced | None:
        """What the latest state becomes by one turn; None where the turn is in it."""
        before = condition_of(latest, now)
        if before.knows(key):
            return None
        before = before.until(now, self._tempo)
        return (
            replace(
                before,
                feeling=moved_by(before.feeling, seen.reading, self._tempo),
                felt=before.felt or seen.reading.confidence > 0,
                resonance=resonance.running(before.resonance, seen.echo.intensity),
                congruence=seen.congruence,
                rate=surprise.associability(before.rate, seen.surprise),
                surprise=seen.surprise,
                coherence=measured.coherence,
                load=measured.load,
                experiences=before.experiences + 1,
                patterns=measured.patterns,
                memories=measured.memories,
                focus=measured.focus,
                locus=measured.locus,
            )
            .knowing(key)
            .kept("turn")
        )

    async def _measured(
        self, space: MemorySpace, before: Condition, waiting: Backlog, goals: Sequence[Goal], *, whole: bool = False
    ) -> Condition:
        """The condition with what is counted and compared in the space; in a large one, only where it rests."""
        number = waiting.experiences + waiting.unexamined
        # Half at one batch of the consolidation.
        load = number / (number + 100)
        lately = [stems(one.input) for one in await space.experiences(limit=_LATELY)]
        aligned = coherence.alignment([
            (one.priority, max((overlap(stems(one.text), words) for words in lately), default=0.0)) for one in goals
        ])  # fmt: skip
        if not whole and waiting.live > self._schedule.whole_below:
            return replace(before, load=load, coherence=replace(before.coherence, goals=aligned))
        bonds = await space.agreement()
        stats, kinds = await space.stats(), await space.kinds()
        identities = await space.identities(limit=2)
        outlines = [_outline(one) for one in identities]
        stable = coherence.continuity(outlines[1], outlines[0]) if len(outlines) > 1 else None
        return replace(
            before,
            load=load,
            coherence=Coherence(facts=coherence.ratio(bonds.satisfied, bonds.total), identity=stable, goals=aligned),
            patterns=stats.patterns,
            memories={str(kind): n for kind, n in kinds.items()},
        )

    async def _material(self, space: MemorySpace, condition: Condition) -> Material:
        told = await space.page(PageRequest(kinds=[MemoryKind.AUTOBIOGRAPHICAL, MemoryKind.PROCEDURAL], limit=_TOLD))
        lived = await space.page(PageRequest(kinds=[MemoryKind.EPISODIC], limit=_LIVED))
        return Material(
            told=told.memories,
            lived=lived.memories,
            patterns=await space.patterns(limit=_PATTERNS),
            condition=condition,
        )

    async def _look_at_self(self, space: MemorySpace, condition: Condition) -> None:
        """Keep the outline of the self where it is not what it was: keys and numbers, no text."""
        now = selfimage.outline(await self._material(space, condition))
        latest = await space.identities(limit=1)
        before = _outline(latest[0]) if latest else None
        if now and now != before:
            await space.save_identity(
                {"version": 1, "claims": now}, coherence=None if before is None else coherence.continuity(before, now)
            )


def asked(messages: Sequence[Message]) -> str:
    """What to look for: the last words of the user; with those before, where they alone say little ("and there?")."""
    said = [one.content for one in messages if one.role == "user" and one.content.strip()]
    if not said:
        return ""
    last = said[-1]
    if len(said) > 1 and len(stems(last)) < _FEW_WORDS:
        last = f"{said[-2]}\n{last}"
    # Of a long text the end is what is asked.
    return lesson.fitting(last[-_ASKED // 4 :], _ASKED).strip()


async def _retrieved(space: MemorySpace, words: str, limit: int) -> Sequence[Hit]:
    with span("retrieval") as told:
        found = await space.retrieve(Query(text=words, limit=limit, touch=False))
        told(memories=len(found.hits))
    return found.hits


def _pull(goal: Goal, relevance: float) -> float:
    """How much a goal is worth saying now: its priority, up to twice that where it is being spoken of."""
    return goal.priority * (1 + relevance)


def _outline(snapshot: Snapshot) -> dict[str, float]:
    claims = snapshot.content.get("claims")
    if not isinstance(claims, dict):
        return {}
    given: dict[object, object] = claims  # pyright: ignore[reportUnknownVariableType]
    return {str(key): float(value) for key, value in given.items() if isinstance(value, int | float)}


__all__ = ["Mind", "Rest", "Schedule", "asked"]
