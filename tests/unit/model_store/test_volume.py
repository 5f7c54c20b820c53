"""The volume's files and the room on it, on a real file system.

Proves what a start finds after a kill at the points it names. Does not pull a plug.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from pathlib import Path

import pytest

from model_store.capacity import Capacity, human_bytes
from model_store.errors import InsufficientStorageError, VolumeError
from model_store.names import Digest
from model_store.volume import Volume, VolumeInUseError


def digest_of(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).hexdigest())


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    made = Volume(tmp_path)
    made.open()
    return made


def put(volume: Volume, data: bytes) -> Digest:
    digest = digest_of(data)
    path = volume.partial_path(digest)
    path.write_bytes(data)
    fd = os.open(path, os.O_RDWR)
    volume.commit_blob(path, digest, fd)
    os.close(fd)
    return digest


def test_start_after_a_kill_keeps_blobs_and_partials_and_drops_the_rest(volume: Volume, tmp_path: Path) -> None:
    kept = put(volume, b"blob")
    young, old = digest_of(b"young"), digest_of(b"old")
    volume.partial_path(young).write_bytes(b"yo")
    volume.partial_path(old).write_bytes(b"ol")
    os.utime(volume.partial_path(old), (0, time.time() - 8 * 24 * 3600))
    volume.partial_path(kept).write_bytes(b"already a blob")
    (volume.uploads / "half").write_bytes(b"1")
    volume.refs.joinpath("a").mkdir()
    (volume.refs / "a" / f"tag.{'0' * 32}.new").write_bytes(b"{")
    (volume.refs / "a" / "tag.new").write_bytes(b"{}")
    (volume.trash / f"{'0' * 64}.1").write_bytes(b"deleted")
    volume.close()
    again = Volume(tmp_path)
    recovered = again.open()
    assert (recovered.blobs, recovered.blob_bytes) == (1, 4)
    assert (recovered.partials, recovered.partial_bytes, recovered.dropped) == (1, 2, 5)
    assert again.partial_digests() == [young]
    assert (again.refs / "a" / "tag.new").exists(), "a tag may end like that"


def test_one_volume_one_store(volume: Volume) -> None:
    with pytest.raises(VolumeInUseError, match="another model store holds"):
        Volume(volume.root).open(lock_wait_s=0.3)
    volume.close()
    Volume(volume.root).open()


def test_blob_removed_by_hand_is_noticed(volume: Volume) -> None:
    digest = put(volume, b"gone")
    (volume.blobs / digest.hex).unlink()
    with pytest.raises(VolumeError, match="pull again"):
        volume.open_blob(digest)
    assert volume.blob_size(digest) is None
    assert volume.blob_bytes == 0


def test_atomic_write_replaces_and_leaves_nothing_else(volume: Volume) -> None:
    path = volume.refs / "a" / "b"
    for data in (b"one", b"two"):
        volume.write_atomic(path, data)
        assert path.read_bytes() == data
    assert list(path.parent.iterdir()) == [path]


def test_limit_counts_blobs_partials_and_promises(volume: Volume) -> None:
    put(volume, b"x" * 400)
    running, wanted = digest_of(b"running"), digest_of(b"wanted")

    async def run() -> None:
        capacity = Capacity(volume, max_bytes=1000, min_free=0)
        await capacity.promise(running, 500)
        with pytest.raises(InsufficientStorageError) as caught:
            await capacity.check("library/m:1", {wanted: 200, running: 500})
        for words in (
            "library/m:1",
            "needs 200 B more",
            "limit of 1.0 kB",
            "600 B is left",
            "500 B is promised",
            "raise",
        ):
            assert words in caught.value.message
        capacity.arrived(running, 500)
        await capacity.check("library/m:1", {wanted: 200})
        volume.partial_path(running).write_bytes(b"r" * 500)
        with pytest.raises(InsufficientStorageError):
            await capacity.check("library/m:1", {wanted: 200})
        assert volume.partial_size(running) == 500
        capacity.release(running)
        await capacity.check("library/m:1", {wanted: 200})
        assert volume.partial_size(running) == 0, "an unfinished download that nobody runs makes room"

    asyncio.run(run())


def test_room_is_made_before_it_is_refused(volume: Volume) -> None:
    old = put(volume, b"x" * 800)
    asked: list[int] = []

    async def run() -> None:
        capacity = Capacity(volume, max_bytes=1000, min_free=0)

        async def make_room(need: int) -> int:
            asked.append(need)
            path = volume.discard_blob(old)
            assert path is not None
            path.unlink()
            return 800

        capacity.make_room = make_room
        await capacity.promise(digest_of(b"a"), 600)
        await capacity.promise(digest_of(b"b"), 400)

    asyncio.run(run())
    assert asked == [400]


def test_stored_model_needs_no_room(volume: Volume) -> None:
    digest = put(volume, b"x" * 400)

    async def run() -> None:
        await Capacity(volume, max_bytes=100, min_free=1 << 60).check("m", {digest: 400})

    asyncio.run(run())


def test_free_disk_is_kept(volume: Volume) -> None:
    async def run() -> None:
        await Capacity(volume, max_bytes=None, min_free=1 << 60).promise(digest_of(b"a"), 1)

    with pytest.raises(InsufficientStorageError, match="minFreeBytes"):
        asyncio.run(run())


def test_bytes_for_people() -> None:
    assert [human_bytes(n) for n in (0, 999, 1000, 98_000_000, 3 * 10**12)] == [
        "0 B", "999 B", "1.0 kB", "98.0 MB", "3.0 TB",
    ]  # fmt: skip
