"""Edges: typed, weighted, reinforced, walked in both directions, never to what is forgotten."""

from __future__ import annotations

from uuid import UUID

import pytest

from echo.memory import AssociationKind, Direction, MemorySpace, NewAssociation, NewMemory, WalkRequest

pytestmark = pytest.mark.anyio

LEADS = AssociationKind.LEADS_TO


async def _chain(space: MemorySpace, count: int) -> list[UUID]:
    made = [one.id for one in await space.encode([NewMemory(content=f"step {i}") for i in range(count)])]
    await space.associate(
        [NewAssociation(source=made[i], target=made[i + 1], kind=LEADS, weight=0.5) for i in range(count - 1)]
    )
    return made


async def test_every_kind_is_stored_and_read(space: MemorySpace) -> None:
    one, two = (made.id for made in await space.encode([NewMemory(content="a"), NewMemory(content="b")]))
    edges = [NewAssociation(source=one, target=two, kind=kind, weight=0.25) for kind in AssociationKind]
    assert await space.associate(edges) == len(AssociationKind)
    walked = await space.walk(WalkRequest(starts=[one]))
    assert {edge.kind for edge in walked.edges} == set(AssociationKind)
    assert await space.dissociate(walked.edges[:2]) == 2
    assert await space.dissociate(walked.edges[:2]) == 0
    assert (await space.stats()).associations == len(AssociationKind) - 2


async def test_an_edge_that_is_there_is_reinforced(space: MemorySpace) -> None:
    one, two = (made.id for made in await space.encode([NewMemory(content="a"), NewMemory(content="b")]))
    edge = NewAssociation(source=one, target=two, kind=LEADS, weight=0.5)
    assert [await space.associate([edge]) for _ in range(3)] == [1, 0, 0]
    [stored] = (await space.walk(WalkRequest(starts=[one]))).edges
    assert (stored.weight, stored.strengthened) == (pytest.approx(0.595), 2)


async def test_a_walk_goes_as_far_as_it_is_told_and_knows_its_way(space: MemorySpace) -> None:
    ids = await _chain(space, 6)
    walked = await space.walk(WalkRequest(starts=[ids[0]], depth=3))
    assert [(step.id, step.depth, step.weight) for step in walked.steps] == [
        (ids[1], 1, 0.5), (ids[2], 2, 0.25), (ids[3], 3, 0.125),
    ]  # fmt: skip
    assert walked.steps[-1].path == tuple(ids[:4])
    assert len(walked.edges) == 3
    back = await space.walk(WalkRequest(starts=[ids[3]], depth=6, direction=Direction.IN))
    assert [step.id for step in back.steps] == ids[2::-1]
    assert (await space.walk(WalkRequest(starts=[ids[3]], depth=6, direction=Direction.OUT, limit=1))).truncated
    other = await space.walk(WalkRequest(starts=[ids[0]], kinds=[AssociationKind.IS_A]))
    assert other.steps == ()


async def test_a_circle_ends_and_the_strongest_way_counts(space: MemorySpace) -> None:
    a, b, c, d = (one.id for one in await space.encode([NewMemory(content=name) for name in "abcd"]))
    await space.associate(
        [
            NewAssociation(source=a, target=b, kind=LEADS, weight=0.9),
            NewAssociation(source=a, target=c, kind=LEADS, weight=0.5),
            NewAssociation(source=b, target=d, kind=LEADS, weight=0.2),
            NewAssociation(source=c, target=d, kind=LEADS, weight=0.8),
            NewAssociation(source=d, target=a, kind=LEADS, weight=1),
        ]
    )
    walked = await space.walk(WalkRequest(starts=[a], depth=6, direction=Direction.OUT))
    assert [(step.id, step.path) for step in walked.steps] == [(b, (a, b)), (c, (a, c)), (d, (a, c, d))]


async def test_what_is_forgotten_is_not_walked_to(space: MemorySpace) -> None:
    ids = await _chain(space, 3)
    await space.forget_these([ids[1]], reason="test")
    assert (await space.walk(WalkRequest(starts=[ids[0]], depth=3))).steps == ()
