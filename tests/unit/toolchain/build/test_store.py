"""A tool is found whole or not at all. Does not show what a power cut does: that takes a machine to cut."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from toolchain.build.store import MANIFEST, Key, Manifest, Store, read_manifest

KEY = Key("kubelet", "1.34.4", "0123abcd")


def manifest(size: int = 4) -> Manifest:
    return Manifest(
        name=KEY.name, version=KEY.version, recipe=KEY.recipe, source="here", licence="MIT", files={"kubelet": size}
    )


def publish(store: Store, content: str = "good") -> Path:
    with store.staging("kubernetes") as staging:
        folder = staging / "kubelet"
        folder.mkdir()
        (folder / "kubelet").write_text(content)
        return store.publish(folder, manifest(len(content)))


def test_published_is_found_at_its_key(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.find(KEY) is None
    folder = publish(store)
    assert folder == tmp_path / "kubelet" / "1.34.4-0123abcd"
    assert store.find(KEY) == folder
    assert store.find(Key("kubelet", "1.34.4", "ffffffff")) is None
    assert [path.name for path in tmp_path.iterdir()] == ["kubelet"]


@pytest.mark.parametrize("damage", ["truncate", "remove", "manifest", "no manifest", "file instead"])
def test_damaged_is_not_found_and_can_be_published_again(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    folder = publish(store)
    if damage == "truncate":
        (folder / "kubelet").write_text("g")
    elif damage == "remove":
        (folder / "kubelet").unlink()
    elif damage == "manifest":
        (folder / MANIFEST).write_text('{"name": "kube')
    elif damage == "no manifest":
        (folder / MANIFEST).unlink()
    else:
        (folder / "kubelet").unlink()
        (folder / MANIFEST).unlink()
        folder.rmdir()
        folder.write_text("")
    assert store.find(KEY) is None
    if damage == "file instead":
        folder.unlink()
    publish(store, "better")
    found = store.find(KEY)
    assert found is not None
    assert (found / "kubelet").read_text() == "better"


def test_staging_is_empty_and_gone_afterwards(tmp_path: Path) -> None:
    store = Store(tmp_path)
    leftover = tmp_path / ".staging-kubernetes" / "out"
    leftover.mkdir(parents=True)
    with store.staging("kubernetes") as staging:
        assert list(staging.iterdir()) == []
        (staging / "half").write_text("")
    assert list(tmp_path.iterdir()) == []


def test_prune_deletes_what_nobody_looked_up(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = publish(store)
    old = time.time() - 15 * 86400
    os.utime(folder / MANIFEST, (old, old))
    assert store.find(KEY) == folder
    assert store.prune() == []
    os.utime(folder / MANIFEST, (old, old))
    assert store.prune() == ["kubelet/1.34.4-0123abcd"]
    assert store.find(KEY) is None


def test_manifest_refuses_unknown_fields(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(manifest().model_dump_json()[:-1] + ', "extra": 1}')
    assert read_manifest(tmp_path) is None
