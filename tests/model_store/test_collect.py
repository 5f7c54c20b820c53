"""Garbage collection by a real store process: what goes, what stays, and that a pull in its middle is whole.

Proves it on one file system with the clock of this machine. Does not prove anything about clocks that jump.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.model_store.conftest import MakeStore
from tests.model_store.harness import Model, Store, http, make_model, push, random_bytes, sha256
from tests.model_store.steps import collecting, fill, held, leftovers, pull, push_model, until, uploads, want
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.registry import Registry

SIZE = 2_000_000
SHARED = b"a license that all have" * 10


@pytest.fixture
def models(registry: Registry) -> list[Model]:
    """Three models with weights of their own, and two blobs that all share: a license and the config."""
    return [
        push(registry.host, make_model(f"library/collect{n}", "1", [random_bytes(SIZE, 100 + n), SHARED]))
        for n in range(3)
    ]


@pytest.fixture
def wanted(tmp_path: Path) -> Path:
    return tmp_path / "wanted.json"


def refs(store: Store, model: Model) -> Path:
    return store.root / "refs" / "registry-test" / model.repository


def age(store: Store, model: Model, seconds: float) -> None:
    """Have a model last used and handed out so long ago."""
    then = time.time() - seconds
    manifest = store.root / "manifests" / "sha256" / sha256(model.manifest).removeprefix("sha256:")
    blobs = [store.stored(digest) for digest in model.blobs]
    for path in [*refs(store, model).rglob("*"), manifest, *blobs]:
        if path.is_file():
            os.utime(path, (then, then))


def test_unwanted_goes_and_wanted_stays(
    make_store: MakeStore, registry: Registry, models: list[Model], wanted: Path
) -> None:
    want(wanted, *models)
    store = make_store(f"http://{registry.host}", **collecting(wanted))
    fill(store, *models)
    before = store.metric("collections_total", outcome="done")
    until(lambda: store.metric("collections_total", outcome="done") > before + 2)
    assert [held(store, model) for model in models] == [3, 3, 3]
    want(wanted, models[0], models[2])
    until(lambda: held(store, models[1]) == 2, 25)
    # What they share stays, and so does every other model.
    assert store.stored(sha256(SHARED)).exists()
    assert not refs(store, models[1]).exists()
    assert [held(store, models[0]), held(store, models[2])] == [3, 3]
    lines = store.events("collected_model")
    assert [line["model"] for line in lines] == ["registry-test/library/collect1:1"]
    assert lines[0]["reason"] == "unwanted"
    assert store.metric("collected_bytes_total") == SIZE
    assert store.metric("wanted_models") == 2
    # It can be had again.
    want(wanted, *models)
    until(lambda: store.metric("wanted_models") == 3, 25)
    pull(store, models[1])


@pytest.mark.parametrize("text", [None, "{", '{"models": [{"host": "a"}]}', '{"models": [], "more": 1}'])
def test_without_a_usable_list_nothing_goes(
    text: str | None, make_store: MakeStore, registry: Registry, models: list[Model], wanted: Path
) -> None:
    if text is not None:
        wanted.write_text(text)
    store = make_store(f"http://{registry.host}", **collecting(wanted))
    fill(store, models[0])
    until(lambda: store.metric("collections_total", outcome="no_wanted_list") > 5)
    assert held(store, models[0]) == 3
    assert store.metric("wanted_list_usable") == 0
    assert len(store.events("wanted_list_unusable")) == 1, "it is said once"
    wanted.unlink(missing_ok=True)
    want(wanted)
    until(lambda: held(store, models[0]) == 0, 25)
    assert store.metric("wanted_list_usable") == 1


def test_what_was_used_lately_stays_across_a_restart(
    make_store: MakeStore, registry: Registry, models: list[Model], wanted: Path
) -> None:
    want(wanted)
    settings = collecting(wanted, keepSeconds=3600)
    store = make_store(f"http://{registry.host}", **settings)
    fill(store, *models)
    store.stop()
    age(store, models[0], 3700)
    age(store, models[1], 3700)
    store = make_store("http://127.0.0.1:9", tagFreshSeconds=0, **{**settings, "collect": {"enabled": False}})
    pull(store, models[1])
    store.stop()
    store = make_store(f"http://{registry.host}", **settings)
    until(lambda: held(store, models[0]) == 2)
    until(lambda: store.metric("collections_total", outcome="done") > 3)
    assert [held(store, models[1]), held(store, models[2])] == [3, 3]


def test_a_tag_that_moved_lets_its_old_model_go(make_store: MakeStore, registry: Registry, wanted: Path) -> None:
    old = push(registry.host, make_model("library/moved", "1", [random_bytes(SIZE, 7)]))
    want(wanted, old)
    store = make_store(f"http://{registry.host}", **collecting(wanted))
    pull(store, old)
    new = push(registry.host, make_model("library/moved", "1", [random_bytes(SIZE, 8)]))
    pull(store, new)
    until(lambda: held(store, old) == 1)
    assert held(store, new) == 2, "the config blob is the same"
    pull(store, new)


def test_a_manifest_promises_its_blobs(
    make_store: MakeStore, registry: Registry, models: list[Model], wanted: Path
) -> None:
    """A client that has the manifest of an unwanted model gets every blob, however long it takes to ask."""
    want(wanted)
    store = make_store(f"http://{registry.host}", **collecting(wanted, leaseSeconds=2.0))
    model = models[0]
    fill(store, model)
    with http(base_url=store.url) as client:
        for digest, data in model.blobs.items():
            assert store.stored(digest).exists()
            time.sleep(1.2)
            assert client.get(model.blob(digest)).content == data
    assert store.metric("collected_total", kind="blob") == 0
    assert store.metric("collected_total", kind="ref") == 0
    until(lambda: held(store, model) == 0)
    assert leftovers(store.root, []) == []


def test_a_running_download_and_a_running_transfer_keep_their_blob(
    make_store: MakeStore, proxy: FaultyProxy, registry: Registry, wanted: Path
) -> None:
    want(wanted)
    # More than the sockets between store and client hold, so that the transfer lasts until it is read.
    model = push(registry.host, make_model("library/collect-large", "1", [random_bytes(24 << 20, 104)]))
    proxy.reset(Fault("slow", delay_s=0.001, times=None, ranged_only=False))
    store = make_store(f"http://{proxy.host}", **collecting(wanted))
    with http() as client, client.stream("GET", store.url + model.blob()) as answer:
        body = answer.iter_raw(1 << 14)
        got = next(body)
        until(store.stored(model.largest).exists)
        before = store.metric("collections_total", outcome="done")
        until(lambda: store.metric("collections_total", outcome="done") > before + 15)
        got += b"".join(body)
    assert got == model.blobs[model.largest]
    until(lambda: not store.stored(model.largest).exists())


def test_pulls_during_collections_are_whole(
    make_store: MakeStore, registry: Registry, models: list[Model], wanted: Path
) -> None:
    """Nothing is wanted and a collection runs all the time; each of many pulls still gets every byte."""
    want(wanted)
    store = make_store(f"http://{registry.host}", **collecting(wanted, intervalSeconds=0.01))
    faults: list[BaseException] = []

    def work(model: Model) -> None:
        try:
            for pause in (0.0, 0.9, 0.95, 1.0, 1.02, 1.05, 1.1, 1.2):
                time.sleep(pause)
                pull(store, model)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            faults.append(error)

    threads = [threading.Thread(target=work, args=(model,)) for model in [*models, models[0]]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert store.metric("failures_total") == 0
    until(lambda: not list((store.root / "refs").iterdir()))
    until(lambda: leftovers(store.root, []) == [])
    assert not list((store.root / "manifests" / "sha256").iterdir())


def test_shortage_takes_the_longest_unused_unwanted_model(
    make_store: MakeStore, registry: Registry, models: list[Model], wanted: Path
) -> None:
    want(wanted, models[0])
    settings = collecting(wanted, keepSeconds=1e6, intervalSeconds=3600)
    store = make_store(f"http://{registry.host}", maxBytes=3 * SIZE + SIZE // 2, **settings)
    for model, seconds in zip(models, (9000, 600, 4000), strict=True):
        fill(store, model)
        age(store, model, seconds)
    fourth = push(registry.host, make_model("library/collect-new", "1", [random_bytes(SIZE, 200)]))
    want(wanted, models[0], fourth)
    # What was pulled a moment ago is promised.
    time.sleep(1.1)
    pull(store, fourth)
    # models[2] was unused for longer than models[1]; models[0] longer than both, but it is wanted.
    assert [held(store, model) for model in models] == [3, 3, 2]
    (line,) = store.events("collected_model")
    assert (line["model"], line["reason"]) == ("registry-test/library/collect2:1", "shortage")


def test_nothing_is_deleted_in_vain(
    make_store: MakeStore, registry: Registry, models: list[Model], wanted: Path
) -> None:
    want(wanted, models[0])
    settings = collecting(wanted, keepSeconds=1e6, intervalSeconds=3600)
    store = make_store(f"http://{registry.host}", maxBytes=3 * SIZE, **settings)
    fill(store, *models[:2])
    huge = push(registry.host, make_model("library/collect-huge", "1", [random_bytes(5 * SIZE // 2, 201)]))
    with http(base_url=store.url) as client:
        refused = client.get(huge.path)
    assert refused.status_code == 507
    assert "is wanted, pushed or in use" in refused.json()["errors"][0]["message"]
    assert [held(store, model) for model in models[:2]] == [3, 3]


def test_pushed_models_stay_until_they_are_deleted(make_store: MakeStore, wanted: Path, tmp_path: Path) -> None:
    want(wanted)
    mine = make_model("team/mine", "1", [random_bytes(SIZE, 300)])
    store = make_store("http://127.0.0.1:9", **collecting(wanted), **uploads(tmp_path))
    assert push_model(store.url, mine).status_code == 201
    before = store.metric("collections_total", outcome="done")
    until(lambda: store.metric("collections_total", outcome="done") > before + 3)
    host = {"Host": "model-store-local"}
    pull(store, mine, host)
    with http(base_url=store.url, headers=host) as client:
        assert client.delete(mine.path).status_code == 401
        assert held(store, mine) == 2
        token = {"Authorization": "Bearer a-token-of-this-test"}
        assert client.delete("/v2/team/other/manifests/1", headers=token).status_code == 404
        assert client.delete(mine.path, headers=token).status_code == 202
        gone = client.get(mine.path)
    assert (gone.status_code, gone.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    assert leftovers(store.root, []) == []


def test_dry_run_says_what_would_go_and_changes_nothing(
    make_store: MakeStore, registry: Registry, models: list[Model], wanted: Path, tmp_path: Path
) -> None:
    want(wanted, models[0])
    settings = {**collecting(wanted, keepSeconds=1800, intervalSeconds=3600), "scrubSeconds": 0}
    store = make_store(f"http://{registry.host}", **settings)
    fill(store, *models)
    age(store, models[0], 7200)
    age(store, models[1], 7200)
    orphan = store.root / "blobs" / "sha256" / ("0" * 64)
    orphan.write_bytes(b"nobody's")
    os.utime(orphan, (0, 0))
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    command = [sys.executable, "-m", "model_store", "--config", str(tmp_path / "store" / "config.json"), "--collect"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    shown = subprocess.run([*command, "--dry-run"], env=env, capture_output=True, text=True, check=True).stdout
    lines = shown.splitlines()
    assert lines[0].split() == ["WHAT", "WHY", "UNUSED", "FOR", "FREES"]
    assert lines[1].split("  ")[0] == "registry-test/library/collect1:1"
    assert [cell.strip() for cell in lines[1].split("  ") if cell][1:] == ["no server wants it", "2.0 h", "2.0 MB"]
    assert any(f"sha256:{'0' * 64}" in line and "no manifest names it" in line for line in lines)
    assert lines[-1] == "1 of 3 models would go; of the 2 that stay 1 are wanted and 0 pushed"
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before
    running = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert running.returncode == 1
    assert "another model store holds" in running.stderr
    store.stop()
    subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert [held(store, model) for model in models] == [3, 2, 3]
    assert not orphan.exists()
