"""Kills, breaks, wrong bytes and full volumes: nothing broken is served, and nothing is fetched twice without need.

Proves it for a killed process and a broken upstream. Does not prove what a
power cut leaves on a disk that lies about fsync.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.model_store.conftest import MakeStore
from tests.model_store.harness import Model, Store, http, make_model, push, random_bytes
from tests.support.faulty_proxy import BLOB, Fault, FaultyProxy
from tests.support.registry import Registry

SIZE = 12 << 20


@pytest.fixture
def model(registry: Registry, request: pytest.FixtureRequest) -> Model:
    name = request.node.name.partition("[")[0].removeprefix("test_")[:40]
    return push(registry.host, make_model(f"library/{name}", "1", [random_bytes(SIZE, len(name)), b"t"]))


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def begin(store: Store, model: Model) -> threading.Thread:
    """Begin a download as a client that goes away when the store does."""

    def fetch() -> None:
        try:
            with http() as client:
                client.get(store.url + model.blob())
        except httpx.HTTPError:
            return

    thread = threading.Thread(target=fetch)
    thread.start()
    return thread


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
def test_killed_store_resumes(sig: signal.Signals, make_store: MakeStore, proxy: FaultyProxy, model: Model) -> None:
    # Upstream stops in the middle: one that is only slow is through with it before a polite stop is over.
    proxy.reset(Fault("stall", after=SIZE // 2, times=None, ranged_only=False))
    first = make_store(f"http://{proxy.host}", shutdownSeconds=1)
    client = begin(first, model)
    partial = first.partial(model.largest)
    until(lambda: size_of(partial) > SIZE // 4)
    first.stop(sig)
    client.join()
    left = size_of(partial)
    assert SIZE // 4 < left < SIZE
    assert not first.stored(model.largest).exists()
    proxy.reset()
    second = make_store(f"http://{proxy.host}")
    with http() as again:
        assert again.get(second.url + model.blob()).content == model.blobs[model.largest]
    assert second.metric("upstream_bytes_total") == SIZE - left
    assert second.metric("downloads_started_total", resumed="yes") == 1
    # A client has its last byte before the store has hashed it.
    until(lambda: not partial.exists())


def test_killed_at_the_last_byte_needs_no_upstream(make_store: MakeStore, proxy: FaultyProxy, model: Model) -> None:
    store = make_store(f"http://{proxy.host}")
    store.stop()
    store.partial(model.largest).write_bytes(model.blobs[model.largest])
    alone = make_store("http://127.0.0.1:9")
    with http() as client:
        assert client.get(alone.url + model.blob()).content == model.blobs[model.largest]
    assert alone.stored(model.largest).exists()


@pytest.mark.parametrize("left", [b"\0" * (SIZE // 3), b"x" * (SIZE + 5), b"y" * SIZE])
def test_wrong_partial_is_never_served(left: bytes, make_store: MakeStore, proxy: FaultyProxy, model: Model) -> None:
    store = make_store(f"http://{proxy.host}")
    store.stop()
    store.partial(model.largest).write_bytes(left)
    store = make_store(f"http://{proxy.host}")
    with http() as client:
        for _ in range(4):
            try:
                answer = client.get(store.url + model.blob())
            except httpx.RemoteProtocolError:
                # The stream was torn down when the digest turned out wrong.
                assert not store.stored(model.largest).exists()
                continue
            if answer.status_code == 200:
                assert answer.content == model.blobs[model.largest]
                break
        else:
            pytest.fail("the blob never came")


def test_client_that_leaves_ends_nothing(store: Store, proxy: FaultyProxy, model: Model) -> None:
    proxy.reset(Fault("slow", delay_s=0.001, ranged_only=False))
    with http() as client, client.stream("GET", store.url + model.blob()) as answer:
        next(answer.iter_raw(1024))
    until(store.stored(model.largest).exists)
    assert proxy.count(BLOB) == 1


def test_broken_connection_is_resumed_unseen(store: Store, proxy: FaultyProxy, model: Model) -> None:
    proxy.reset(Fault("cut", after=SIZE // 2, ranged_only=False), Fault("cut", after=SIZE // 8))
    with http() as client:
        assert client.get(store.url + model.blob()).content == model.blobs[model.largest]
    assert proxy.count(BLOB) == 3
    assert store.metric("upstream_bytes_total") == SIZE


def test_flipped_byte_is_never_stored_nor_sent_whole(store: Store, proxy: FaultyProxy, model: Model) -> None:
    proxy.reset(Fault("corrupt", after=SIZE // 2, ranged_only=False, times=1))
    with http() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(store.url + model.blob())
        until(lambda: not store.partial(model.largest).exists())
        assert not store.stored(model.largest).exists()
        refused = client.get(store.url + model.blob())
    assert refused.status_code == 502
    assert "wrong bytes" in refused.json()["errors"][0]["message"]
    assert store.metric("failures_total", reason="digest_mismatch") >= 1
    assert store.metric("blobs_stored") == 0


def test_blob_that_never_comes_is_told_at_the_manifest(store: Store, proxy: FaultyProxy, model: Model) -> None:
    """Ollama shows the text of a refused manifest only, so a pull that is bound to fail must not get further."""
    manifest = store.url + model.path
    proxy.reset(Fault("status", status=503, ranged_only=False, times=None))
    with http() as client:
        for _ in range(2):
            assert client.get(manifest).status_code == 200
            assert client.get(store.url + model.blob()).status_code == 502
        refused = client.get(manifest)
        assert refused.status_code == 502
        assert "2 downloads in a row failed" in refused.json()["errors"][0]["message"]
        # The blob itself may be asked for all the same, and is forgiven once it came.
        proxy.reset()
        assert client.get(store.url + model.blob()).content == model.blobs[model.largest]
        assert client.get(manifest).status_code == 200


def test_mirror_with_wrong_bytes_is_passed_over(
    make_store: MakeStore, proxy: FaultyProxy, registry: Registry, model: Model
) -> None:
    proxy.reset(Fault("corrupt", after=1000, ranged_only=False, times=None))
    store = make_store(f"http://{proxy.host}", f"http://{registry.host}")
    with http() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(store.url + model.blob())
        until(lambda: not store.partial(model.largest).exists())
        assert client.get(store.url + model.blob()).content == model.blobs[model.largest]


def test_small_range_of_a_failed_blob_has_no_body(make_store: MakeStore, model: Model) -> None:
    store = make_store("http://127.0.0.1:9")
    with http() as client:
        small = client.get(store.url + model.blob(), headers={"Range": "bytes=0-99"})
        large = client.get(store.url + model.blob(), headers={"Range": f"bytes=0-{SIZE - 1}"})
    assert (small.status_code, small.content) == (502, b"")
    assert large.json()["errors"][0]["code"] == "UPSTREAM_UNAVAILABLE"


def test_model_over_the_limit_is_refused_at_its_manifest(
    make_store: MakeStore, proxy: FaultyProxy, model: Model
) -> None:
    store = make_store(f"http://{proxy.host}", maxBytes=SIZE // 2)
    with http() as client:
        refused = client.get(store.url + model.path)
        blob = client.get(store.url + model.blob())
    for answer in (refused, blob):
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["code"]) == (507, "INSUFFICIENT_STORAGE")
        assert "needs 12.6 MB more" in error["message"]
        assert "6.3 MB (maxBytes) 6.3 MB is left" in error["message"]
        assert "raise the limit" in error["message"]
    assert not store.partial(model.largest).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own size needs root")
def test_full_volume_midway_drops_the_partial(make_store: MakeStore, proxy: FaultyProxy, model: Model) -> None:
    proxy.reset(Fault("slow", delay_s=0.02, ranged_only=False))
    store = make_store(f"http://{proxy.host}", tmpfs_bytes=SIZE + (4 << 20))
    root = Path(f"/proc/{store.pid}/root") / store.root.relative_to("/")
    client = begin(store, model)
    until(lambda: size_of(root / "partial" / model.largest[7:]) > SIZE // 8)
    hog = root / "hog"
    with hog.open("wb") as file:
        left = shutil.disk_usage(root).free - (1 << 20)
        file.write(b"\0" * left)
    client.join()
    until(lambda: store.metric("failures_total", reason="insufficient_storage") >= 1)
    assert list((root / "partial").iterdir()) == []
    assert "became full" in store.events("download_ended")[-1]["cause"]
    hog.unlink()
    proxy.reset()
    with http() as again:
        assert again.get(store.url + model.blob()).content == model.blobs[model.largest]


def test_second_store_on_the_volume_is_refused(store: Store, tmp_path: Path) -> None:
    from model_store.volume import Volume, VolumeInUseError  # noqa: PLC0415

    assert store.root == tmp_path / "store" / "volume"
    with pytest.raises(VolumeInUseError, match="one volume serves one store"):
        Volume(store.root).open()


def test_stop_lets_a_transfer_finish(store: Store, proxy: FaultyProxy, model: Model) -> None:
    proxy.reset(Fault("slow", delay_s=0.001, ranged_only=False))
    with http() as client, client.stream("GET", store.url + model.blob()) as answer:
        body = answer.iter_raw(1 << 16)
        got = next(body)
        os.kill(store.pid, signal.SIGTERM)
        got += b"".join(body)
    assert got == model.blobs[model.largest]
    until(lambda: bool(store.events("stopped")))
    assert "Authorization" not in store.log.read_text()
