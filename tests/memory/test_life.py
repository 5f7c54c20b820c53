"""Pages, revisions, the graph to look at, goals, conversations, states over time; each bound to its space."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from echo.driver import connect
from echo.memory import (
    AssociationKind,
    ForeignConversationError,
    GoalState,
    InvalidInputError,
    Keeping,
    MemoryKind,
    MemorySpace,
    MemoryStore,
    NewAssociation,
    NewMemory,
    NewTurn,
    OverviewRequest,
    PageRequest,
    Query,
    Recalled,
    Revision,
    UnknownConversationError,
    UnknownGoalError,
    UnknownMemoryError,
)
from tests.memory.conftest import START, SetClock, Urls

pytestmark = pytest.mark.anyio


async def test_pages_meet_each_memory_once_latest_first(space: MemorySpace) -> None:
    """Also where several happened at one time."""
    times = [START + timedelta(minutes=i // 3) for i in range(10)]
    made = await space.encode([NewMemory(content=f"n{i}", occurred_at=at) for i, at in enumerate(times)])
    found: list[UUID] = []
    cursor = ""
    while True:
        page = await space.page(PageRequest(limit=4, cursor=cursor))
        found += [one.id for one in page.memories]
        if not (cursor := page.next):
            break
    order = sorted(zip(times, [one.id for one in made], strict=True), reverse=True)
    assert found == [one for _, one in order]


async def test_pages_filter_and_letters_are_only_themselves(space: MemorySpace) -> None:
    await space.encode(
        [
            NewMemory(content="100% sure", kind=MemoryKind.SEMANTIC, tags=["a", "b"]),
            NewMemory(content="100 percent_sure", tags=["a"]),
        ]
    )
    for request, number in (
        (PageRequest(contains="100%"), 1),
        (PageRequest(contains="T_S"), 1),
        (PageRequest(contains="_"), 1),
        (PageRequest(kinds=[MemoryKind.SEMANTIC]), 1),
        (PageRequest(tags=["a"]), 2),
        (PageRequest(tags=["a", "b"]), 1),
        (PageRequest(until=START), 0),
        (PageRequest(since=START), 2),
    ):
        assert len((await space.page(request)).memories) == number, request
    for bad in ("x", "é", "MjAyNg", "a" * 600, "MjAyNi0wMy0wMSB4"):
        with pytest.raises(InvalidInputError, match="cursor"):
            await space.page(PageRequest(cursor=bad))


async def test_a_revision_moves_words_vector_and_counters(space: MemorySpace) -> None:
    [one] = await space.encode([NewMemory(content="the red kettle")])
    await space.encode([NewMemory(content="something else entirely")])
    changed = await space.revise(one.id, Revision(content="a green teapot of clay", importance=0.9, tags=["t"]))
    assert (changed.content, changed.importance, changed.tags) == ("a green teapot of clay", pytest.approx(0.9), ("t",))
    for words, expected in (("teapot", True), ("kettle", False)):
        hits = (await space.retrieve(Query(text=words))).hits
        assert any(hit.memory.id == one.id and hit.why.words for hit in hits) == expected
    assert (await space.stats()).live == 2
    # What only is said about it leaves the content alone.
    again = await space.revise(one.id, Revision(kind=MemoryKind.PROCEDURAL, valence=-1.0, occurred_at=START))
    assert (again.content, again.kind, again.valence) == ("a green teapot of clay", MemoryKind.PROCEDURAL, -1.0)
    with pytest.raises(UnknownMemoryError):
        await space.revise(uuid4(), Revision(content="x"))
    await space.forget_these([one.id], reason="test")
    with pytest.raises(UnknownMemoryError):
        await space.revise(one.id, Revision(content="x"))
    with pytest.raises(InvalidInputError) as wrong:
        await space.revise(one.id, Revision(content=" ", importance=2))
    assert len(wrong.value.faults) == 2


async def test_counters_follow_a_revision(space: MemorySpace, urls: Urls) -> None:
    """They weigh every word search: a drift would never be seen elsewhere."""
    [one] = await space.encode([NewMemory(content="one two three")])
    await space.revise(one.id, Revision(content="four five six seven eight"))
    connection = await connect(urls.superuser, timeout=30)
    try:
        counted = await connection.fetchrow("SELECT sum(memories) AS memories, sum(words) AS words FROM echo.counters")
        held = await connection.fetchrow("SELECT count(*) AS memories, sum(words) AS words FROM echo.memories")
        stems = await connection.fetch("SELECT stem FROM echo.postings ORDER BY stem")
    finally:
        await connection.close()
    assert counted is not None
    assert held is not None
    assert (counted["memories"], counted["words"]) == (held["memories"], held["words"]) == (1, 5)
    assert [row["stem"] for row in stems] == ["eight", "five", "four", "seven", "six"]


async def test_the_graph_around_something_and_as_it_was(space: MemorySpace, clock: SetClock) -> None:
    made = await space.encode([NewMemory(content=f"chain {i}", importance=i / 10) for i in range(6)])
    ids = [one.id for one in made]
    await space.associate(
        [NewAssociation(source=a, target=b, kind=AssociationKind.CAUSES) for a, b in pairwise(ids[:4])]
    )
    clock.forward(hours=1)
    await space.associate([NewAssociation(source=ids[3], target=ids[4], kind=AssociationKind.PART_OF)])
    near = await space.overview(OverviewRequest(center=ids[0], depth=2))
    assert [one.id for one in near.nodes] == ids[:3]
    assert [(one.source, one.target) for one in near.edges] == [(ids[0], ids[1]), (ids[1], ids[2])]
    far = await space.overview(OverviewRequest(center=ids[0], depth=6))
    assert [one.id for one in far.nodes] == ids[:5]
    only = await space.overview(OverviewRequest(center=ids[0], depth=6, types=[AssociationKind.CAUSES]))
    assert len(only.nodes) == 4
    then = await space.overview(OverviewRequest(center=ids[0], depth=6, until=START + timedelta(minutes=1)))
    assert len(then.nodes) == 4
    best = await space.overview(OverviewRequest(limit=2))
    assert ([one.id for one in best.nodes], best.truncated) == ([ids[5], ids[4]], True)
    found = await space.overview(OverviewRequest(words="chain", depth=0))
    assert len(found.nodes) == 6
    assert (await space.overview(OverviewRequest(words="nothing of it"))).nodes == ()
    with pytest.raises(UnknownMemoryError):
        await space.overview(OverviewRequest(center=uuid4()))


async def test_goals(space: MemorySpace) -> None:
    low = await space.add_goal("rest", priority=0.1)
    high = await space.add_goal("learn", priority=0.9)
    assert [one.id for one in await space.goals()] == [high.id, low.id]
    done = await space.change_goal(high.id, state=GoalState.DONE, progress=1.0)
    assert (done.text, done.state, done.progress) == ("learn", GoalState.DONE, 1.0)
    assert [one.id for one in await space.goals(state=GoalState.OPEN)] == [low.id]
    assert await space.goal(low.id) == low
    await space.drop_goal(low.id)
    for lost in (space.goal(low.id), space.drop_goal(low.id), space.change_goal(low.id, text="x")):
        with pytest.raises(UnknownGoalError):
            await lost
    with pytest.raises(InvalidInputError, match="priority"):
        await space.add_goal("x", priority=2)


async def test_turns_at_once_get_numbers_of_their_own(space: MemorySpace) -> None:
    recalled = Recalled(id=uuid4(), score=0.5, why=("words: a",))
    turns = [
        [
            NewTurn(role="user", content=f"ask {i}", at=START, recalled=[recalled]),
            NewTurn(role="a", content="b", at=START),
        ]
        for i in range(5)
    ]
    await asyncio.gather(*(space.add_turns("talk", pair, model="m") for pair in turns))
    kept, found = await space.conversation("talk")
    assert (kept.turns, kept.model, [one.number for one in found]) == (10, "m", list(range(1, 11)))
    assert found[0].recalled == (recalled,)
    assert len((await space.conversation("talk", limit=3))[1]) == 3
    await space.drop_conversation("talk")
    with pytest.raises(UnknownConversationError):
        await space.conversation("talk")


async def test_a_conversation_goes_on_with_its_owner_alone(store: MemoryStore, space: MemorySpace) -> None:
    """Also when it moved house; in another space the name is free."""
    said = [NewTurn(role="user", content="hello", at=START)]
    await space.add_turns("talk", said, owner="anna")
    assert (await space.add_turns("talk", said, owner="anna")).turns == 2
    for other in ("bob", ""):
        with pytest.raises(ForeignConversationError) as refused:
            await space.add_turns("talk", said, owner=other)
        assert refused.value.status == 403
    assert (await space.conversation("talk"))[0].owner == "anna"
    lines = [line async for line in space.export()]
    await store.create_space("new")
    moved = store.space("new")
    assert (await moved.add_turns("talk", said, owner="bob")).owner == "bob"
    await moved.drop_conversation("talk")
    await moved.import_lines(lines)
    assert (await moved.add_turns("talk", said, owner="anna")).turns == 3
    # An export of before owners were names none: nobody's.
    await moved.drop_conversation("talk")
    await moved.import_lines([line.replace('"owner": "anna", ', "") for line in lines])
    assert (await moved.conversation("talk"))[0].owner == ""
    with pytest.raises(ForeignConversationError):
        await moved.add_turns("talk", said, owner="anna")


async def test_conversations_in_pages(space: MemorySpace, clock: SetClock) -> None:
    for i in range(5):
        clock.forward(minutes=i % 2)
        await space.add_turns(f"c{i}", [NewTurn(role="user", content=f"  hello\n{i}", at=clock())])
    first = await space.conversations(limit=3)
    second = await space.conversations(limit=3, cursor=first.next)
    names = [one.id for one in (*first.conversations, *second.conversations)]
    assert sorted(names) == [f"c{i}" for i in range(5)]
    assert (first.conversations[0].title, second.next) == ("hello 3", "")


async def test_states_over_time_are_thinned_evenly_and_end_with_the_last(space: MemorySpace, clock: SetClock) -> None:
    for i in range(20):
        await space.save_state({"i": i})
        clock.forward(minutes=1)
    whole = await space.states_between()
    assert [one.content["i"] for one in whole] == list(range(20))
    thin = [one.content["i"] for one in await space.states_between(points=5)]
    assert len(thin) == 5
    assert thin[-1] == 19
    assert {b - a for a, b in pairwise(thin)} == {4}
    part = await space.states_between(since=START + timedelta(minutes=3), until=START + timedelta(minutes=6))
    assert [one.content["i"] for one in part] == [3, 4, 5]


async def test_old_states_are_thinned_to_the_last_of_each_hour_and_day(
    store: MemoryStore, space: MemorySpace, clock: SetClock
) -> None:
    """Those of another space stay, and so do the last two, however old; a second time nothing goes."""
    keeping = Keeping(whole=timedelta(days=1), hourly=timedelta(days=2), daily=timedelta(days=4))
    await store.create_space("away")
    for i in range(24 * 6 * 2):
        await space.save_state({"i": i})
        if i % 24 == 0:
            await space.save_identity({"i": i})
            await store.space("away").save_state({"i": i})
        clock.forward(minutes=30)
    gone = await space.thin_snapshots(keeping)
    kept = await space.states(limit=1_000)
    ages = [(clock.now - one.taken_at) / timedelta(hours=1) for one in kept]
    # From noon to noon: 48 of the last day, 24 or 25 hours before it, then the last of two or three days.
    assert len([age for age in ages if age <= 24]) == 48
    assert {one.taken_at.minute for one in kept if 24 < (clock.now - one.taken_at) / timedelta(hours=1) <= 48} == {30}
    assert len([age for age in ages if 24 < age <= 48]) == 24
    assert [one.taken_at.hour for one in kept if (clock.now - one.taken_at) / timedelta(hours=1) > 49] == [23, 23]
    assert max(ages) <= 96
    assert gone > 200
    assert await space.thin_snapshots(keeping) == 0
    assert len(await store.space("away").states(limit=100)) == 12
    clock.forward(days=365)
    await space.thin_snapshots(keeping)
    assert [one.content["i"] for one in await space.states(limit=100)] == [287, 286]
    assert len(await space.identities(limit=100)) == 2
    with pytest.raises(InvalidInputError, match="keeping"):
        await space.thin_snapshots(Keeping(whole=timedelta(days=9), hourly=timedelta(days=1)))


async def test_goals_and_conversations_move_house_and_stay_in_it(store: MemoryStore, space: MemorySpace) -> None:
    goal = await space.add_goal("arrive")
    await space.add_turns("talk", [NewTurn(role="user", content="hello", at=START)], model="m")
    lines = [line async for line in space.export()]
    await store.create_space("new")
    other = store.space("new")
    assert (await other.goals(), (await other.conversations()).conversations) == ([], ())
    with pytest.raises(UnknownGoalError):
        await other.change_goal(goal.id, text="mine")
    for _ in range(2):
        await other.import_lines(lines)
        assert await other.goals() == [goal]
        assert await other.conversation("talk") == await space.conversation("talk")
    await other.delete()
    assert await space.goals() == [goal]
