"""Aliases, the ledger, and the removal of what is no longer wanted, on a real Ollama server.

Proves: aliases hold the model's digest and are mended; exactly what we brought goes when nobody wants it; what was
there before us, is retained, or is another's alias or base stays; a run that was killed forgets nothing.
Does not prove: two writers on one ledger file, of which there is one by design.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ollama import (
    EnsureFailed,
    FileLedger,
    MemoryLedger,
    PullEvent,
    WantedModel,
    ensure,
    remove_unwanted,
)
from ollama.document import Recipe
from tests.ollama.conftest import QUICK, Rig
from tests.support.tiny_model import PushedModel, create_tiny

pytestmark = [pytest.mark.ollama, pytest.mark.anyio]


async def test_aliases_are_made_mended_and_taken_away(rig: Rig, one: PushedModel, two: PushedModel) -> None:
    ledger = MemoryLedger()
    want = replace(rig.wanted(one), aliases=("Second:1", "team/third:1"))
    await ensure(rig.client, [want], policy=QUICK, ledger=ledger, on_event=rig.events.append)
    assert await rig.names() == ["Second:1", "team/third:1", "tiny:1"]
    assert {model.sha256 for model in await rig.client.tags()} == {one.digest}
    assert [event.detail for event in rig.events if event.detail] == ["alias Second:1", "alias team/third:1"]

    weights = create_tiny(rig.server.url, "second:1", seed=9)
    await rig.client.delete("team/third:1")
    states = await ensure(rig.client, [want], policy=QUICK, ledger=ledger)
    assert states[0].action == "present"
    assert {model.sha256 for model in await rig.client.tags()} == {one.digest}
    assert not rig.server.blob(weights).exists(), "what drifted leaves nothing behind"

    moved = replace(rig.wanted(two), aliases=("second:1",))
    await ensure(rig.client, [moved], policy=QUICK, ledger=ledger)
    assert await remove_unwanted(rig.client, [moved], ledger) == ["team/third:1"]
    assert {model.name: model.sha256 for model in await rig.client.tags()} == {
        "Second:1": two.digest,
        "tiny:1": two.digest,
    }
    assert not rig.server.blob(one.weights).exists()
    assert await remove_unwanted(rig.client, [], ledger) == ["tiny:1", "second:1"]
    assert await rig.names() == []
    assert ledger.entries() == []


async def test_only_what_we_brought_goes(rig: Rig, one: PushedModel, two: PushedModel, tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    create_tiny(rig.server.url, "theirs:1", seed=7)
    create_tiny(rig.server.url, "found:1", seed=8)
    wanted = [
        rig.wanted(one),
        replace(rig.wanted(two, "kept:1"), retain=True, aliases=("kept:also",)),
        WantedModel("made:1", create=Recipe(from_model="tiny:1", system="a")),
        WantedModel("found:1", "127.0.0.1:1/library/none:1"),
    ]
    await ensure(rig.client, wanted, policy=QUICK, ledger=FileLedger(path))
    origins = {entry.name: entry.origin for entry in FileLedger(path).entries()}
    assert origins == {
        "tiny:1": "brought",
        "kept:1": "brought",
        "kept:also": "brought",
        "made:1": "brought",
        "found:1": "found",
    }
    ledger = FileLedger(path)
    assert ledger.fault is None
    assert await remove_unwanted(rig.client, wanted, ledger) == []

    only_made = [rig.wanted(one), wanted[2]]
    told: list[PullEvent] = []
    assert await remove_unwanted(rig.client, only_made, ledger, on_event=told.append) == []
    assert told == []
    assert await rig.names() == ["found:1", "kept:1", "kept:also", "made:1", "theirs:1", "tiny:1"]
    assert [entry.name for entry in FileLedger(path).entries()] == ["tiny:1", "made:1"]

    assert await remove_unwanted(rig.client, [], FileLedger(path), on_event=told.append) == ["tiny:1", "made:1"]
    assert [(event.model, event.phase) for event in told] == [("tiny:1", "removed"), ("made:1", "removed")]
    assert await rig.names() == ["found:1", "kept:1", "kept:also", "theirs:1"]
    assert await remove_unwanted(rig.client, [], FileLedger(path)) == []


async def test_what_becomes_an_alias_of_another_stays(rig: Rig, one: PushedModel) -> None:
    ledger = MemoryLedger()
    await ensure(rig.client, [rig.wanted(one)], policy=QUICK, ledger=ledger)
    renamed = [replace(rig.wanted(one, "new:1"), aliases=("TINY:1",))]
    await ensure(rig.client, renamed, policy=QUICK, ledger=ledger)
    assert await remove_unwanted(rig.client, renamed, ledger) == []
    assert await rig.names() == ["new:1", "tiny:1"]


async def test_an_alias_of_a_retained_model_goes_when_it_alone_is_dropped(rig: Rig, one: PushedModel) -> None:
    ledger = MemoryLedger()
    want = replace(rig.wanted(one), retain=True)
    await ensure(rig.client, [replace(want, aliases=("also:1",))], policy=QUICK, ledger=ledger)
    assert await remove_unwanted(rig.client, [want], ledger) == ["also:1"]
    assert await rig.names() == ["tiny:1"]


async def test_a_run_killed_in_the_middle_of_a_pull_still_knows_what_is_its_own(
    rig: Rig, one: PushedModel, tmp_path: Path
) -> None:
    path = tmp_path / "ledger.json"
    run: asyncio.Task[object]

    def kill(event: PullEvent) -> None:
        if event.phase == "copying":
            run.cancel()

    run = asyncio.ensure_future(
        ensure(rig.client, [rig.wanted(one)], policy=QUICK, ledger=FileLedger(path), on_event=kill)
    )
    with pytest.raises(asyncio.CancelledError):
        await run
    assert [entry.origin for entry in FileLedger(path).entries()] == ["bringing"]
    # As if the kill had come right after the copy: the model is there, and the ledger has not heard of it.
    create_tiny(rig.server.url, "tiny:1", seed=1)
    await ensure(rig.client, [rig.wanted(one, pinned=False)], policy=QUICK, ledger=FileLedger(path))
    assert [entry.origin for entry in FileLedger(path).entries()] == ["brought"]
    assert await remove_unwanted(rig.client, [], FileLedger(path)) == ["tiny:1"]


async def test_what_could_not_be_replaced_is_not_removed(rig: Rig, one: PushedModel) -> None:
    ledger = MemoryLedger()
    create_tiny(rig.server.url, "tiny:1", seed=7)
    wrong = replace(rig.wanted(one), digest="sha256:" + "0" * 64)
    with pytest.raises(EnsureFailed, match="wrong digest"):
        await ensure(rig.client, [wrong], policy=QUICK, ledger=ledger)
    assert await remove_unwanted(rig.client, [], ledger) == []
    assert await rig.names() == ["tiny:1"]
    assert ledger.entries() == []


async def test_a_server_that_is_away_loses_nothing(rig: Rig, one: PushedModel) -> None:
    ledger = MemoryLedger()
    await ensure(rig.client, [rig.wanted(one)], policy=QUICK, ledger=ledger)
    rig.server.stop()
    with pytest.raises(EnsureFailed, match="no connection"):
        await remove_unwanted(rig.client, [], ledger, policy=replace(QUICK, attempts=1))
    assert [entry.name for entry in ledger.entries()] == ["tiny:1"]
    rig.server.start()
    assert await remove_unwanted(rig.client, [], ledger) == ["tiny:1"]
    assert await rig.names() == []
