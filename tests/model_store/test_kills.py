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
from types import TracebackType
from typing import Self

import httpx
import pytest

from tests.model_store.conftest import MakeStore
from tests.model_store.harness import Model, Store, http, make_model, push, random_bytes, sha256
from tests.model_store.steps import PUSHED, TOKEN, collecting, leftovers, pull, push_model, until, uploads, want
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.registry import Registry

KILLS = 20
SIZE = 3_000_000


class Clients:
    """Threads that pull, push, read back and delete without end, through every break.

    Attributes:
        broken: what came whole and was wrong.
    """

    def __init__(self, store: Store, pulled: list[Model], mine: list[Model]) -> None:
        self._store = store
        self._pulled, self._mine = pulled, mine
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(4)]
        self.broken: list[str] = []
        self.right = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, number: int) -> None:
        choose = random.Random(number)  # noqa: S311 - an order, not secrets
        while not self._stop.is_set():
            with contextlib.suppress(httpx.HTTPError):
                if number % 2:
                    self._check(choose.choice(self._pulled), {})
                else:
                    self._push(choose.choice(self._mine), delete=choose.random() < 0.5)
            # The store, not its clients, is to have the machine.
            time.sleep(0.05)

    def _push(self, model: Model, *, delete: bool) -> None:
        push_model(self._store.url, model)
        self._check(model, PUSHED)
        if delete:
            headers = {**PUSHED, "Authorization": f"Bearer {TOKEN}"}
            with http(base_url=self._store.url, headers=headers) as client:
                client.delete(model.path)

    def _check(self, model: Model, headers: dict[str, str]) -> None:
        """Whatever comes whole must be right; a connection that breaks off is no answer."""
        with http(base_url=self._store.url, headers=headers) as client:
            paths = {model.path: model.manifest, **{model.blob(key): data for key, data in model.blobs.items()}}
            for path, data in paths.items():
                answer = client.get(path)
                if answer.status_code == 200 and answer.content != data:
                    self.broken.append(path)
                self.right += answer.status_code == 200


@pytest.mark.timeout(300)
def test_twenty_kills(make_store: MakeStore, proxy: FaultyProxy, registry: Registry, tmp_path: Path) -> None:
    pulled = [push(registry.host, make_model(f"library/kill{n}", "1", [random_bytes(SIZE, n)])) for n in range(4)]
    mine = [make_model(f"team/kill{n}", "1", [random_bytes(SIZE, 50 + n)]) for n in range(3)]
    proxy.reset(Fault("slow", delay_s=0.001, times=None, ranged_only=False))
    wanted = want(tmp_path / "wanted.json", pulled[0])
    settings = {**collecting(wanted, intervalSeconds=0.02), **uploads(tmp_path), "scrubSeconds": 0.5}
    store = make_store(f"http://{proxy.host}", **settings)
    moments = random.Random(20)  # noqa: S311 - moments, not secrets
    with Clients(store, pulled, mine) as clients:
        for _ in range(KILLS):
            time.sleep(moments.uniform(0.05, 1.2))
            store.stop(signal.SIGKILL)
            for path in (store.root / "blobs" / "sha256").iterdir():
                assert sha256(path.read_bytes()) == f"sha256:{path.name}", "a blob on the volume is broken"
            store.start()
    assert clients.broken == []
    assert clients.right > KILLS, "the clients got hardly anything, so nothing is shown"
    pull(store, pulled[0])
    for model in mine:
        assert push_model(store.url, model).status_code == 201
        pull(store, model, PUSHED)
    # Nothing but what is wanted or pushed is left, once what the kills left undone has been done.
    with contextlib.suppress(AssertionError):
        until(lambda: leftovers(store.root, [pulled[0], *mine]) == [], 30)
    assert leftovers(store.root, [pulled[0], *mine]) == []
    refs = {path.relative_to(store.root / "refs").parts[:3] for path in (store.root / "refs").rglob("@tags")}
    assert refs == {
        ("registry-test", "library", "kill0"),
        *(("model-store-local", "team", f"kill{n}") for n in range(3)),
    }
    assert len(list((store.root / "manifests" / "sha256").iterdir())) == 4
    assert store.metric("scrub_bad_blobs_total") == 0
