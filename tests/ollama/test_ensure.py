"""Ensuring models on a real Ollama server, with a real registry that works.

Proves: what is present costs no request to the registry; what is missing, damaged, removed by hand or at
another digest is mended; a wrong digest is refused and leaves what was there; only wanted names stay listed.
Does not prove: behaviour of versions of Ollama other than the one that runs, or of large models.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from ollama import (
    ConfigurationError,
    EnsureFailed,
    ModelName,
    OllamaClient,
    TransientError,
    WantedModel,
    ensure,
    ensure_all,
    observe,
    remove,
)
from ollama.replace import previous_name
from tests.ollama.conftest import QUICK, Push, Rig
from tests.support.faulty_proxy import BLOB, MANIFEST
from tests.support.tiny_model import PushedModel, create_tiny

pytestmark = [pytest.mark.ollama, pytest.mark.anyio]

NO_SUCH_DIGEST = "sha256:" + "0" * 64


async def test_pull_then_present_without_traffic(rig: Rig, one: PushedModel) -> None:
    want = rig.wanted(one)
    first = await ensure(rig.client, [want], policy=QUICK, on_event=rig.events.append)
    assert [(s.name, s.digest, s.action) for s in first] == [("tiny:1", one.digest, "copied")]
    assert first[0].size_bytes > one.size
    assert await rig.names() == ["tiny:1"]
    phases = [event.phase for event in rig.events]
    assert {"manifest", "downloading", "verifying", "copying"} <= set(phases)
    assert phases[-1] == "ready"
    assert max(event.completed for event in rig.events) == first[0].size_bytes
    assert {(event.replica, event.model) for event in rig.events} == {("chat-0", "tiny:1")}

    rig.proxy.reset()
    again = await ensure(rig.client, [want], policy=QUICK)
    assert [(s.digest, s.action) for s in again] == [(one.digest, "present")]
    assert rig.proxy.requests == []
    assert "/api/pull" not in rig.server.log_tail(6)


async def test_without_a_digest_what_is_there_is_kept(rig: Rig, one: PushedModel) -> None:
    create_tiny(rig.server.url, "tiny:1", seed=7)
    states = await ensure(rig.client, [rig.wanted(one, pinned=False)], policy=QUICK)
    assert states[0].action == "present"
    assert states[0].digest != one.digest
    assert rig.proxy.requests == []


async def test_names_are_compared_without_case(rig: Rig, one: PushedModel) -> None:
    create_tiny(rig.server.url, "Tiny:Mixed")
    want = replace(rig.wanted(one, pinned=False), name="tINY:mIXED")
    states = await ensure(rig.client, [want], policy=QUICK)
    assert [(s.name, s.action) for s in states] == [("tINY:mIXED", "present")]
    seen = await observe(rig.client, "TINY:MIXED")
    assert seen is not None
    assert await remove(rig.client, "tiny:mixed") is True
    assert await remove(rig.client, "tiny:mixed") is False
    assert await rig.names() == []


async def test_drift_is_replaced_and_leaves_no_blob_behind(rig: Rig, two: PushedModel) -> None:
    weights = create_tiny(rig.server.url, "tiny:1", seed=7)
    states = await ensure(rig.client, [rig.wanted(two)], policy=QUICK)
    assert [(s.digest, s.action) for s in states] == [(two.digest, "copied")]
    assert await rig.names() == ["tiny:1"]
    assert not rig.server.blob(weights).exists()
    assert rig.server.blob(two.weights).exists()


@pytest.mark.parametrize("harm", ["weights removed", "weights cut short", "model removed"])
async def test_what_was_broken_by_hand_is_seen_and_mended(rig: Rig, one: PushedModel, harm: str) -> None:
    blob = rig.server.blob(create_tiny(rig.server.url, "tiny:1", seed=1))
    assert await observe(rig.client, "tiny:1") is not None
    match harm:
        case "weights removed":
            blob.unlink()
            assert await rig.names() == ["tiny:1"], "Ollama still lists it, which is why the list is no proof"
        case "weights cut short":
            blob.write_bytes(blob.read_bytes()[:1000])
        case _:
            assert await rig.client.delete("tiny:1")
    assert await observe(rig.client, "tiny:1") is None
    states = await ensure(rig.client, [rig.wanted(one, pinned=False)], policy=QUICK)
    assert [(s.digest, s.action) for s in states] == [(one.digest, "copied")]
    assert blob.stat().st_size == one.size
    assert await observe(rig.client, "tiny:1") is not None


async def test_wrong_digest_names_both_and_keeps_the_copy_that_was_there(rig: Rig, one: PushedModel) -> None:
    create_tiny(rig.server.url, "tiny:1", seed=7)
    before = await observe(rig.client, "tiny:1")
    assert before is not None
    want = replace(rig.wanted(one), digest=NO_SUCH_DIGEST)
    with pytest.raises(EnsureFailed) as caught:
        await ensure(rig.client, [want], policy=QUICK)
    (failure,) = caught.value.failures
    assert isinstance(failure, ConfigurationError)
    for part in ("chat-0", "tiny:1", NO_SUCH_DIGEST, one.digest):
        assert part in str(failure)
    assert await rig.names() == ["tiny:1"]
    assert await observe(rig.client, "tiny:1") == before


async def test_a_tag_that_moved_does_not_destroy_the_model_of_the_same_name(rig: Rig, push: Push) -> None:
    name = f"{rig.proxy.host}/library/moving:1"
    weights = create_tiny(rig.server.url, name, seed=11)
    old = await observe(rig.client, name)
    assert old is not None
    want = WantedModel(name=name, source=name, digest=old.digest, insecure=True)
    new = push("library/moving:1", 12)
    with pytest.raises(EnsureFailed, match=new.digest):
        await ensure(rig.client, [replace(want, digest=NO_SUCH_DIGEST)], policy=QUICK)
    kept = await observe(rig.client, name)
    assert kept is not None
    assert kept.digest == old.digest
    assert rig.server.blob(weights).exists()
    assert await rig.names() == [name]
    assert not rig.server.blob(new.weights).exists()

    states = await ensure(rig.client, [replace(want, digest=new.digest)], policy=QUICK)
    assert [(s.digest, s.action) for s in states] == [(new.digest, "pulled")]
    assert await rig.names() == [name]
    assert not rig.server.blob(weights).exists()


async def test_a_missing_model_fails_at_once_and_the_others_are_done(rig: Rig, one: PushedModel) -> None:
    none = WantedModel("none:1", f"{rig.proxy.host}/library/none:1", insecure=True)
    with pytest.raises(EnsureFailed) as caught:
        await ensure(rig.client, [none, rig.wanted(one)], policy=QUICK)
    (failure,) = caught.value.failures
    assert isinstance(failure, ConfigurationError)
    assert "file does not exist" in failure.message
    assert rig.proxy.count(MANIFEST) == 2, "one request for each model: a missing one is not asked for again"
    assert await rig.names() == ["tiny:1"]


async def test_two_at_once_on_one_server_download_once(rig: Rig, one: PushedModel) -> None:
    want = rig.wanted(one)
    runs = await asyncio.gather(*(ensure(rig.client, [want], policy=QUICK) for _ in range(2)))
    assert [[s.digest for s in states] for states in runs] == [[one.digest]] * 2
    assert await rig.names() == ["tiny:1"]
    assert rig.proxy.body_bytes <= runs[0][0].size_bytes
    assert rig.proxy.count(BLOB, "HEAD") == 2


async def test_a_public_name_that_was_there_is_not_taken_away_by_an_alias(rig: Rig) -> None:
    create_tiny(rig.server.url, "mine:1")
    with pytest.raises(EnsureFailed):
        await ensure(rig.client, [WantedModel("alias", "mine:1")], policy=replace(QUICK, attempts=1))
    assert await rig.names() == ["mine:1"]


@pytest.mark.parametrize("keep", [False, True])
async def test_leftovers_of_a_killed_run_go(rig: Rig, one: PushedModel, *, keep: bool) -> None:
    create_tiny(rig.server.url, "tiny:1")
    want = replace(rig.wanted(one, pinned=False), keep_source=keep)
    assert want.source is not None
    assert await rig.client.copy("tiny:1", want.source)
    assert await rig.client.copy("tiny:1", previous_name(ModelName.parse("tiny:1")).full)
    states = await ensure(rig.client, [want], policy=QUICK)
    assert states[0].action == "present"
    assert await rig.names() == ([want.source, "tiny:1"] if keep else ["tiny:1"])


async def test_removing_takes_the_leftovers_along(rig: Rig) -> None:
    weights = create_tiny(rig.server.url, "tiny:1")
    assert await rig.client.copy("tiny:1", previous_name(ModelName.parse("tiny:1")).full)
    assert await remove(rig.client, "tiny:1") is True
    assert await rig.names() == []
    assert not rig.server.blob(weights).exists()


async def test_the_good_copy_outlives_a_run_killed_after_a_wrong_pull(rig: Rig, one: PushedModel) -> None:
    name = f"{rig.proxy.host}/{one.repository}"
    create_tiny(rig.server.url, name, seed=7)
    good = await observe(rig.client, name)
    assert good is not None
    assert await rig.client.copy(name, previous_name(ModelName.parse(name)).full)
    create_tiny(rig.server.url, name, seed=8)
    want = WantedModel(name, name, digest=NO_SUCH_DIGEST, insecure=True)
    with pytest.raises(EnsureFailed, match="wrong digest"):
        await ensure(rig.client, [want], policy=QUICK)
    assert await observe(rig.client, name) == good
    assert await rig.names() == [name]


async def test_a_dead_replica_does_not_disturb_the_others(rig: Rig, one: PushedModel) -> None:
    async with httpx.AsyncClient(base_url="http://127.0.0.1:1", trust_env=False) as nowhere:
        dead = OllamaClient(nowhere, "chat-1")
        with pytest.raises(EnsureFailed) as caught:
            await ensure_all([dead, rig.client], [rig.wanted(one)], policy=QUICK)
    assert [(type(f), f.replica) for f in caught.value.failures] == [(TransientError, "chat-1")]
    assert [s.digest for s in caught.value.states["chat-0"]] == [one.digest]
    assert caught.value.states["chat-1"] == []
