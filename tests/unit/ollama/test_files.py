"""Which files of a folder are sent, and how wrong ones are told.

Proves: the choice, the checks of file heads, and that no bytes of a head break the reader. That a server takes what
is chosen is in tests/ollama.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ollama.files import FileStamp, find_weights, pieces, stamp
from ollama.weights import Kind, WeightsError, check_safetensors, read_gguf
from tests.ollama.tiny_folders import tiny_projector, write_adapter, write_llama
from tests.support.tiny_model import tiny_gguf


def names(place: Path, kind: Kind = "model") -> list[str]:
    return list(find_weights(place, kind).files)


def test_safetensors_come_with_their_texts_and_before_gguf(tmp_path: Path) -> None:
    write_llama(tmp_path, shards=2)
    (tmp_path / "model.gguf").write_bytes(tiny_gguf())
    (tmp_path / "consolidated.safetensors").write_bytes((tmp_path / "model-00001-of-00002.safetensors").read_bytes())
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text("{}")
    (tmp_path / "tokenizer.model").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    found = find_weights(tmp_path, "model")
    assert found.form == "safetensors"
    assert list(found.files) == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "1_Pooling/config.json",
        "config.json",
        "tokenizer.json",
        "tokenizer.model",
    ]
    assert found.size == sum((tmp_path / name).stat().st_size for name in found.files)


def test_gguf_with_its_projector_and_without_an_adapter(tmp_path: Path) -> None:
    (tmp_path / "a-mmproj.gguf").write_bytes(tiny_projector())
    (tmp_path / "weights.gguf").write_bytes(tiny_gguf())
    (tmp_path / "config.json").write_text("{}")
    assert names(tmp_path) == ["weights.gguf", "a-mmproj.gguf"]
    assert names(tmp_path / "weights.gguf") == ["weights.gguf"]
    assert names(write_adapter(tmp_path / "lora"), "adapter") == ["adapter_model.safetensors", "adapter_config.json"]


def two_gguf(folder: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (folder / name).write_bytes(tiny_gguf())


def nothing(folder: Path) -> None:
    assert folder.is_dir()


def split(folder: Path) -> None:
    (folder / "a.gguf").write_bytes(split_gguf())


def link_out(folder: Path) -> None:
    (folder / "a.gguf").symlink_to("/etc/hostname")


def with_file(name: str, content: bytes) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return make


def with_weights(content: bytes) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        (write_llama(folder) / "model.safetensors").write_bytes(content)

    return make


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (nothing, "model", "has neither *.safetensors nor *.gguf files"),
        (with_file("model.safetensors", b""), "model", "and no `config.json`"),
        (write_llama, "adapter", "and no `adapter_config.json`"),
        (with_file("a.gguf", tiny_gguf()), "adapter", "no GGUF of kind adapter"),
        (two_gguf, "model", "has more than one model to choose from: `a.gguf`, `b.gguf`; give the path of one file"),
        (with_weights(b"version https://git-lfs.x"), "model", "is a Git LFS pointer, not the file itself"),
        (with_weights(b"\x50\0\0\0\0\0\0\0{}"), "model", "is cut short: a Safetensors file"),
        (split, "model", "one of 3 parts"),
        (link_out, "model", "is a link out of its folder"),
    ],
)
def test_refusals(tmp_path: Path, make: Callable[[Path], object], kind: Kind, says: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    make(folder)
    with pytest.raises(WeightsError) as caught:
        find_weights(folder, kind)
    assert says in str(caught.value)


def split_gguf() -> bytes:
    return tiny_projector().replace(b"clip.vision.block_count", b"split.count" + b"\0" * 12).replace(
        (23).to_bytes(8, "little") + b"split.count" + b"\0" * 12, (11).to_bytes(8, "little") + b"split.count"
    ).replace(b"split.count\x04\0\0\0\x01", b"split.count\x04\0\0\0\x03")  # fmt: skip


def test_one_safetensors_file_is_not_enough(tmp_path: Path) -> None:
    write_llama(tmp_path)
    with pytest.raises(WeightsError, match="give its folder"):
        find_weights(tmp_path / "model.safetensors", "model")


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), cut=st.integers(0, 600), at=st.integers(0, 400))
def test_no_bytes_break_the_readers(tmp_path: Path, data: bytes, cut: int, at: int) -> None:
    path = tmp_path / "x.gguf"
    sound = tiny_projector()
    for content in (data, b"GGUF" + data, sound[:cut], sound[:at] + data + sound[at + len(data) :]):
        path.write_bytes(content)
        for read in (read_gguf, check_safetensors):
            said = str(path)
            try:
                read(path)
            except WeightsError as error:
                said = str(error)
            assert str(path) in said


def test_a_stamp_holds_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a" * 5_000_000)
    read: list[int] = []
    first = asyncio.run(stamp(path, [], read.append))
    assert sum(read) == 5_000_000
    assert first.size == 5_000_000
    read.clear()
    other = FileStamp("/other", first.size, first.mtime_ns, "sha256:no")
    assert asyncio.run(stamp(path, [other, first], read.append)) is first
    assert read == []
    os.utime(path, ns=(1, first.mtime_ns + 1))
    again = asyncio.run(stamp(path, [first], read.append))
    assert (again.sha256, again.mtime_ns) == (first.sha256, first.mtime_ns + 1)
    assert sum(read) == 5_000_000


def test_pieces_are_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(os.urandom(9_000_000))

    async def read() -> list[bytes]:
        return [piece async for piece in pieces(path)]

    found = asyncio.run(read())
    assert b"".join(found) == path.read_bytes()
    assert max(map(len, found)) <= 4 * 1024 * 1024
