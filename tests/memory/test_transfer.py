"""An export holds everything; imported into another space it gives the same answers; repeated it changes nothing."""

from __future__ import annotations

import json

import pytest

from echo.memory import (
    AssociationKind,
    EmbeddingMismatchError,
    HashEmbedder,
    InvalidInputError,
    MemorySpace,
    MemoryStore,
    NewAssociation,
    NewExperience,
    NewMemory,
    Query,
)
from tests.memory.conftest import SetClock, Urls

pytestmark = pytest.mark.anyio


async def _filled(space: MemorySpace, clock: SetClock) -> list[str]:
    made = await space.encode([NewMemory(content=f"memory {i} of the {i % 3} cats", session="s") for i in range(600)])
    clock.forward(hours=1)
    await space.encode([NewMemory(content="memory 1 of the 1 cats!", supersedes=made[2].id, metadata={"a": [1]})])
    await space.associate([NewAssociation(source=made[0].id, target=made[5].id, kind=AssociationKind.CAUSES)])
    await space.forget_these([made[7].id], reason="test")
    await space.record_experience(NewExperience(input="a question?", feedback=0.5))
    await space.consolidate()
    await space.save_state({"mood": 1}, coherence=0.5)
    await space.save_identity({"name": "Echo"})
    return [line async for line in space.export()]


def _content(lines: list[str]) -> list[dict[str, object]]:
    """The lines without what a store numbers itself."""
    records = [json.loads(line) for line in lines]
    for record in records:
        record.pop("space", None)
        if record["type"] in {"state", "identity", "log"}:
            record.pop("id")
    return records


async def test_there_and_back(store: MemoryStore, space: MemorySpace, clock: SetClock) -> None:
    lines = await _filled(space, clock)
    await store.create_space("copy")
    copy = store.space("copy")
    report = await copy.import_lines(lines)
    assert (report.memories, report.skipped, report.snapshots) == (601, 0, 2)
    assert _content([line async for line in copy.export()]) == _content(lines)
    assert await copy.stats() == await space.stats()
    query = Query(text="the cats of memory 44", touch=False)
    assert await copy.retrieve(query) == await space.retrieve(query)
    again = await copy.import_lines(lines)
    assert (again.memories, again.associations, again.experiences, again.snapshots) == (0, 0, 0, 0)
    assert _content([line async for line in copy.export()]) == _content(lines)


async def test_an_import_that_is_cut_short_is_said_so_and_goes_on(
    store: MemoryStore, space: MemorySpace, clock: SetClock
) -> None:
    lines = await _filled(space, clock)
    await store.create_space("copy")
    copy = store.space("copy")
    with pytest.raises(InvalidInputError, match="cut short"):
        await copy.import_lines(lines[:300])
    report = await copy.import_lines(lines)
    assert report.memories == 601 - 299
    assert _content([line async for line in copy.export()]) == _content(lines)


async def test_what_is_no_export(store: MemoryStore, space: MemorySpace, urls: Urls, clock: SetClock) -> None:
    await space.encode([NewMemory(content="a")])
    lines = [line async for line in space.export()]
    await store.create_space("copy")
    copy = store.space("copy")
    memory = json.loads(lines[1])
    cases: list[tuple[list[str], str]] = [
        (["hello"], "line 1: is no JSON object"),
        (['{"type": "header", "format": "other"}'], "line 1: is no header"),
        ([lines[0], '{"type": "song"}', lines[-1]], "line 2: has the type 'song'"),
        ([lines[0], json.dumps({**memory, "kind": "vague"}), lines[-1]], "cannot be stored"),
        ([lines[0], json.dumps({**memory, "importance": 7}), lines[-1]], "cannot be stored"),
        ([lines[0], json.dumps({**memory, "embedding": "nothing"}), lines[-1]], "cannot be stored"),
    ]
    for given, told in cases:
        with pytest.raises(InvalidInputError) as refused:
            await copy.import_lines(given)
        assert told in str(refused.value)
    assert (await copy.stats()).live == 0
    async with await MemoryStore.open(urls.service, embedder=HashEmbedder(32), clock=clock) as other:
        await other.create_space("narrow")
        with pytest.raises(EmbeddingMismatchError):
            await other.space("narrow").import_lines(lines)
