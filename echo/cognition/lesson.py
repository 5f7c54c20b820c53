"""Learning from one turn, in nine steps; docs/cognition.md names each beside the mission's own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from echo.beside import beside
from echo.cognition import coherence, resonance, statements, surprise
from echo.cognition.affect import AffectReader
from echo.cognition.emotion import Reading, appraised, together
from echo.cognition.extracting import Extractor, grounded
from echo.cognition.patterns import Analysis, Matcher, analyse
from echo.cognition.resonance import TRACES, Echo, Trace
from echo.cognition.wording import overlap, stems, taken_up
from echo.memory import (
    Arm,
    AssociationKind,
    ConsolidationPolicy,
    ConsolidationReport,
    Disputes,
    Experience,
    GivenUp,
    IdempotencyConflictError,
    Limits,
    Memory,
    MemoryKind,
    MemorySpace,
    MemoryState,
    NewAssociation,
    NewExperience,
    NewMemory,
    Observation,
    Query,
)
from echo.mind import Emotion, Learned, Lived, Said
from echo.telemetry import span

REPLY, STATED = "reply", "stated"
"""Tags of what was answered, and of facts that somebody stated."""
ROUNDS = 5
"""Times that coherence is checked again after contradictions were resolved."""
_MARGIN = 0.25
"""Share of a contradiction's weight that one side must have more behind it than the other to win."""
KNOWN_PATTERNS = 1_000
_ASKED = 8_192
_USED = 0.5
"""Share of a memory's words that an answer holds from which it was used in it."""
_ECHOED = 0.8
"""Share of an answer's words that what was recalled for it holds from which it says nothing of its own."""
_USE_WEIGHT = 0.3
_REPLY_FEELING = 0.3
_FACT_IMPORTANCE = 0.6
_RECENT = 50
_UNNAMED = UUID(int=0)


@dataclass(frozen=True, kw_only=True)
class Lesson(Learned):
    """What became of a turn, and what was measured on the way."""

    repeated: bool = False
    """It had been taken in before; nothing changed."""
    reading: Reading = field(default_factory=Reading)
    surprise: float | None = None
    resonance: float | None = None
    congruence: float | None = None
    importance: float = 0.0
    patterns_created: int = 0
    patterns_reinforced: int = 0
    settled: tuple[tuple[UUID, UUID], ...] = ()
    """(the memory that was given up, the one that holds)"""
    disputed: int = 0
    """Contradictions that stay."""
    rounds: int = 0
    """Times that coherence was checked."""


@dataclass(frozen=True, kw_only=True)
class Impression:
    """What a turn is, before anything of it is stored."""

    reading: Reading
    analysis: Analysis
    surprise: float | None
    echo: Echo
    congruence: float | None
    relevance: float
    importance: float


def experience_of(lived: Lived, feedback: float | None, at: datetime, memory_ids: Sequence[UUID] = ()) -> Experience:
    """A turn as an experience that is not stored yet."""
    return Experience(
        id=_UNNAMED, input=fitting(lived.input), output=fitting(lived.output), feedback=feedback,
        context=_context(lived), memory_ids=tuple(memory_ids), occurred_at=at, consolidated_at=None,
    )  # fmt: skip


async def impression(
    space: MemorySpace,
    lived: Lived,
    at: datetime,
    *,
    feedback: float | None,
    goals: Sequence[tuple[str, float]],
    reader: AffectReader,
) -> Impression:
    """Steps 1 to 3: take the turn in, analyse its patterns, compare them with what is known.

    Args:
        space: whose memories answer.
        lived: the turn.
        at: when it was.
        feedback: how it went, -1 to 1, where somebody said.
        goals: (text, priority) of each open goal.
        reader: reads feelings.
    """
    said, answered = await reader.read(lived.input), await reader.read(lived.output)
    felt = together([(said, 1.0), (answered, _REPLY_FEELING), (appraised(feedback), 1.0)])
    analysis = analyse(experience_of(lived, feedback, at), Matcher(await space.patterns(limit=KNOWN_PATTERNS)))
    surprised = surprise.surprise(analysis.strengths)
    traces: list[Trace] = []
    asked = fitting(lived.input, _ASKED)
    if asked.strip():
        found = await space.retrieve(Query(text=asked, arms=[Arm.VECTOR], limit=TRACES, touch=False))
        traces = [
            Trace(similarity=hit.why.arms[0].score, emotion=_felt(hit.memory))
            for hit in found.hits
            # Of a turn that is handed over again, its own memories are there already: they would echo themselves.
            if hit.memory.provenance.get("turn") != lived.key
        ]
    echoed = resonance.echo(traces)
    words = stems(lived.input)
    relevance = max((priority * overlap(stems(text), words) for text, priority in goals), default=0.0)
    return Impression(
        reading=felt,
        analysis=analysis,
        surprise=surprised,
        echo=echoed,
        congruence=resonance.congruence(echoed.feeling, felt),
        relevance=relevance,
        importance=surprise.importance(
            surprised=surprised, arousal=felt.emotion.arousal * felt.confidence, relevance=relevance
        ),
    )


async def store(
    space: MemorySpace, lived: Lived, seen: Impression, at: datetime, extractor: Extractor | None
) -> tuple[list[UUID], UUID | None]:
    """The first half of step 8, done early so that a kill in the middle loses nothing: encode the turn.

    What was only recalled is not encoded again: an answer that says little beside what was recalled for it is left
    out, or every mention would make a memory stronger and more frequent.

    Returns:
        The ids of its memories, and of the answer's where it was stored.
    """
    recalled = await space.get(lived.recalled)
    known = frozenset[str]().union(*(stems(one.content) for one in recalled), stems(lived.input))
    new = [_episode(lived, seen, at)] if lived.input.strip() else []
    answer = stems(lived.output)
    replied = bool(lived.output.strip()) and not (recalled and taken_up(answer, known) >= _ECHOED)
    if replied:
        new.append(_reply(lived, seen, at))
    facts = [(one.text, one.attribute, one.value) for one in statements.facts_in(lived.input)]
    if extractor is not None:
        facts += [
            (one.text, one.attribute, one.value)
            for one in grounded(await extractor.extract(lived.input), lived.input)
            if (one.attribute, one.value) not in {(attribute, value) for _, attribute, value in facts}
        ]
    try:
        made = [one.id for one in await space.encode(new)]
    except IdempotencyConflictError:
        # It was cut off after this and is handed over again; what it measures has moved on meanwhile.
        made = [one.id for one in await stored(space, lived) if one.kind is MemoryKind.EPISODIC]
    answer_id = made[-1] if replied and len(made) == len(new) else None
    if facts and made:
        made += [one.id for one in await space.encode([_fact(lived, one, made[0], at) for one in facts])]
    return made, answer_id


async def stored(space: MemorySpace, lived: Lived) -> list[Memory]:
    """The memories that a turn was encoded as, in the order of their making."""
    latest = await space.recent(session=lived.conversation or None, limit=_RECENT)
    return sorted((one for one in latest if one.provenance.get("turn") == lived.key), key=lambda one: one.id)


async def buffer(
    space: MemorySpace, lived: Lived, feedback: float | None, at: datetime, memory_ids: Sequence[UUID]
) -> UUID | None:
    """Put the turn into the experience buffer; None where it is there, from a time when its memories were others."""
    try:
        return await space.record_experience(
            NewExperience(
                input=fitting(lived.input) if lived.input.strip() else "\u2026",
                output=fitting(lived.output),
                feedback=feedback,
                context=_context(lived),
                memory_ids=list(dict.fromkeys([*memory_ids, *lived.recalled])),
                occurred_at=at,
                idempotency_key=_key(lived, "lived"),
            )
        )
    except IdempotencyConflictError:
        # One of them was merged or forgotten before the turn was handed over again.
        return None


def experience_key(key: str) -> str:
    """The idempotency key of the experience that a turn with this key becomes."""
    return _named(key, "lived")


async def reinforce(space: MemorySpace, lived: Lived, answer_id: UUID | None) -> list[UUID]:
    """Step 4b for memories: what was recalled is kept from fading, what was used is tied to the answer it served.

    Used is what half of whose words stand in the answer: measured, and not taken for granted since it was recalled.

    Returns:
        What was recalled and is still there.
    """
    there = [one for one in await space.get(lived.recalled) if one.state is MemoryState.LIVE]
    recalled = [one.id for one in there]
    await space.touch(recalled)
    if answer_id is not None:
        answer = stems(lived.output)
        used = [one.id for one in there if taken_up(stems(one.content), answer) >= _USED and one.id != answer_id]
        await space.associate(
            [
                NewAssociation(source=one, target=answer_id, kind=AssociationKind.ENABLES, weight=_USE_WEIGHT)
                for one in used
            ]
        )
    return recalled


async def consolidate(space: MemorySpace, *, most: int) -> ConsolidationReport:
    """Steps 4 and 5: new patterns are made, known ones reinforced; memories are merged, linked, marked, promoted.

    Args:
        space: whose memories.
        most: memories that are examined, the longest waiting first.
    """
    matcher = Matcher(await space.patterns(limit=KNOWN_PATTERNS))

    def extract(experience: Experience) -> Sequence[Observation]:
        return analyse(experience, matcher).observations

    with span("consolidation") as told:
        report = await space.consolidate(ConsolidationPolicy(extract=extract, limit=most))
        told(
            examined=report.examined,
            merged=len(report.merged),
            linked=report.linked,
            patterns=report.patterns_created + report.patterns_reinforced,
        )
    return report


async def cohere(space: MemorySpace) -> tuple[list[tuple[UUID, UUID]], int, int]:
    """Steps 6 and 7: check coherence, resolve contradictions, check again, until nothing more can be resolved.

    Returns:
        (given up, kept) of each, how many contradictions stay, and how often coherence was checked.
    """
    done: list[tuple[UUID, UUID]] = []
    left, rounds = 0, 0
    with span("coherence") as told:
        while rounds < ROUNDS:
            rounds += 1
            open_ones = await space.disputes()
            plan = _plan(open_ones)
            left = plan.left
            if not plan.rejected:
                break
            await space.give_up(
                [
                    GivenUp(loser=loser, winner=winner, reason=f"contradicted by {winner}, which has more behind it")
                    for loser, winner in plan.rejected
                ]
            )
            done += plan.rejected
        told(settled=len(done), disputed=left)
    return done, left, rounds


def fitting(text: str, most_bytes: int = Limits().content_bytes) -> str:
    """As much of a text as a memory can hold."""
    return text.replace("\x00", "").encode("utf-8", "replace")[:most_bytes].decode("utf-8", "ignore")


def _plan(found: Disputes) -> coherence.Settled[UUID]:
    constraints = [
        coherence.Constraint(one.source, one.target, one.weight, one.kind is not AssociationKind.CONTRADICTS)
        for one in found.bonds
    ]
    held = {one.source for one in found.bonds if one.source_held} | {
        one.target for one in found.bonds if one.target_held
    }
    evidence = {one.id: coherence.support(one.sources) for one in found.memories}
    return coherence.settle(constraints, held, evidence, margin=_MARGIN)


def _context(lived: Lived) -> dict[str, str]:
    found = {"model": lived.model, "speaker": lived.speaker}
    return {key: fitting(value, 256) for key, value in found.items() if value}


def _felt(memory: Memory) -> Emotion:
    return Emotion(
        valence=memory.valence, arousal=memory.arousal, dominance=memory.dominance, complexity=memory.complexity
    )


def _key(lived: Lived, part: str) -> str:
    return _named(lived.key, part)


def _named(key: str, part: str) -> str:
    plain = f"turn-{key}-{part}"
    return plain if len(plain) <= Limits().tag_characters else f"turn-{hashlib.sha256(plain.encode()).hexdigest()}"


def _provenance(lived: Lived, **more: str) -> dict[str, str]:
    return {"from": "conversation", "turn": lived.key, **more}


def _episode(lived: Lived, seen: Impression, at: datetime) -> NewMemory:
    share, felt = seen.reading.confidence, seen.reading.emotion
    return NewMemory(
        content=fitting(lived.input), context=beside(at, lived.before), importance=seen.importance,
        valence=share * felt.valence,
        arousal=share * felt.arousal, dominance=share * felt.dominance, complexity=share * felt.complexity,
        source=lived.speaker, session=lived.conversation, occurred_at=at, provenance=_provenance(lived),
        idempotency_key=_key(lived, "said"),
    )  # fmt: skip


def _reply(lived: Lived, seen: Impression, at: datetime) -> NewMemory:
    # What was asked finds the answer too; the answer matters less than what somebody said.
    asked = Said(speaker=lived.speaker, text=lived.input)
    return NewMemory(
        content=fitting(lived.output), context=beside(at, [*lived.before, asked]), importance=seen.importance / 2,
        source=lived.model, session=lived.conversation, occurred_at=at, tags=[REPLY],
        provenance=_provenance(lived, role="assistant"), idempotency_key=_key(lived, "answered"),
    )  # fmt: skip


def _fact(lived: Lived, fact: tuple[str, str, str], episode: UUID, at: datetime) -> NewMemory:
    text, attribute, value = fact
    return NewMemory(
        content=text, context=beside(at, lived.before), kind=MemoryKind.SEMANTIC, importance=_FACT_IMPORTANCE,
        source=lived.speaker,
        session=lived.conversation, occurred_at=at, source_ids=[str(episode)], tags=[STATED],
        provenance=_provenance(lived, role="fact"),
        metadata={"subject": lived.speaker or "the person", "attribute": attribute, "value": value},
        idempotency_key=_key(lived, f"{attribute}={value}"),
    )  # fmt: skip
