"""How memories hang together: measured by the database as by the formula, disputes found, beliefs given up once.

The random webs are small; that the query reads every edge, and so takes long in a large space, is said and not judged.
"""

from __future__ import annotations

import asyncio
import random
from uuid import UUID, uuid4

import pytest

from echo.cognition.coherence import Constraint, of_constraints, ratio
from echo.memory import (
    Advanced,
    AssociationKind,
    ForgettingAction,
    GivenUp,
    InvalidInputError,
    MemorySpace,
    NewAssociation,
    NewMemory,
    Query,
    Snapshot,
    UnknownMemoryError,
)
from tests.memory.conftest import SetClock

pytestmark = pytest.mark.anyio

CONTRADICTS, SIMILAR, CAUSES = AssociationKind.CONTRADICTS, AssociationKind.SIMILAR_TO, AssociationKind.CAUSES


async def _memories(space: MemorySpace, count: int) -> list[UUID]:
    return [one.id for one in await space.encode([NewMemory(content=f"belief number {i}") for i in range(count)])]


def _edge(source: UUID, target: UUID, kind: AssociationKind, weight: float = 0.5) -> NewAssociation:
    return NewAssociation(source=source, target=target, kind=kind, weight=weight)


@pytest.mark.parametrize("seed", range(4))
async def test_the_database_measures_what_the_formula_says(space: MemorySpace, seed: int) -> None:
    chance = random.Random(seed)
    ids = await _memories(space, 8)
    edges: dict[tuple[UUID, UUID], NewAssociation] = {}
    for _ in range(20):
        source, target = chance.sample(ids, 2)
        if (target, source) not in edges:
            kind = chance.choice([CONTRADICTS, SIMILAR, CAUSES])
            edges[source, target] = _edge(source, target, kind, chance.choice([0.25, 0.5, 1.0]))
    await space.associate(edges.values())
    lost = chance.sample(ids, 3)
    await space.give_up([GivenUp(loser=one, winner=ids[0], reason="test") for one in lost])
    constraints = [
        Constraint(one.source, one.target, one.weight, one.kind is not CONTRADICTS) for one in edges.values()
    ]
    found = await space.agreement()
    assert ratio(found.satisfied, found.total) == pytest.approx(of_constraints(constraints, set(ids) - set(lost)))


async def test_what_follows_or_is_gone_binds_nothing(space: MemorySpace) -> None:
    one, other, third = await _memories(space, 3)
    await space.associate([_edge(one, other, AssociationKind.FOLLOWS), _edge(one, third, CAUSES)])
    await space.forget_these([third], reason="test")
    found = await space.agreement()
    assert (found.satisfied, found.total, found.disputed) == (0, 0, 0)


async def test_a_pair_that_is_alike_and_contradicts_itself_is_a_contradiction_alone(space: MemorySpace) -> None:
    one, other = await _memories(space, 2)
    await space.associate([_edge(one, other, CONTRADICTS, 1), _edge(other, one, SIMILAR, 0.9)])
    found = await space.agreement()
    assert (found.satisfied, found.total, found.disputed) == (0, 1, 1)
    assert [bond.kind for bond in (await space.disputes()).bonds] == [CONTRADICTS]


async def test_disputes_bring_what_bears_on_them_and_end_when_one_side_is_given_up(
    space: MemorySpace, clock: SetClock
) -> None:
    [strong] = await space.encode([NewMemory(content="the shop opens at nine", source_ids=["1", "2"], importance=0.7)])
    weak, friend, stranger = await _memories(space, 3)
    await space.associate([_edge(strong.id, weak, CONTRADICTS, 1), _edge(strong.id, friend, CAUSES)])
    await space.associate([_edge(friend, stranger, CAUSES)])
    found = await space.disputes()
    assert {(one.id, one.sources) for one in found.memories} == {(strong.id, 2), (weak, 1)}
    assert {(bond.source, bond.target) for bond in found.bonds} == {(strong.id, weak), (strong.id, friend)}
    given = [GivenUp(loser=weak, winner=strong.id, reason="less behind it")]
    assert await space.give_up(given) == 1
    assert await space.give_up(given) == 0
    assert (await space.disputes()).memories == ()
    assert (await space.agreement()).satisfied == (await space.agreement()).total > 0
    [memory] = await space.get([weak])
    assert memory.valid_to == clock.now
    [entry] = await space.forgetting_log(memory_id=weak)
    assert (entry.action, entry.reason) == (ForgettingAction.SUPERSEDED, "less behind it")
    hits = (await space.retrieve(Query(text="belief number 0"))).hits
    assert weak not in {hit.memory.id for hit in hits}


async def test_giving_up_what_is_not_there_changes_nothing(space: MemorySpace) -> None:
    [one] = await _memories(space, 1)
    with pytest.raises(UnknownMemoryError):
        await space.give_up(
            [GivenUp(loser=one, winner=one, reason="x"), GivenUp(loser=uuid4(), winner=one, reason="y")]
        )
    with pytest.raises(InvalidInputError, match=r"given\[0\]\.reason"):
        await space.give_up([GivenUp(loser=one, winner=one, reason=" ")])
    [memory] = await space.get([one])
    assert memory.valid_to is None
    assert await space.give_up([]) == 0


async def test_the_backlog_is_what_waits(space: MemorySpace) -> None:
    await _memories(space, 3)
    before = await space.backlog()
    assert (before.experiences, before.unexamined, before.live) == (0, 3, 3)
    await space.consolidate()
    after = await space.backlog()
    assert (after.unexamined, after.live) == (0, 3)


async def test_a_state_goes_on_from_the_latest_one_and_none_is_lost(space: MemorySpace) -> None:
    def more(latest: Snapshot | None) -> Advanced:
        count = 0 if latest is None else int(latest.content["count"])
        return Advanced(content={"count": count + 1}, coherence=0.5, reason="more")

    assert await space.advance_state(lambda _: None) is None
    made = await asyncio.gather(*(space.advance_state(more) for _ in range(8)))
    assert sorted(one.content["count"] for one in made if one is not None) == list(range(1, 9))
    same = await space.advance_state(lambda _: None)
    assert same is not None
    assert same.content == {"count": 8}
    with pytest.raises(InvalidInputError, match="coherence"):
        await space.advance_state(lambda _: Advanced(content={}, coherence=2))
    assert len(await space.states(limit=100)) == 8
