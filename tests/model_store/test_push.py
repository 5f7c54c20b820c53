"""Pushing to a real store process: who may, where to, and what happens when the connection or the store breaks.

That Ollama runs what was pushed is shown in test_ollama.
"""

from __future__ import annotations

import asyncio
import base64
import re
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from model_store.client import Pushed, PushError, PushProgress, StoreClient
from tests.model_store.conftest import MakeStore
from tests.model_store.harness import Store, http, make_model, random_bytes, sha256
from tests.model_store.steps import PUSHED, TOKEN, held, pull, push_model, until, uploads
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.tiny_model import tiny_gguf

NOWHERE = "http://127.0.0.1:9"


def large_gguf(folder: Path, size: int) -> Path:
    """A model that is larger than one part of an upload; Ollama would not look at what follows its tensors."""
    file = folder / "large.gguf"
    file.write_bytes(tiny_gguf(9) + random_bytes(size, 9))
    return file


def send(
    url: str, path: Path, name: str = "team/model", token: str = TOKEN, seen: list[PushProgress] | None = None
) -> Pushed:
    async def run() -> Pushed:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as session:
            client = StoreClient(session, alias="model-store-local", token=token)
            return await client.push(path, name, "1", (seen if seen is not None else []).append)

    return asyncio.run(run())


def test_push_again_sends_nothing(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(NOWHERE, **uploads(tmp_path))
    file = large_gguf(tmp_path, 40 << 20)
    seen: list[PushProgress] = []
    first = send(store.url, file, seen=seen)
    assert first.sent == first.size
    done = [one.done for one in seen if one.phase == "uploading" and one.label == "large.gguf"]
    assert done == sorted(done)
    assert (done[0], done[-1], len(done)) == (0, file.stat().st_size, 4)
    assert {one.phase for one in seen} == {"hashing", "uploading", "verifying"}
    again = send(store.url, file, name="team/other")
    assert (again.digest, again.sent) == (first.digest, 0)
    with http(base_url=store.url, headers=PUSHED) as client:
        for name in ("team/model", "team/other"):
            manifest = client.get(f"/v2/{name}/manifests/1")
            assert sha256(manifest.content) == first.digest
            assert manifest.headers["x-model-store-source"] == "pushed"


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401), ("Bearer wrong", 401), ("Bearer", 401), (basic("wrong"), 401), ("Basic !!", 401),
        ("Digest x", 401), (f"Bearer {TOKEN}", 202), (basic(TOKEN), 202),
    ],
)  # fmt: skip
def test_who_may_write(header: str | None, status: int, make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(NOWHERE, **uploads(tmp_path))
    headers = {**PUSHED, **({} if header is None else {"Authorization": header})}
    with http(base_url=store.url, headers=headers) as client:
        answer = client.post("/v2/team/model/blobs/uploads/")
        assert answer.status_code == status
        if status == 401:
            assert answer.headers["www-authenticate"] == 'Basic realm="model store"'
            upload = "/v2/team/model/blobs/uploads/" + "0" * 32
            for method, path in (("PATCH", upload), ("PUT", upload), ("DELETE", upload), ("GET", upload)):
                assert client.request(method, path).status_code == 401
            for method in ("PUT", "DELETE"):
                assert client.request(method, "/v2/team/model/manifests/1").status_code == 401
    assert TOKEN not in store.log.read_text()


def test_where_to_write(make_store: MakeStore, tmp_path: Path) -> None:
    """Only to the store's own registry: nobody can take the place of another registry's model."""
    store = make_store(NOWHERE, **uploads(tmp_path))
    with http(base_url=store.url, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        for host in ("registry-test", "127.0.0.1"):
            answer = client.put("/v2/library/m/manifests/1", content=b"{}", headers={"Host": host})
            assert answer.status_code == 405
            assert "models are pushed to model-store.local alone" in answer.text


def test_token_that_is_missing_or_replaced(make_store: MakeStore, tmp_path: Path) -> None:
    settings = uploads(tmp_path)
    store = make_store(NOWHERE, **settings)
    model = make_model("team/rotated", "1", [b"r" * 1000])
    assert push_model(store.url, model).status_code == 201
    (tmp_path / "token").write_text("another")
    with pytest.raises(PushError, match="does not take this token"):
        send(store.url, large_gguf(tmp_path, 10))
    assert send(store.url, large_gguf(tmp_path, 10), token="another").sent > 0
    (tmp_path / "token").unlink()
    with pytest.raises(PushError, match="holds no token"):
        send(store.url, large_gguf(tmp_path, 10), token="another")
    pull(store, model, PUSHED)


def test_wrong_bytes_are_no_blob(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(NOWHERE, **uploads(tmp_path))
    with http(base_url=store.url, headers={**PUSHED, "Authorization": f"Bearer {TOKEN}"}) as client:
        where = client.post("/v2/team/m/blobs/uploads/").headers["location"]
        refused = client.put(httpx.URL(where).path, params={"digest": sha256(b"right")}, content=b"wrong")
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")
        model = make_model("team/m", "1", [b"never sent"])
        unknown = client.put(model.path, content=model.manifest)
        assert unknown.status_code == 400
        assert "push them first" in unknown.text
    assert list((store.root / "blobs" / "sha256").iterdir()) == []


def test_broken_connections_are_taken_up_where_the_store_is(make_store: MakeStore, tmp_path: Path) -> None:
    settings = uploads(tmp_path)
    # The proxy goes by its address alone.
    settings["uploads"] = {**settings["uploads"], "alias": "127"}
    store = make_store(NOWHERE, **settings)
    file = large_gguf(tmp_path, 40 << 20)
    with FaultyProxy(store.host) as proxy:
        session = re.compile(r"/blobs/uploads/[0-9a-f]{32}")
        proxy.reset(Fault("status", path=session, status=502, times=3, ranged_only=False))
        pushed = send(f"http://{proxy.host}", file)
    assert pushed.sent == pushed.size
    assert sha256(store.stored(sha256(file.read_bytes())).read_bytes()) == sha256(file.read_bytes())


def test_push_outlives_a_kill_of_the_store(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(NOWHERE, **uploads(tmp_path))
    file = large_gguf(tmp_path, 60 << 20)
    seen: list[PushProgress] = []
    result: list[Pushed | BaseException] = []

    def work() -> None:
        try:
            result.append(send(store.url, file, seen=seen))
        except PushError as error:
            result.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: any(one.phase == "uploading" and one.done > 0 for one in seen))
    store.stop(signal.SIGKILL)
    time.sleep(0.3)
    store.start()
    thread.join()
    assert isinstance(result[0], Pushed), result[0]
    digest = sha256(file.read_bytes())
    assert sha256(store.stored(digest).read_bytes()) == digest
    assert list((store.root / "uploads").iterdir()) == []


def test_a_full_store_refuses_a_push_at_once(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(NOWHERE, maxBytes=1 << 20, **uploads(tmp_path))
    began = time.monotonic()
    with pytest.raises(PushError, match="HTTP 507: no room for an upload to team/model: it needs"):
        send(store.url, large_gguf(tmp_path, 4 << 20))
    assert time.monotonic() - began < 5


def delete(store: Store, name: str, reference: str) -> bool:
    async def run() -> bool:
        async with httpx.AsyncClient(base_url=store.url, trust_env=False, timeout=20) as session:
            return await StoreClient(session, alias="model-store-local", token=TOKEN).delete(name, reference)

    return asyncio.run(run())


def test_delete_a_tag_then_the_manifest(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(NOWHERE, **uploads(tmp_path))
    one = make_model("team/tags", "1", [random_bytes(5000, 1)])
    other = make_model("team/else", "1", [random_bytes(5000, 1), b"more"])
    for model in (one, make_model("team/tags", "2", [random_bytes(5000, 1)]), other):
        assert push_model(store.url, model).status_code == 201
    assert delete(store, "team/tags", "1")
    assert not delete(store, "team/tags", "1")
    with http(base_url=store.url, headers=PUSHED) as client:
        assert client.get("/v2/team/tags/manifests/1").status_code == 404
        assert client.get("/v2/team/tags/manifests/2").content == one.manifest
        assert delete(store, "team/tags", sha256(one.manifest))
        assert client.get("/v2/team/tags/manifests/2").status_code == 404
    # What another model has too stays.
    assert held(store, one) == 1
    pull(store, other, PUSHED)
    assert delete(store, "team/else", "1")
    assert list((store.root / "blobs" / "sha256").iterdir()) == []
    assert list((store.root / "refs").iterdir()) == []
