"""SIGKILL at twenty moments while the store pulls, takes pushes and collects, all at once.

Proves that no broken blob is ever served and nothing is left lying about. Does not pull a plug: what a power cut
leaves on a disk that lies about fsync is not shown.
"""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.model_store.conftest import MakeStore
from tests.model_store.harness import Model, http, make_model, push, random_bytes, sha256
from tests.model_store.steps import PUSHED, collecting, leftovers, pull, push_model, until, uploads, want
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.registry import Registry

KILLS = 20
SIZE = 3_000_000


@pytest.mark.timeout(300)
def test_twenty_kills(make_store: MakeStore, proxy: FaultyProxy, registry: Registry, tmp_path: Path) -> None:
    pulled = [push(registry.host, make_model(f"library/kill{n}", "1", [random_bytes(SIZE, n)])) for n in range(4)]
    mine = [make_model(f"team/kill{n}", "1", [random_bytes(SIZE, 50 + n)]) for n in range(3)]
    proxy.reset(Fault("slow", delay_s=0.001, times=None, ranged_only=False))
    wanted = want(tmp_path / "wanted.json", pulled[0])
    settings = {**collecting(wanted, intervalSeconds=0.02), **uploads(tmp_path), "scrubSeconds": 0.5}
    store = make_store(f"http://{proxy.host}", **settings)
    noise = random.Random(20)  # noqa: S311 - moments, not secrets
    stop = threading.Event()
    broken: list[str] = []

    def check(model: Model, headers: dict[str, str]) -> None:
        """Whatever comes whole must be right; a connection that breaks off is no answer."""
        with http(base_url=store.url, headers=headers) as client:
            manifest = client.get(model.path)
            if manifest.status_code == 200 and manifest.content != model.manifest:
                broken.append(f"manifest of {model.repository}")
            for digest, data in model.blobs.items():
                answer = client.get(model.blob(digest))
                if answer.status_code == 200 and answer.content != data:
                    broken.append(f"{digest} of {model.repository}")

    def work(number: int) -> None:
        choose = random.Random(number)  # noqa: S311
        while not stop.is_set():
            with contextlib.suppress(httpx.HTTPError):
                if number % 2:
                    check(choose.choice(pulled), {})
                else:
                    model = choose.choice(mine)
                    push_model(store.url, model)
                    check(model, PUSHED)
                    if choose.random() < 0.5:
                        with http(
                            base_url=store.url, headers={**PUSHED, "Authorization": "Bearer a-token-of-this-test"}
                        ) as c:
                            c.delete(model.path)
            time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(KILLS):
            time.sleep(noise.uniform(0.05, 1.2))
            store.stop(signal.SIGKILL)
            for path in (store.root / "blobs" / "sha256").iterdir():
                assert sha256(path.read_bytes()) == f"sha256:{path.name}", "a blob on the volume is broken"
            store.start()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert broken == []
    pull(store, pulled[0])
    for model in mine:
        assert push_model(store.url, model).status_code == 201
        pull(store, model, PUSHED)
    until(lambda: not list((store.root / "partial").iterdir()))
    # Nothing but what is wanted or pushed is left, once what the kills left undone has been done.
    until(lambda: leftovers(store.root, [pulled[0], *mine]) == [], 30)
    refs = {path.relative_to(store.root / "refs").parts[0:3] for path in (store.root / "refs").rglob("@tags")}
    assert refs == {
        ("registry-test", "library", "kill0"),
        *(("model-store-local", "team", f"kill{n}") for n in range(3)),
    }
    assert len(list((store.root / "manifests" / "sha256").iterdir())) == 4
    assert store.metric("scrub_bad_blobs_total") == 0
