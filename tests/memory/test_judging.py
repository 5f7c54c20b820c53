"""Judgements of answers on a real PostgreSQL: what they move, once, and how they are taken back."""

from __future__ import annotations

from uuid import UUID

import pytest

from echo.memory import (
    ConsolidationPolicy,
    Judgement,
    Memory,
    MemorySpace,
    MemoryStore,
    NewExperience,
    NewMemory,
    NewTurn,
    Observation,
    PatternKind,
    Recalled,
    UnknownConversationError,
    UnknownTurnError,
)
from tests.memory.conftest import SetClock

pytestmark = pytest.mark.anyio

SEEN = [Observation(kind=PatternKind.SEMANTIC, signature="topic: kettle", feedback=0.3)]


async def made(space: MemorySpace, *contents: str, importance: float = 0.5) -> list[UUID]:
    return [one.id for one in await space.encode([NewMemory(content=each, importance=importance) for each in contents])]


async def seen(space: MemorySpace, ids: list[UUID]) -> list[tuple[float, float]]:
    return [(one.strength, one.importance) for one in await space.get(ids)]


async def experience(space: MemorySpace, ids: list[UUID]) -> UUID:
    return await space.record_experience(
        NewExperience(input="Where is the kettle?", output="On the left.", memory_ids=ids, idempotency_key="turn-1")
    )


async def test_praise_and_blame_move_by_the_share_in_the_answer(space: MemorySpace) -> None:
    ids = await made(space, "The kettle is on the left.", "The cups are on the right.", "It rained.")
    blamed = await space.judge(Judgement(turn="t1", value=-1, shares={ids[0]: 1.0, ids[1]: 0.5, ids[2]: 0.0}))
    assert (blamed.changed, blamed.revision, len(blamed.memories)) == (True, 1, 3)
    # 1 - 0.3 and 0.5 + 0.1 (0.2 - 0.5); half of both; nothing.
    assert await seen(space, ids) == [
        pytest.approx((0.7, 0.47)), pytest.approx((0.85, 0.485)), (1.0, 0.5)
    ]  # fmt: skip
    praised = await space.judge(Judgement(turn="t2", value=1, shares={ids[0]: 1.0}))
    assert praised.memories[0].strength == pytest.approx(0.7 + 0.3 * 0.3)
    assert (await space.get(ids[:1]))[0].access_count == 0


async def test_the_same_again_changes_nothing_and_the_last_word_counts(space: MemorySpace) -> None:
    ids = await made(space, "The kettle is on the left.", "The cups are on the right.")
    other = await made(space, "The spoons are below.", "The forks are above.")
    first = Judgement(turn="t1", value=-0.8, shares=dict.fromkeys(ids, 1.0), reason="wrong side")
    assert (await space.judge(first)).changed
    after = await seen(space, ids)
    again = await space.judge(first)
    assert (again.changed, again.revision, [(m.strength, m.importance) for m in again.memories]) == (False, 1, after)
    turned = await space.judge(Judgement(turn="t1", value=0.4, shares=dict.fromkeys(ids, 1.0), reason=""))
    assert (turned.changed, turned.revision) == (True, 2)
    await space.judge(Judgement(turn="t2", value=0.4, shares=dict.fromkeys(other, 1.0)))
    assert await seen(space, ids) == [pytest.approx(one) for one in await seen(space, other)]
    held = await space.judgement("t1")
    assert held is not None
    assert (held.value, held.reason) == (pytest.approx(0.4), "")


async def test_what_is_named_later_is_taken_in_then(space: MemorySpace) -> None:
    ids = await made(space, "The kettle is on the left.", "Look on the left.")
    await space.judge(Judgement(turn="t1", value=-1, shares={ids[0]: 1.0}))
    before = await seen(space, ids)
    named = await experience(space, ids)
    late = await space.judge(
        Judgement(turn="t1", value=-1, shares=dict.fromkeys(ids, 1.0), experience=named, observations=SEEN)
    )
    assert (late.changed, late.revision) == (True, 1)
    now = await seen(space, ids)
    assert now[0] == before[0]
    assert now[1][0] < before[1][0]
    assert (await space.experiences())[0].feedback == -1


async def test_what_was_learned_already_is_corrected_by_the_difference(space: MemorySpace) -> None:
    ids = await made(space, "The kettle is on the left.")
    named = await experience(space, ids)
    await space.consolidate(ConsolidationPolicy(extract=lambda _: SEEN))
    [before] = await space.patterns()
    # Nobody said anything, so it counted with 0.3.
    assert (before.strength, before.frequency) == (pytest.approx(0.3), 1)
    blame = Judgement(turn="turn-1", value=-1, experience=named, observations=SEEN)
    assert (await space.judge(blame)).patterns == 1
    [after] = await space.patterns()
    assert after.strength == pytest.approx(0.3 + 0.1 * (-1 - 0.3))
    assert after.confidence == pytest.approx(1 / 3)
    assert after.frequency == 1
    assert (await space.judge(blame)).patterns == 0
    assert await space.patterns() == [after]
    praise = Judgement(turn="turn-1", value=1, experience=named, observations=SEEN)
    await space.judge(praise)
    [turned] = await space.patterns()
    assert turned.strength == pytest.approx(0.3 + 0.1 * (1 - 0.3))
    assert turned.confidence == pytest.approx(2 / 3)
    found = await space.experience_of_key("turn-1")
    assert found is not None
    assert (found.id, found.feedback) == (named, 1)


async def test_what_waits_to_be_learned_from_counts_as_it_was_judged(space: MemorySpace) -> None:
    named = await experience(space, await made(space, "The kettle is on the left."))
    await space.judge(Judgement(turn="turn-1", value=0.9, experience=named, observations=SEEN))
    assert await space.patterns() == []
    await space.consolidate(
        ConsolidationPolicy(
            extract=lambda one: [Observation(kind=PatternKind.SEMANTIC, signature="t", feedback=one.feedback or 0.0)]
        )
    )
    assert [one.strength for one in await space.patterns()] == [pytest.approx(0.9)]


async def test_quality_is_the_running_mean_of_the_last_word_on_each_answer(space: MemorySpace, clock: SetClock) -> None:
    assert await space.quality() is None
    for turn, value in (("a", 1.0), ("b", -1.0), ("a", 0.0)):
        clock.forward(minutes=1)
        await space.judge(Judgement(turn=turn, value=value))
    # b, then a, as it was judged last.
    assert await space.quality() == pytest.approx(-1 + 0.2 * (0 - -1))


async def conversed(space: MemorySpace, clock: SetClock, ids: list[UUID]) -> None:
    recalled = [Recalled(id=one, score=0.5, why=("text",)) for one in ids]
    for request in ("r1", "r2"):
        turns = [
            NewTurn(role="user", content="Where?", at=clock.now, recalled=recalled, request=request),
            NewTurn(role="assistant", content="There.", at=clock.now, request=request),
        ]
        await space.add_turns("c1", turns, model="m", owner="anna")


async def test_an_answer_is_named_by_its_number_or_that_of_its_question(space: MemorySpace, clock: SetClock) -> None:
    ids = await made(space, "The kettle is on the left.")
    await conversed(space, clock, ids)
    named = [await space.answer("c1", number=one) for one in (1, 2, 3, 4, None)]
    assert [(one.number, one.request) for one in named] == [(2, "r1"), (2, "r1"), (4, "r2"), (4, "r2"), (4, "r2")]
    assert {(one.owner, one.content, one.recalled) for one in named} == {("anna", "There.", tuple(ids))}
    with pytest.raises(UnknownTurnError):
        await space.answer("c1", number=5)
    with pytest.raises(UnknownConversationError):
        await space.answer("c2")
    # Kept before answers could be judged.
    await space.add_turns("old", [NewTurn(role="assistant", content="There.", at=clock.now)])
    with pytest.raises(UnknownTurnError):
        await space.answer("old")


async def test_turns_tell_what_was_said_of_them_until_they_are_deleted(space: MemorySpace, clock: SetClock) -> None:
    await conversed(space, clock, await made(space, "The kettle is on the left."))
    await space.judge(Judgement(turn="r2", value=1, conversation="c1"))
    _, turns = await space.conversation("c1")
    assert [one.judged for one in turns] == [None, None, None, 1]
    await space.drop_conversation("c1")
    assert await space.judgement("r2") is None


async def test_a_purge_takes_what_was_said_of_what_was_made_of_it(space: MemorySpace) -> None:
    ids = await made(space, "The kettle is on the left.")
    named = await experience(space, ids)
    await space.judge(
        Judgement(turn="turn-1", value=-1, shares={ids[0]: 1.0}, experience=named, reason="not for all to know")
    )
    await space.purge(ids, reason="asked for")
    assert await space.judgement("turn-1") is None
    assert await space.experience_of_key("turn-1") is None


@pytest.fixture
async def other(store: MemoryStore) -> MemorySpace:
    await store.create_space("other")
    return store.space("other")


async def test_another_space_knows_nothing_of_it(space: MemorySpace, other: MemorySpace) -> None:
    ids = await made(space, "The kettle is on the left.")
    await space.judge(Judgement(turn="t1", value=1, shares=dict.fromkeys(ids, 1.0)))
    before = await space.get(ids)
    assert await other.judgement("t1") is None
    assert await other.quality() is None
    theirs = await other.judge(Judgement(turn="t1", value=-1, shares=dict.fromkeys(ids, 1.0)))
    assert theirs.memories == ()
    assert await space.get(ids) == before


async def test_an_export_takes_judgements_along(space: MemorySpace, other: MemorySpace) -> None:
    ids = await made(space, "The kettle is on the left.")
    named = await experience(space, ids)
    said = Judgement(turn="turn-1", value=-1, shares={ids[0]: 1.0}, experience=named, reason="no")
    await space.judge(said)
    await other.import_lines([line async for line in space.export()])
    assert await other.judgement("turn-1") == await space.judgement("turn-1")
    # So the same judgement there moves nothing a second time.
    again = await other.judge(said)
    assert again.changed is False
    there: list[Memory] = await other.get(ids)
    assert [(one.strength, one.importance) for one in there] == await seen(space, ids)
