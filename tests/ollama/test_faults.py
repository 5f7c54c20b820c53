"""Pulls onto a real Ollama server while the registry, the network, the disk or the server fails.

Proves: each fault is either overcome or ends within its limit in one error of the right kind, and the next
try goes on from there. Does not prove: faults inside Ollama's own process, or of the API server's proxy.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from ollama import (
    BlobFolder,
    EnsureFailed,
    OllamaClient,
    OllamaError,
    PullEvent,
    ResourceError,
    TransientError,
    WantedModel,
    ensure,
    observe,
)
from tests.ollama.conftest import QUICK, Rig
from tests.support.faulty_proxy import BLOB, MANIFEST, Fault
from tests.support.ollama_process import OllamaProcess
from tests.support.tiny_model import PushedModel

pytestmark = [pytest.mark.ollama, pytest.mark.anyio]

TWICE = replace(QUICK, attempts=2)


async def failure_of(rig: Rig, want: WantedModel) -> OllamaError:
    with pytest.raises(EnsureFailed) as caught:
        await ensure(rig.client, [want], policy=TWICE, on_event=rig.events.append)
    (failure,) = caught.value.failures
    assert (failure.replica, failure.model) == ("chat-0", want.name)
    return failure


async def test_what_a_broken_pull_left_is_hashed(rig: Rig, one: PushedModel) -> None:
    await ensure(rig.client, [rig.wanted(one)], policy=QUICK)
    weights = max((rig.server.models / "blobs").iterdir(), key=lambda path: path.stat().st_size)
    whole = weights.read_bytes()
    assert await rig.client.delete("tiny:1")
    # As a download that ended before the server was killed leaves it: whole by its size, and never hashed.
    flipped = bytearray(whole)
    flipped[-5] ^= 1
    weights.write_bytes(flipped)
    states = await ensure(
        rig.client,
        [rig.wanted(one)],
        policy=QUICK,
        on_event=rig.events.append,
        blobs=BlobFolder(rig.server.models),
    )
    assert states[0].digest == one.digest
    assert weights.read_bytes() == whole
    digest = weights.name.replace("-", ":")
    assert f"what an earlier pull left was damaged: {digest}" in [event.detail for event in rig.events]


async def test_a_stalled_download_is_cancelled_and_goes_on(rig: Rig, one: PushedModel) -> None:
    rig.proxy.reset(Fault("stall"))
    policy = replace(QUICK, no_progress_s=2)
    states = await ensure(rig.client, [rig.wanted(one)], policy=policy, on_event=rig.events.append)
    assert states[0].digest == one.digest
    told = [event for event in rig.events if event.phase == "retrying"]
    assert told
    assert told[0].detail.startswith("no progress for 2 s")
    assert rig.proxy.body_bytes == states[0].size_bytes, "the second pull fetched only what the first had not"


async def test_a_cut_connection_is_overcome(rig: Rig, one: PushedModel) -> None:
    rig.proxy.reset(Fault("cut"))
    states = await ensure(rig.client, [rig.wanted(one)], policy=QUICK)
    assert states[0].digest == one.digest


async def test_a_corrupt_blob_is_an_error_while_it_lasts_and_mended_after(rig: Rig, one: PushedModel) -> None:
    rig.proxy.reset(Fault("corrupt", times=3, path=re.compile(one.weights)))
    failure = await failure_of(rig, rig.wanted(one))
    assert isinstance(failure, TransientError)
    assert "gave up after 2 tries" in failure.message
    assert "digest mismatch" in failure.message
    assert await rig.names() == []
    rig.events.clear()
    states = await ensure(rig.client, [rig.wanted(one)], policy=QUICK, on_event=rig.events.append)
    assert states[0].digest == one.digest
    assert ["digest mismatch" in event.detail for event in rig.events if event.phase == "retrying"] == [True]
    assert await observe(rig.client, "tiny:1") is not None


@pytest.mark.parametrize(
    ("path", "status", "said"), [(MANIFEST, 500, "500"), (MANIFEST, 429, "429"), (BLOB, 404, "not exist")]
)
async def test_a_registry_that_refuses(
    rig: Rig, one: PushedModel, path: re.Pattern[str], status: int, said: str
) -> None:
    rig.proxy.reset(Fault("status", path=path, status=status, times=None, ranged_only=False))
    failure = await failure_of(rig, rig.wanted(one))
    assert isinstance(failure, TransientError)
    assert "gave up after 2 tries" in failure.message
    assert said in failure.message
    assert await rig.names() == []


async def test_an_unreachable_registry_ends_in_bounded_time(rig: Rig) -> None:
    began = time.monotonic()
    failure = await failure_of(rig, WantedModel("tiny:1", "127.0.0.1:1/library/tiny:1", insecure=True))
    assert isinstance(failure, TransientError)
    assert "connection refused" in failure.message
    assert time.monotonic() - began < 5


async def test_a_registry_that_hangs_ends_in_bounded_time(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = f"127.0.0.1:{silent.getsockname()[1]}/library/tiny:1"
        began = time.monotonic()
        with pytest.raises(EnsureFailed, match="no progress for 1 s"):
            await ensure(
                rig.client,
                [WantedModel("tiny:1", source, insecure=True)],
                policy=replace(TWICE, no_progress_s=1),
            )
    assert time.monotonic() - began < 5


async def test_the_deadline_holds_though_bytes_move(rig: Rig, one: PushedModel) -> None:
    rig.proxy.reset(Fault("slow", times=None, delay_s=0.3))
    began = time.monotonic()
    with pytest.raises(EnsureFailed, match="not done within the deadline"):
        await ensure(rig.client, [rig.wanted(one)], policy=replace(QUICK, deadline_s=1.5))
    assert time.monotonic() - began < 4


async def test_cancelling_stops_the_download(rig: Rig, one: PushedModel) -> None:
    rig.proxy.reset(Fault("slow", times=None, delay_s=0.3))
    moving = asyncio.Event()

    def told(event: PullEvent) -> None:
        if event.completed > 0:
            moving.set()

    task = asyncio.create_task(ensure(rig.client, [rig.wanted(one)], policy=QUICK, on_event=told))
    await asyncio.wait_for(moving.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.7)
    before = rig.proxy.body_bytes
    await asyncio.sleep(1)
    assert rig.proxy.body_bytes == before < one.size
    assert await rig.names() == []


async def test_a_server_killed_in_the_middle_goes_on_after_its_restart(rig: Rig, one: PushedModel) -> None:
    rig.proxy.reset(Fault("slow", times=1, delay_s=0.3))
    moving = asyncio.Event()

    def told(event: PullEvent) -> None:
        rig.events.append(event)
        if event.completed > 0:
            moving.set()

    patient = replace(QUICK, attempts=8)
    task = asyncio.create_task(ensure(rig.client, [rig.wanted(one)], policy=patient, on_event=told))
    await asyncio.wait_for(moving.wait(), 10)
    rig.server.stop(signal.SIGKILL)
    await asyncio.to_thread(rig.server.start)
    states = await task
    assert states[0].digest == one.digest
    assert any(event.phase == "retrying" for event in rig.events)


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of a test's own needs root")
async def test_a_full_disk_is_said_at_once(
    rig: Rig, one: PushedModel, start_ollama: Callable[..., OllamaProcess]
) -> None:
    server = start_ollama(tmpfs_bytes=256 * 1024)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        with pytest.raises(EnsureFailed) as caught:
            await ensure(OllamaClient(http, "small-0"), [rig.wanted(one)], policy=QUICK)
    (failure,) = caught.value.failures
    assert isinstance(failure, ResourceError)
    assert "no space left on device" in failure.message
    assert "small-0" in str(failure)
    assert rig.proxy.count(MANIFEST) == 1, "a full disk is not tried again"
