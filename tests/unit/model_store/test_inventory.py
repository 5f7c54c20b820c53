"""What is on a volume and what of it may go, on real files without a running store."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from model_store.collector import expired, is_paused
from model_store.inventory import StoredModel, freed_by, read
from model_store.names import Digest
from model_store.volume import Volume
from model_store.wanted import Wanted
from tests.model_store.harness import Model, make_model, sha256


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    made = Volume(tmp_path)
    made.open()
    return made


def put(
    volume: Volume, model: Model, *, used: float, pushed: bool = False, tags: tuple[str, ...] | None = None
) -> Path:
    """Write a model as the store does; returns its manifest's file."""
    digest = Digest.parse(sha256(model.manifest))
    body = volume.manifests / digest.hex
    body.write_bytes(model.manifest)
    for name, data in model.blobs.items():
        (volume.blobs / name.removeprefix("sha256:")).write_bytes(data)
    folder = volume.refs / "up" / model.repository
    kind = {"mediaType": "x", "pushed": pushed}
    refs = {folder / "@digests" / digest.hex: kind}
    refs |= {folder / "@tags" / tag: {**kind, "digest": str(digest)} for tag in (tags or (model.tag,))}
    for path, record in refs.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
        os.utime(path, (used, used))
    return body


def wanted(*names: tuple[str, str, str]) -> Wanted:
    return Wanted(frozenset(names), len(names))


SHARED = b"s" * 10
OLD, NEW, MINE = (
    make_model("library/old", "1", [b"o" * 1000, SHARED]),
    make_model("library/new", "1", [b"n" * 500, SHARED]),
    make_model("team/mine", "1", [b"m" * 100, SHARED]),
)


def names(models: list[StoredModel]) -> list[str]:
    return [model.name for model in models]


def test_models_with_names_times_and_blobs(volume: Volume) -> None:
    put(volume, OLD, used=100, tags=("1", "latest"))
    (model,) = read(volume).models
    assert model.name == "up/library/old:1,latest"
    assert (model.pushed, model.used, len(model.refs)) == (False, 100, 3)
    assert model.blobs == {Digest.parse(name): len(data) for name, data in OLD.blobs.items()}


def test_the_longest_unused_goes_first_wanted_and_pushed_never(volume: Volume) -> None:
    put(volume, NEW, used=200)
    put(volume, OLD, used=100)
    put(volume, MINE, used=0, pushed=True)
    found = read(volume)
    assert names(expired(found, wanted(), keep_s=800, now=1000)) == ["up/library/old:1", "up/library/new:1"]
    assert names(expired(found, wanted(), keep_s=801, now=1000)) == ["up/library/old:1"]
    assert names(expired(found, wanted(("up", "library/old", "1")), keep_s=0, now=1000)) == ["up/library/new:1"]
    digest = sha256(NEW.manifest)
    assert names(expired(found, wanted(("up", "library/new", digest)), keep_s=0, now=1000)) == ["up/library/old:1"]
    assert expired(found, wanted(), keep_s=0, now=50) == [], "a clock that was set back makes nothing old"


def test_what_models_share_is_freed_by_the_last(volume: Volume) -> None:
    put(volume, NEW, used=200)
    put(volume, OLD, used=100)
    found = read(volume)
    new, old = found.models
    assert freed_by(found, [old]) == 1000
    config = len(json.dumps({"model_format": "gguf", "layers": 2}))
    assert freed_by(found, [old, new]) == 1500 + len(SHARED) + config
    (volume.blobs / ("0" * 64)).write_bytes(b"loose")
    again = read(volume)
    assert list(again.loose_blobs()) == [Digest("0" * 64)]
    assert freed_by(again, [old]) == 1000


def test_a_manifest_that_cannot_be_read_pauses_only_where_its_model_stays(volume: Volume) -> None:
    put(volume, OLD, used=100).write_bytes(b"{}")
    found = read(volume)
    assert found.models[0].blobs is None
    assert is_paused(found, wanted()) is None
    assert is_paused(found, wanted(("up", "library/old", "1"))) is found.models[0]
    assert is_paused(found, None) is found.models[0]


def test_loose_and_unreadable_things(volume: Volume) -> None:
    put(volume, OLD, used=100)
    (volume.manifests / ("1" * 64)).write_bytes(b"{}")
    temporary = f"{'2' * 64}.{'0' * 32}.new"
    (volume.manifests / temporary).write_bytes(b"")
    tags = volume.refs / "up" / "library/old" / "@tags"
    for name, text in (("broken", "{"), ("list", "[]"), ("number", "1"), ("digest", '{"digest": "md5:1"}')):
        (tags / name).write_text(text)
    (tags / f"tag.{'0' * 32}.new").write_text("{")
    found = read(volume)
    assert found.loose_manifests == (Digest("1" * 64),)
    assert sorted(path.name for path in found.unreadable) == ["broken", "digest", "list", "number"]
    assert names(list(found.models)) == ["up/library/old:1"]
