"""What the spaces of the tests remember, brought by the memory's own library into the service's database."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from echo.memory import (
    AssociationKind,
    MemoryKind,
    MemoryStore,
    NewAssociation,
    NewMemory,
    NewTurn,
    Observation,
    PatternKind,
)
from tests.echo.remembering import MODEL, WIDTH

_THINGS = (
    "the boat", "the garden", "the violin", "the bread oven", "the old clock", "the lighthouse", "the bicycle",
    "the apple tree", "the map", "the telescope",
)  # fmt: skip
_DEEDS = (
    "was painted blue in spring", "needs a new rope before winter", "stood in the rain all night",
    "was lent to the neighbours", "sounds best in the morning", "has to be oiled every month",
    "was the reason for the long walk", "is older than the house",
)  # fmt: skip
_KINDS = (MemoryKind.EPISODIC,) * 5 + (MemoryKind.SEMANTIC,) * 3 + (MemoryKind.PROCEDURAL, MemoryKind.AUTOBIOGRAPHICAL)
_BATCH = 500
_DAYS = 60


class Given:
    """Stands for the service's embedder where a vector comes with each text."""

    model, width = MODEL, WIDTH

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Give each text a direction of its own, always the same."""
        return [_vector(text) for text in texts]


def _vector(text: str) -> list[float]:
    made = random.Random(text)
    return [made.gauss(0, 1) for _ in range(WIDTH)]


async def fill(url: str, space: str, count: int) -> list[UUID]:
    """Fill a space with memories and edges between them; the same in every run but for ids and times.

    Args:
        url: of the database, as the service's role.
        space: its name; made here.
        count: of memories.
    """
    chance = random.Random(count)
    async with await MemoryStore.open(url, embedder=Given(), pool_size=2) as store:
        await store.create_space(space, exist_ok=True)
        room = store.space(space)
        memories = [_memory(number, count, chance) for number in range(count)]
        ids: list[UUID] = []
        for start in range(0, count, _BATCH):
            ids += [one.id for one in await room.encode(memories[start : start + _BATCH])]
        edges = [edge for number in range(1, count) for edge in _edges(ids, number, chance)]
        for start in range(0, len(edges), _BATCH):
            await room.associate(edges[start : start + _BATCH])
        return ids


async def wish(url: str, space: str) -> None:
    """Add a goal and a pattern."""
    async with await MemoryStore.open(url, embedder=Given(), pool_size=2) as store:
        room = store.space(space)
        await room.add_goal("Know the garden by heart", priority=0.8, progress=0.4)
        await room.observe([Observation(kind=PatternKind.TEMPORAL, signature="asks in the evening")])


async def keep(url: str, space: str) -> None:
    """Add a conversation that is nobody's, as one of before conversations had owners."""
    async with await MemoryStore.open(url, embedder=Given(), pool_size=2) as store:
        turn = NewTurn(role="user", content="Who looks after the lighthouse?", at=datetime.now(UTC))
        await store.space(space).add_turns("before", [turn], model=MODEL)


def _memory(number: int, count: int, chance: random.Random) -> NewMemory:
    text = f"{chance.choice(_THINGS)} {chance.choice(_DEEDS)}, note {number}"
    return NewMemory(
        content=text[0].upper() + text[1:],
        kind=_KINDS[number % len(_KINDS)],
        embedding=_vector(text),
        importance=round(chance.random() ** 2, 3),
        valence=round(chance.uniform(-0.9, 0.9), 3),
        arousal=round(chance.random(), 3),
        occurred_at=datetime.now(UTC) - timedelta(days=_DAYS * (1 - number / count)),
        source="tests",
        tags=["old"] if number < count // 10 else ["new"],
    )


def _edges(ids: Sequence[UUID], number: int, chance: random.Random) -> list[NewAssociation]:
    kinds = tuple(AssociationKind)
    # Most are near in time, a few are not: so there are clusters and ways between them.
    near = [chance.randrange(max(0, number - 12), number) for _ in range(chance.choice((1, 1, 2)))]
    far = [chance.randrange(number)] if chance.random() < 0.1 else []
    return [
        NewAssociation(
            source=ids[number], target=ids[other], kind=chance.choice(kinds), weight=round(chance.uniform(0.2, 1), 2)
        )
        for other in dict.fromkeys([*near, *far])
    ]
