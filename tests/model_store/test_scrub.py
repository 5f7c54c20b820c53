"""Bytes that change on the volume: found, dropped, fetched again, and never sent to the end.

The change is made in the file itself; what a failing disk answers (an error) is not made here.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import pytest

from tests.model_store.conftest import MakeStore
from tests.model_store.harness import http, make_model, push, random_bytes
from tests.model_store.steps import PUSHED, fill, pull, push_model, until, uploads
from tests.support.registry import Registry

SIZE = 4_000_000


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x10]))


def test_flipped_byte_is_found_and_fetched_again(make_store: MakeStore, registry: Registry) -> None:
    models = [push(registry.host, make_model(f"library/rot{n}", "1", [random_bytes(SIZE, n)])) for n in range(3)]
    store = make_store(f"http://{registry.host}", scrubSeconds=0.5)
    fill(store, *models)
    until(lambda: store.metric("scrubbed_bytes_total") > 3 * SIZE)
    assert store.metric("scrub_bad_blobs_total") == 0
    flip(store.stored(models[1].largest), SIZE - 1)
    until(lambda: store.metric("scrub_bad_blobs_total") == 1)
    assert not store.stored(models[1].largest).exists()
    (line,) = store.events("scrub_bad_blob")
    assert line["digest"] == models[1].largest
    for model in models:
        pull(store, model)
    assert store.metric("scrub_bad_blobs_total") == 1


def test_a_running_transfer_of_a_bad_blob_is_cut(make_store: MakeStore, registry: Registry) -> None:
    model = push(registry.host, make_model("library/rot-cut", "1", [random_bytes(32 << 20, 5)]))
    store = make_store(f"http://{registry.host}", scrubSeconds=0.3, scrubBytesPerSecond=1 << 30)
    fill(store, model)
    with http() as client, client.stream("GET", store.url + model.blob()) as answer:
        body = answer.iter_raw(1 << 16)
        next(body)
        flip(store.stored(model.largest), 31 << 20)
        until(lambda: store.metric("scrub_bad_blobs_total") == 1)
        with pytest.raises(httpx.RemoteProtocolError):
            for _ in body:
                pass
    assert store.events("scrub_bad_blob")[0]["transfers_cut"] == 1
    pull(store, model)


def test_pushed_model_that_rotted_says_what_to_do(make_store: MakeStore, tmp_path: Path) -> None:
    model = make_model("team/rot", "1", [random_bytes(SIZE, 6)])
    store = make_store("http://127.0.0.1:9", scrubSeconds=0.3, **uploads(tmp_path))
    assert push_model(store.url, model).status_code == 201
    flip(store.stored(model.largest), 0)
    until(lambda: store.metric("scrub_bad_blobs_total") == 1)
    with http(base_url=store.url, headers=PUSHED) as client:
        gone = client.get(model.blob())
    assert gone.status_code == 404
    assert "push it again" in gone.text
    assert push_model(store.url, model).status_code == 201
    pull(store, model, PUSHED)


def test_pace_and_place_are_kept(make_store: MakeStore, registry: Registry) -> None:
    """At 4 MB/s 8 MB take two seconds; a pass that is over is not begun again by a restart."""
    model = push(registry.host, make_model("library/rot-pace", "1", [random_bytes(2 * SIZE, 7)]))
    store = make_store(f"http://{registry.host}", scrubSeconds=0)
    fill(store, model)
    time.sleep(0.5)
    assert store.metric("scrubbed_bytes_total") == 0
    store.stop()
    began = time.monotonic()
    store = make_store(f"http://{registry.host}", scrubSeconds=3600, scrubBytesPerSecond=SIZE)
    until(lambda: store.metric("scrub_ended_timestamp_seconds") > 0)
    assert time.monotonic() - began > 1.9
    record = json.loads((store.root / "state" / "scrub.json").read_text())
    assert record["after"] == ""
    store.stop()
    store = make_store(f"http://{registry.host}", scrubSeconds=3600)
    until(lambda: store.metric("scrub_ended_timestamp_seconds") == record["ended"])
    assert store.metric("scrubbed_bytes_total") == 0


def test_a_pass_goes_on_where_a_restart_broke_it_off(make_store: MakeStore, registry: Registry) -> None:
    model = push(registry.host, make_model("library/rot-on", "1", [random_bytes(5000 + n, 8) for n in range(6)]))
    store = make_store(f"http://{registry.host}", scrubSeconds=0)
    fill(store, model)
    store.stop()
    names = sorted(digest.removeprefix("sha256:") for digest in model.blobs)
    record = {"began": time.time() - 10, "after": names[2], "ended": None}
    (store.root / "state" / "scrub.json").write_text(json.dumps(record))
    store = make_store(f"http://{registry.host}", scrubSeconds=3600)
    until(lambda: store.metric("scrub_ended_timestamp_seconds") > 0)
    rest = sum(store.stored(f"sha256:{name}").stat().st_size for name in names[3:])
    assert store.metric("scrubbed_bytes_total") == rest
