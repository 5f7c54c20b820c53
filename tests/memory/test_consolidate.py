"""Consolidation: repeats change nothing, what is merged is kept, newer facts supersede, retrieval gets no worse."""

from __future__ import annotations

import asyncio

import pytest

from echo.memory import (
    Arm,
    AssociationKind,
    ForgettingAction,
    MemoryKind,
    MemorySpace,
    MemoryState,
    NewAssociation,
    NewExperience,
    NewMemory,
    PatternKind,
    Query,
    Tier,
    WalkRequest,
)
from tests.memory.conftest import SetClock

pytestmark = pytest.mark.anyio


def _fact(content: str, **fields: object) -> NewMemory:
    return NewMemory(content=content, kind=MemoryKind.SEMANTIC, **fields)  # pyright: ignore[reportArgumentType]


async def test_a_near_duplicate_is_merged_with_its_history_kept(space: MemorySpace, clock: SetClock) -> None:
    first, friend = await space.encode(
        [
            NewMemory(content="The kettle is in the left cupboard.", tags=["a"], source_ids=["1"], importance=0.2),
            NewMemory(content="Tea needs boiling water"),
        ]
    )
    clock.forward(minutes=5)
    [again] = await space.encode(
        [NewMemory(content="The kettle is in the left cupboard!", tags=["b"], source_ids=["2"], importance=0.7)]
    )
    await space.associate([NewAssociation(source=again.id, target=friend.id, kind=AssociationKind.ENABLES)])
    report = await space.consolidate()
    assert report.merged == ((again.id, first.id),)
    kept, gone = await space.get([first.id, again.id])
    assert (kept.tags, kept.source_ids, kept.importance) == (("a", "b"), ("1", "2"), pytest.approx(0.7))
    assert (gone.state, gone.merged_into, gone.content) == (
        MemoryState.MERGED, first.id, "The kettle is in the left cupboard!",
    )  # fmt: skip
    assert [one.id for one in await space.history(first.id)] == [again.id]
    assert [step.id for step in (await space.walk(WalkRequest(starts=[first.id], depth=1))).steps] == [friend.id]
    hits = (await space.retrieve(Query(text="kettle cupboard", arms=[Arm.TEXT, Arm.VECTOR]))).hits
    assert [hit.memory.id for hit in hits][:1] == [first.id]
    assert again.id not in {hit.memory.id for hit in hits}
    [entry] = await space.forgetting_log(memory_id=again.id)
    assert entry.action is ForgettingAction.MERGED
    assert str(first.id) in entry.reason


async def test_a_number_or_a_denial_is_no_duplicate(space: MemorySpace) -> None:
    await space.encode(
        [NewMemory(content="The train to Bonn leaves at 7"), NewMemory(content="The train to Bonn leaves at 8")]
    )
    await space.encode(
        [NewMemory(content="The door is locked at night"), NewMemory(content="The door is not locked at night")]
    )
    report = await space.consolidate()
    assert (report.merged, report.contradictions) == ((), ())
    assert (await space.stats()).live == 4


async def test_a_newer_fact_supersedes(space: MemorySpace, clock: SetClock) -> None:
    [old] = await space.encode([_fact("The train to Bonn leaves at 7", source="timetable")])
    clock.forward(days=1)
    [new] = await space.encode([_fact("The train to Bonn leaves at 8", source="timetable")])
    report = await space.consolidate()
    assert report.contradictions == ((old.id, new.id),)
    was, now = await space.get([old.id, new.id])
    assert (was.valid_to, was.state, now.valid_to, now.supersedes) == (clock.now, MemoryState.LIVE, None, old.id)
    found = await space.retrieve(Query(text="when does the train to Bonn leave?"))
    assert [hit.memory.id for hit in found.hits] == [new.id]
    edges = (await space.walk(WalkRequest(starts=[new.id], kinds=[AssociationKind.CONTRADICTS]))).edges
    assert [(edge.source, edge.target) for edge in edges] == [(new.id, old.id)]


async def test_a_fact_that_was_true_earlier_does_not_supersede(space: MemorySpace, clock: SetClock) -> None:
    [new] = await space.encode([_fact("The train to Bonn leaves at 8")])
    later = clock.now
    clock.forward(days=1)
    [told] = await space.encode([_fact("The train to Bonn leaves at 7", occurred_at=later.replace(year=2020))])
    assert (await space.consolidate()).contradictions == ((told.id, new.id),)


async def test_facts_by_subject_and_attribute(space: MemorySpace, clock: SetClock) -> None:
    def lives(place: str) -> NewMemory:
        return _fact(f"Anna lives in {place}", metadata={"subject": "Anna", "attribute": "home", "value": place})

    [old] = await space.encode([lives("Bonn")])
    clock.forward(days=1)
    [new] = await space.encode([lives("Kiel")])
    assert (await space.consolidate()).contradictions == ((old.id, new.id),)


async def test_two_sources_that_disagree_are_marked_and_left(space: MemorySpace) -> None:
    one, other = await space.encode(
        [_fact("The shop opens at 9", source="anna"), _fact("The shop opens at 10", source="bert")]
    )
    assert (await space.consolidate()).contradictions == ()
    edges = (await space.walk(WalkRequest(starts=[one.id], kinds=[AssociationKind.CONTRADICTS]))).edges
    assert len(edges) == 1
    assert [memory.valid_to for memory in await space.get([one.id, other.id])] == [None, None]


async def test_tiers(space: MemorySpace, clock: SetClock) -> None:
    plain, weighty, used = await space.encode(
        [NewMemory(content="plain"), NewMemory(content="weighty", importance=0.6), NewMemory(content="used")]
    )

    async def tiers() -> list[Tier]:
        return [memory.tier for memory in await space.get([plain.id, weighty.id, used.id])]

    await space.consolidate()
    assert await tiers() == [Tier.WORKING] * 3
    clock.forward(hours=1)
    await space.touch([used.id])
    await space.touch([used.id])
    assert (await space.consolidate()).promoted[Tier.SHORT_TERM] == 3
    assert await tiers() == [Tier.SHORT_TERM] * 3
    clock.forward(days=1)
    assert (await space.consolidate()).promoted[Tier.LONG_TERM] == 2
    assert await tiers() == [Tier.SHORT_TERM, Tier.LONG_TERM, Tier.LONG_TERM]


async def test_turns_of_a_session_follow_each_other(space: MemorySpace, clock: SetClock) -> None:
    ids: list[object] = []
    for text in ("first we met", "then we talked", "finally we left"):
        clock.forward(minutes=1)
        ids += [one.id for one in await space.encode([NewMemory(content=text, session="s")])]
    await space.consolidate()
    walked = await space.walk(WalkRequest(starts=[ids[0]], kinds=[AssociationKind.FOLLOWS], depth=2))  # pyright: ignore[reportArgumentType]
    assert [(edge.source, edge.target) for edge in walked.edges] == [(ids[1], ids[0]), (ids[2], ids[1])]


async def test_repeats_change_nothing_and_a_dry_run_tells_what_would_be(space: MemorySpace, clock: SetClock) -> None:
    await space.encode([_fact(f"The train to Bonn leaves at {hour}", session="s") for hour in (7, 8, 8)])
    await space.record_experience(NewExperience(input="When does the train leave?"))
    clock.forward(hours=2)
    before = [line async for line in space.export()]
    told = await space.consolidate(dry_run=True)
    assert [line async for line in space.export()] == before
    done = await space.consolidate()
    assert (told.merged, told.contradictions, told.linked, told.promoted) == (
        done.merged, done.contradictions, done.linked, done.promoted,
    )  # fmt: skip
    assert done.merged
    after = [line async for line in space.export()]
    again = await space.consolidate()
    assert (again.examined, again.linked, again.merged, again.patterns_reinforced) == (0, 0, (), 0)
    assert [line async for line in space.export()] == after


async def test_several_at_once_do_the_work_once(space: MemorySpace) -> None:
    await space.encode([NewMemory(content="the same again and again") for _ in range(40)])
    reports = await asyncio.gather(*(space.consolidate() for _ in range(4)))
    assert sum(len(report.merged) for report in reports) == 39
    stats = await space.stats()
    assert (stats.live, stats.merged) == (1, 39)


async def test_experiences_become_patterns_once(space: MemorySpace, clock: SetClock) -> None:
    for _ in range(3):
        await space.record_experience(
            NewExperience(input="Where is the kettle?", feedback=1, context={"channel": "voice"}, output="left")
        )
    report = await space.consolidate()
    assert (report.patterns_created, report.patterns_reinforced) == (6, 0)
    assert await space.experiences(waiting=True) == []
    assert len(await space.experiences(waiting=False)) == 3
    patterns = {pattern.signature: pattern for pattern in await space.patterns()}
    assert {pattern.kind for pattern in patterns.values()} == set(PatternKind)
    seen = patterns["channel=voice"]
    assert (seen.frequency, seen.strength, seen.confidence) == (3, 1, pytest.approx(0.8))
    clock.forward(days=2)
    await space.record_experience(
        NewExperience(input="Where is the kettle?", feedback=-1, context={"channel": "voice"})
    )
    again = await space.consolidate()
    assert again.patterns_reinforced == 5
    [weaker] = [pattern for pattern in await space.patterns() if pattern.signature == "channel=voice"]
    assert (weaker.strength, weaker.frequency, weaker.last_seen) == (pytest.approx(0.9), 4, clock.now)


async def test_retrieval_is_no_worse_after_consolidation(space: MemorySpace, clock: SetClock) -> None:
    subjects = ("boiler", "garden", "violin", "passport", "bicycle")
    made = await space.encode(
        [
            NewMemory(content=f"Note {i}: the {subject} was looked after on visit {i}", session=f"s{i}")
            for i, subject in enumerate(subjects * 10)
        ]
    )
    await space.encode([NewMemory(content=f"filler about {i} other things", session="f") for i in range(100)])

    async def recall() -> float:
        found = 0
        for i, subject in enumerate(subjects * 10):
            hits = (await space.retrieve(Query(text=f"the {subject} on visit {i}", touch=False))).hits
            found += made[i].id in {hit.memory.id for hit in hits}
        return found / 50

    before = await recall()
    clock.forward(days=2)
    await space.consolidate()
    assert before > 0.9
    assert await recall() >= before - 0.02
