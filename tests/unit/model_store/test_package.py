"""GGUF heads and the manifest that is made of a file or folder.

That Ollama takes it is shown in tests/model_store; quantized weights are not among the files here.
"""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.gguf import GgufError, GgufHead, read_head
from model_store.manifests import layers_of
from model_store.package import PackageError, read_package
from tests.support.tiny_model import tiny_gguf

TINY = tiny_gguf(3)
# Embedding and output of 310 tokens by 64, two layers of attention, feed-forward and norms, one norm at the end.
PARAMETERS = 2 * 64 * 310 + 2 * (4 * 64 * 64 + 2 * 64 + 3 * 64 * 128) + 64


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(**values: str | int) -> bytes:
    """A head without tensors."""
    body = b""
    for key, value in values.items():
        body += text(key.replace("__", "."))
        body += struct.pack("<I", 8) + text(value) if isinstance(value, str) else struct.pack("<IH", 2, value)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)) + body


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(TINY)
    return file


def test_head(tiny: Path) -> None:
    assert read_head(tiny) == GgufHead("llama", "model", "unknown", PARAMETERS, 1)


@pytest.mark.parametrize(
    ("count", "label"),
    [(999, "999"), (45_000, "45K"), (134_515_008, "134.52M"), (7 * 10**9, "7B"), (3_212_749_888, "3.2B")]
)  # fmt: skip
def test_label_as_ollama_writes_it(count: int, label: str) -> None:
    assert GgufHead("llama", "model", "F16", count, 1).size_label == label


@settings(max_examples=200)
@given(st.integers(0, 20_000), st.binary(max_size=8), st.sampled_from([b"", TINY]))
def test_a_broken_file_is_a_fault_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, at: int, noise: bytes, base: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "broken.gguf"
    file.write_bytes(base[:at] + noise + base[at + len(noise) :] if noise else base[:at])
    try:
        head = read_head(file)
    except GgufError:
        return
    assert head.parameters >= 0


def test_manifest_of_a_file(tiny: Path) -> None:
    seen: list[tuple[int, int]] = []
    package = read_package(tiny, lambda _, done, total: seen.append((done, total)))
    document = json.loads(package.manifest)
    digest = f"sha256:{hashlib.sha256(TINY).hexdigest()}"
    assert document["layers"] == [
        {"mediaType": "application/vnd.ollama.image.model", "digest": digest, "size": len(TINY)}
    ]
    assert {str(one) for one in layers_of(package.manifest)} == {layer.digest for layer in package.layers}
    config = package.layers[-1]
    assert isinstance(config.source, bytes)
    assert json.loads(config.source)["model_families"] == ["llama"]
    assert seen[-1] == (len(TINY), len(TINY))
    assert package.digest == read_package(tiny).digest, "the same files give the same model"


def test_manifest_of_a_folder(tiny: Path) -> None:
    folder = tiny.parent
    (folder / "mmproj-f16.gguf").write_bytes(gguf(general__architecture="clip"))
    (folder / "lora.gguf").write_bytes(gguf(general__architecture="llama", general__type="adapter"))
    (folder / "template").write_text("{{ .Prompt }}")
    (folder / "params").write_text('{"stop": ["x"]}')
    (folder / "README.md").write_text("not a layer")
    kinds = [layer.media_type.rpartition(".")[2] for layer in read_package(folder).layers]
    assert kinds == ["model", "adapter", "projector", "template", "params", "v1+json"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "0 models"),
        ({"a.gguf": TINY, "b.gguf": TINY}, "2 models (a.gguf, b.gguf)"),
        ({"model.safetensors": b"x"}, "create.files"),
        ({"a.gguf": b"not one"}, "no whole GGUF file"),
        ({"a-00001-of-00002.gguf": gguf(general__architecture="llama", split__count=2)}, "merge them first"),
        ({"a.gguf": TINY, "params": b"["}, "is not JSON"),
        ({"a.gguf": TINY, "params": b"[]"}, "must hold a JSON object"),
        ({"a.gguf": TINY, "messages": b"{}"}, "must hold a JSON list"),
        ({"a.gguf": TINY, "license": b"x" * (1 << 21)}, "larger than 1 MiB"),
    ],
)
def test_what_is_no_model(files: dict[str, bytes], words: str, tmp_path: Path) -> None:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(PackageError) as caught:
        read_package(tmp_path)
    assert words in str(caught.value)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="neither a GGUF file nor a folder"):
        read_package(tmp_path / "absent")
