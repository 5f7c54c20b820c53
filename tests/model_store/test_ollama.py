"""Real Ollama servers pull through the store.

Proves what the Ollama of this project's version does. Weights are random bytes
where only their way matters: Ollama does not look into them until it loads a model.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from model_store.client import Pushed, StoreClient
from tests.model_store.conftest import MakeStore
from tests.model_store.doubles import NamedProxy
from tests.model_store.harness import http, make_model, push, random_bytes, sha256
from tests.model_store.steps import TOKEN, uploads
from tests.support.faulty_proxy import BLOB, Fault, FaultyProxy
from tests.support.ollama_process import OllamaProcess, find_ollama
from tests.support.registry import Registry
from tests.support.tiny_model import create_tiny, tiny_gguf

pytestmark = pytest.mark.ollama


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[OllamaProcess]]:
    binary = find_ollama()
    with ExitStack() as stack:
        yield [stack.enter_context(OllamaProcess(binary, tmp_path_factory.mktemp(f"ollama{n}"))) for n in range(3)]


def pull(replica: OllamaProcess, name: str) -> tuple[str, float]:
    """Pull and return the last status or error, and the seconds it took."""
    began = time.monotonic()
    last = ""
    with http() as client, client.stream(
        "POST", f"{replica.url}/api/pull", json={"model": name, "insecure": True}
    ) as answer:  # fmt: skip
        for line in answer.iter_lines():
            event = json.loads(line)
            last = event.get("error") or event["status"]
    return last, time.monotonic() - began


def test_three_replicas_one_download(replicas: list[OllamaProcess], make_store: MakeStore, registry: Registry) -> None:
    """Two parts of weights (Ollama cuts at 100 MB), three replicas at once, on a store that has nothing."""
    model = push(registry.host, make_model("library/three", "1", [random_bytes(120_000_000, 7), b"template"]))
    store = make_store(f"http://{registry.host}", tagFreshSeconds=10)
    name = f"{store.host}/library/three:1"
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        began = time.monotonic()
        results = list(pool.map(pull, replicas, [name] * 3))
        together = time.monotonic() - began
    assert [status for status, _ in results] == ["success"] * 3
    for replica in replicas:
        for digest, data in model.blobs.items():
            assert replica.blob(digest).stat().st_size == len(data)
        assert sha256(replica.blob(model.largest).read_bytes()) == model.largest
    blob_bytes = sum(len(data) for data in model.blobs.values())
    assert store.metric("upstream_bytes_total") == blob_bytes + len(model.manifest)
    assert store.metric("upstream_requests_total", kind="manifests") == 1

    proxied = FaultyProxy(registry.host)
    warm: list[float] = []
    direct: list[float] = []
    with proxied, http() as client:
        for source, seconds in ((name, warm), (f"{proxied.host}/library/three:1", direct)):
            client.request("DELETE", f"{replicas[0].url}/api/delete", json={"model": name})
            status, took = pull(replicas[0], source)
            assert status == "success"
            seconds.append(took)
            client.request("DELETE", f"{replicas[0].url}/api/delete", json={"model": source})
    print(
        f"\n120 MB: 3 replicas through an empty store {together:.2f} s; 1 replica from the filled store "
        f"{warm[0]:.2f} s; 1 replica from the registry with Location added {direct[0]:.2f} s"
    )


def test_pull_outlives_breaks_and_a_store_restart(
    replicas: list[OllamaProcess], make_store: MakeStore, proxy: FaultyProxy, registry: Registry
) -> None:
    model = push(registry.host, make_model("library/restart", "1", [random_bytes(24 << 20, 8)]))
    # Ollama's HEAD takes the first of the two cuts, to no effect.
    proxy.reset(
        Fault("cut", after=4 << 20, times=2, ranged_only=False),
        Fault("slow", delay_s=0.004, times=None, ranged_only=False),
    )
    store = make_store(f"http://{proxy.host}", shutdownSeconds=0)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pulling = pool.submit(pull, replicas[0], f"{store.host}/library/restart:1")
        end = time.monotonic() + 20
        partial = store.partial(model.largest)
        while not (partial.exists() and partial.stat().st_size > 10 << 20):
            assert time.monotonic() < end, store.log_tail()
            time.sleep(0.01)
        store.stop()
        proxy.reset()
        store.start()
        status, _ = pulling.result(60)
    assert status == "success"
    assert sha256(replicas[0].blob(model.largest).read_bytes()) == model.largest
    # The rest of the weights, and the config.
    assert proxy.count(BLOB) <= 2


def test_refusals_reach_the_user(replicas: list[OllamaProcess], make_store: MakeStore, registry: Registry) -> None:
    push(registry.host, make_model("library/large", "1", [random_bytes(3_000_000, 9)]))
    small = make_store(f"http://{registry.host}", name="small", maxBytes=1_000_000)
    status, _ = pull(replicas[0], f"{small.host}/library/large:1")
    assert "507" in status
    assert "needs 3.0 MB more" in status
    assert "maxBytes" in status
    missing, _ = pull(replicas[0], f"{small.host}/library/none:1")
    assert missing == "pull model manifest: file does not exist"
    alone = make_store("http://127.0.0.1:9", name="alone")
    status, took = pull(replicas[0], f"{alone.host}/library/large:1")
    assert "502" in status
    assert "http://127.0.0.1:9: cannot connect: Connection refused" in status
    assert took < 10


def test_flipped_byte_upstream_is_no_model(
    replicas: list[OllamaProcess], make_store: MakeStore, proxy: FaultyProxy, registry: Registry
) -> None:
    """The store tears the stream down; the mirror is passed over; what Ollama then has is right or refused."""
    model = push(registry.host, make_model("library/flip", "1", [random_bytes(8 << 20, 10)]))
    proxy.reset(Fault("corrupt", after=5 << 20, ranged_only=False, times=None))
    store = make_store(f"http://{proxy.host}", f"http://{registry.host}")
    name = f"{store.host}/library/flip:1"
    status, _ = pull(replicas[1], name)
    print(f"\nfirst pull after a flipped byte: {status}")
    if status != "success":
        assert not replicas[1].blob(model.largest).exists()
        status, _ = pull(replicas[1], name)
    assert status == "success"
    assert sha256(replicas[1].blob(model.largest).read_bytes()) == model.largest


def test_pushed_gguf_is_pulled_and_answers(
    replicas: list[OllamaProcess], make_store: MakeStore, tmp_path: Path
) -> None:
    """Pushed by our client; the digest that it tells is the one that Ollama lists."""
    store = make_store("http://127.0.0.1:9", **uploads(tmp_path))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(tiny_gguf(seed=42))
    (folder / "system").write_text("Answer briefly.")
    (folder / "params").write_text('{"temperature": 0, "num_predict": 2}')

    async def go() -> Pushed:
        async with httpx.AsyncClient(base_url=store.url, trust_env=False, timeout=30) as session:
            client = StoreClient(session, alias="model-store-local", token=TOKEN)
            return await client.push(folder, "team/Tiny-1.5", "Q8")

    pushed = asyncio.run(go())
    with NamedProxy(store.host, "model-store-local") as named, http() as client:
        name = f"{named.host}/team/Tiny-1.5:Q8"
        status, _ = pull(replicas[2], name)
        assert status == "success"
        answer = client.post(f"{replicas[2].url}/api/generate", json={"model": name, "prompt": "a", "stream": False})
        assert answer.status_code == 200, answer.text
        assert answer.json()["eval_count"] >= 1
        (listed,) = [one for one in client.get(f"{replicas[2].url}/api/tags").json()["models"] if one["name"] == name]
        assert f"sha256:{listed['digest']}" == pushed.digest
        assert (listed["details"]["family"], listed["details"]["format"]) == ("llama", "gguf")
        shown = client.post(f"{replicas[2].url}/api/show", json={"model": name}).json()
        assert shown["system"] == "Answer briefly."
        assert "num_predict" in shown["parameters"]


def test_ollama_is_told_that_pushes_are_off(
    replicas: list[OllamaProcess], make_store: MakeStore, registry: Registry
) -> None:
    closed = make_store(f"http://{registry.host}", name="closed")
    name = f"{closed.host}/private/tiny:1"
    create_tiny(replicas[0].url, name)
    with http() as client:
        refused = client.post(f"{replicas[0].url}/api/push", json={"model": name, "insecure": True, "stream": False})
    assert "takes no pushes" in refused.text
