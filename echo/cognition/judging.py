"""Judgements of answers: the memories that went into one, its experience, the feeling and quality that follow."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from echo.cognition import lesson
from echo.cognition.condition import condition_of
from echo.cognition.emotion import Tempo, appraised, moved_by
from echo.cognition.patterns import Matcher, analyse
from echo.cognition.wording import stems, taken_up
from echo.memory import (
    Advanced,
    Experience,
    ForeignTurnError,
    Judged,
    Judgement,
    Limits,
    Memory,
    MemorySpace,
    Observation,
    Snapshot,
    UnknownTurnError,
)
from echo.mind import Lived, Verdict

_MOST = 512


async def judge(space: MemorySpace, verdict: Verdict, now: datetime, tempo: Tempo) -> Judged:
    """Take what somebody says of an answer; see :meth:`echo.cognition.Mind.judge`."""

    def own(memory: Memory) -> bool:
        return memory.provenance.get("turn") == verdict.key

    matcher = Matcher(await space.patterns(limit=lesson.KNOWN_PATTERNS))
    judgement = await judgement_of(
        space,
        verdict,
        await space.experience_of_key(lesson.experience_key(verdict.key)),
        own=own,
        answers=lambda one: own(one) and lesson.REPLY in one.tags,
        observe=lambda experience: analyse(experience, matcher).observations,
    )
    judged = await space.judge(judgement)
    quality = await space.quality()

    def change(latest: Snapshot | None) -> Advanced | None:
        mark = f"{verdict.key}/judged/{judged.revision}"
        before = condition_of(latest, now)
        if before.knows(mark):
            return None
        felt = appraised(verdict.value)
        before = before.until(now, tempo)
        after = replace(
            before,
            feeling=moved_by(before.feeling, felt, tempo),
            felt=before.felt or felt.confidence > 0,
            quality=quality,
        )
        return after.knowing(mark).kept("judged")

    await space.advance_state(change)
    return judged


async def judge_late(space: MemorySpace, lived: Lived, now: datetime, tempo: Tempo) -> None:
    """Bring a judgement that came before its turn was learned from to what was learned."""
    if len(lived.key) > Limits().tag_characters:
        # Nobody can have named it.
        return
    said = await space.judgement(lived.key)
    if said is None or said.experience is not None:
        return
    verdict = Verdict(
        key=lived.key, value=said.value, by=lived.speaker, reason=said.reason, conversation=said.conversation
    )
    # Its memories may have been purged in between.
    with contextlib.suppress(UnknownTurnError):
        await judge(space, verdict, now, tempo)


async def judgement_of(
    space: MemorySpace,
    verdict: Verdict,
    experience: Experience | None,
    *,
    own: Callable[[Memory], bool],
    answers: Callable[[Memory], bool],
    observe: Callable[[Experience], Sequence[Observation]],
) -> Judgement:
    """Gather what a verdict is about.

    Args:
        space: whose memories.
        verdict: what was said.
        experience: that was made of the turn, where there is one.
        own: whether a memory was made of the turn, rather than recalled for it ...
        answers: ... and is the answer.
        observe: finds the regularities of an experience.

    Raises:
        UnknownTurnError: nothing is known of the turn.
        ForeignTurnError: the answer was given to somebody else.
    """
    answer = verdict.answer
    if experience is None and answer is None:
        raise UnknownTurnError(repr(verdict.key))
    named: list[UUID] = [] if answer is None else list(answer.recalled)
    memories = await space.get(list(dict.fromkeys([*named, *(experience.memory_ids if experience else ())]))[:_MOST])
    given_to = {one.source for one in memories if own(one) and not answers(one)}
    if answer is not None:
        given_to.add(answer.owner)
    if experience is not None and (speaker := experience.context.get("speaker")) is not None:
        given_to.add(str(speaker))
    if given_to and given_to != {verdict.by}:
        raise ForeignTurnError
    said = experience.output if experience is not None else answer.content if answer is not None else ""
    return Judgement(
        turn=verdict.key,
        value=verdict.value,
        reason=verdict.reason,
        conversation=verdict.conversation,
        experience=None if experience is None else experience.id,
        shares=dict(_shares(memories, said, own, answers)),
        observations=[] if experience is None else observe(experience),
    )


def _shares(
    memories: Iterable[Memory], said: str, own: Callable[[Memory], bool], answers: Callable[[Memory], bool]
) -> Iterable[tuple[UUID, float]]:
    """How much of each memory went into an answer: the answer's own memory whole, what was said to it not at all."""
    words = stems(said)
    for one in memories:
        if not own(one):
            yield one.id, taken_up(stems(one.content), words)
        elif answers(one):
            yield one.id, 1.0
