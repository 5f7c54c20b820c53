"""Pulling through a real registry: once per blob, right bytes, tags revalidated, and without an upstream.

Proves it over loopback with a real docker-registry behind a counting proxy.
Does not prove what public registries answer beyond the distribution API.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.model_store.conftest import MakeStore
from tests.model_store.harness import Store, http, make_model, push, random_bytes, sha256
from tests.support.faulty_proxy import BLOB, MANIFEST, Fault, FaultyProxy
from tests.support.registry import Registry


def test_many_clients_cost_one_download(store: Store, proxy: FaultyProxy, registry: Registry) -> None:
    model = push(registry.host, make_model("library/many", "1", [random_bytes(24 << 20, 2), b"template"]))
    weights = model.blobs[model.largest]

    def fetch(seed: int) -> bool:
        if seed % 2:
            start = random.Random(seed).randrange(len(weights) - 1)  # noqa: S311
            headers = {"Range": f"bytes={start}-{len(weights) - 1}"}
        else:
            start, headers = 0, {}
        with http() as client:
            answer = client.get(store.url + model.blob(), headers=headers)
        return answer.status_code == (206 if start else 200) and answer.content == weights[start:]

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert all(pool.map(fetch, range(12)))
    assert proxy.count(BLOB, "GET") == 1
    assert store.metric("upstream_bytes_total") == len(weights)
    assert store.metric("downloads_started_total") == 1
    assert sha256(store.stored(model.largest).read_bytes()) == model.largest


def test_any_range_of_stored_and_growing_blob(store: Store, proxy: FaultyProxy, registry: Registry) -> None:
    model = push(registry.host, make_model("library/ranges", "1", [random_bytes(1_500_007, 3)]))
    weights, total = model.blobs[model.largest], 1_500_007

    with http(base_url=store.url) as client:

        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.integers(0, total + 10), st.one_of(st.none(), st.integers(0, total + 10)))
        def check(first: int, last: int | None) -> None:
            text = f"bytes={first}-{'' if last is None else last}"
            answer = client.get(model.blob(), headers={"Range": text})
            if last is not None and last < first:
                assert (answer.status_code, len(answer.content)) == (200, total)
            elif first >= total:
                assert answer.status_code == 416
                assert answer.headers["content-range"] == f"bytes */{total}"
            else:
                stop = total if last is None else min(last + 1, total)
                assert answer.status_code == 206
                assert answer.headers["content-range"] == f"bytes {first}-{stop - 1}/{total}"
                assert answer.content == weights[first:stop]

        proxy.reset(Fault("slow", delay_s=0.002, ranged_only=False))
        check()
        suffix = client.get(model.blob(), headers={"Range": "bytes=-5"})
        assert (suffix.status_code, suffix.content) == (206, weights[-5:])
        other = client.get(model.blob(), headers={"Range": "bytes=0-3", "If-Range": '"other"'})
        assert (other.status_code, other.content) == (200, weights)
    assert proxy.count(BLOB, "GET") == 1


def test_head_and_headers_that_ollama_needs(store: Store, proxy: FaultyProxy, registry: Registry) -> None:
    model = push(registry.host, make_model("library/heads", "1", [random_bytes(300_000, 4)]))
    with http(base_url=store.url) as client:
        for _ in range(2):
            head = client.head(model.blob())
            assert (head.status_code, head.headers["content-length"]) == (200, "300000")
            whole = client.get(model.blob())
            assert whole.headers["location"] == model.blob()
            assert whole.headers["docker-content-digest"] == model.largest
        manifest = client.get(model.path)
        assert manifest.content == model.manifest
        digest = sha256(model.manifest)
        assert manifest.headers["docker-content-digest"] == digest
        assert manifest.headers["ollama-content-digest"] == digest
        assert manifest.headers["content-type"] == "application/vnd.docker.distribution.manifest.v2+json"
        by_digest = client.get(f"/v2/{model.repository}/manifests/{digest}")
        assert by_digest.content == model.manifest
        missing = client.get(f"/v2/{model.repository}/blobs/{sha256(b'nowhere')}")
        assert (missing.status_code, missing.json()["errors"][0]["code"]) == (404, "BLOB_UNKNOWN")
        assert client.get("/v2/").status_code == 200
    assert proxy.count(MANIFEST) == 1


def test_tag_follows_the_upstream_and_its_removal(store: Store, registry: Registry) -> None:
    first = push(registry.host, make_model("library/moves", "1", [b"a" * 1000]))
    with http(base_url=store.url) as client:
        assert client.get(first.path).content == first.manifest
        second = push(registry.host, make_model("library/moves", "1", [b"b" * 1000]))
        assert client.get(first.path).content == second.manifest
        with http(base_url=f"http://{registry.host}") as there:
            there.delete(f"/v2/library/moves/manifests/{sha256(second.manifest)}").raise_for_status()
        gone = client.get(first.path)
        assert (gone.status_code, gone.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")


def test_replicas_at_once_cost_one_manifest_request(
    make_store: MakeStore, proxy: FaultyProxy, registry: Registry
) -> None:
    model = push(registry.host, make_model("library/window", "1", [b"w" * 1000]))
    store = make_store(f"http://{proxy.host}", tagFreshSeconds=30)

    def get(_: int) -> bytes:
        with http() as client:
            return client.get(store.url + model.path).content

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(get, range(8)))
    assert bodies == [model.manifest] * 8
    assert proxy.count(MANIFEST) == 1


def test_filled_store_serves_without_any_upstream(
    make_store: MakeStore, proxy: FaultyProxy, registry: Registry
) -> None:
    model = push(registry.host, make_model("library/cutoff", "1", [random_bytes(200_000, 5)]))
    store = make_store(f"http://{proxy.host}", name="filled")
    with http(base_url=store.url) as client:
        client.get(model.path).raise_for_status()
        for digest in model.blobs:
            client.get(model.blob(digest)).raise_for_status()
    store.stop()
    alone = make_store("http://127.0.0.1:9", "http://registry.invalid", name="filled")
    with http(base_url=alone.url) as client:
        answer = client.get(model.path)
        assert answer.content == model.manifest
        assert answer.headers["x-model-store-source"] == "stale"
        assert "110" in answer.headers["warning"]
        for digest, data in model.blobs.items():
            assert client.get(model.blob(digest)).content == data
        refused = client.get("/v2/library/other/manifests/1")
    assert alone.metric("stale_manifests_served_total") == 1
    assert refused.status_code == 502
    error = refused.json()["errors"][0]
    assert [entry["endpoint"] for entry in error["detail"]["endpoints"]] == [
        "http://127.0.0.1:9",
        "http://registry.invalid",
    ]
    assert "Connection refused" in error["message"]
    assert "http://registry.invalid" in error["message"]


@pytest.mark.parametrize("mirror", ["http://127.0.0.1:9", "http://mirror.invalid", "empty"])
def test_mirror_that_does_not_have_it_falls_to_the_registry(
    mirror: str, make_store: MakeStore, proxy: FaultyProxy, registry: Registry
) -> None:
    model = push(registry.host, make_model("library/fallback", "1", [b"f" * 100_000]))
    if mirror == "empty":
        proxy.reset(Fault("status", path=MANIFEST, status=404, times=None, ranged_only=False),
                    Fault("status", path=BLOB, status=404, times=None, ranged_only=False))  # fmt: skip
        mirror = f"http://{proxy.host}"
    store = make_store(mirror, f"http://{registry.host}")
    with http(base_url=store.url) as client:
        assert client.get(model.path).content == model.manifest
        assert client.get(model.blob()).content == model.blobs[model.largest]
        assert client.head(model.blob()).status_code == 200


def test_throughput_beside_the_registry_itself(store: Store, registry: Registry) -> None:
    """Prints ratios; asserts only that the store is not a hundred times slower."""
    size = 96 << 20
    model = push(registry.host, make_model("library/fast", "1", [random_bytes(size, 6)]))

    def seconds(url: str) -> float:
        began, seen = time.monotonic(), hashlib.sha256()
        with http() as client, client.stream("GET", url) as answer:
            for chunk in answer.iter_raw(1 << 20):
                seen.update(chunk)
        assert f"sha256:{seen.hexdigest()}" == model.largest
        return time.monotonic() - began

    there = f"http://{registry.host}{model.blob()}"
    cold = seconds(store.url + model.blob())
    pairs = [(seconds(there), seconds(store.url + model.blob())) for _ in range(3)]
    direct, warm = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    with http(base_url=store.url) as client:
        client.get("/healthz").raise_for_status()
    status = Path(f"/proc/{store.pid}/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    print(
        f"\n{size >> 20} MiB: registry {direct:.2f} s; store cold {cold:.2f} s (x{cold / direct:.2f}), "
        f"warm {warm:.2f} s (x{warm / direct:.2f}); store's peak memory {peak >> 10} MiB"
    )
    assert peak < 300 << 10
    assert warm < 100 * direct


def test_first_label_of_the_host_selects_the_upstream(make_store: MakeStore, registry: Registry) -> None:
    model = push(registry.host, make_model("library/label", "1", [b"l" * 1000]))
    upstreams = [
        {"host": "first.test", "alias": "first-test", "endpoints": ["http://127.0.0.1:9"]},
        {"host": "second.test", "alias": "second-test", "endpoints": [f"http://{registry.host}"]},
    ]
    store = make_store("unused", upstreams=upstreams)
    with http(base_url=store.url) as client:
        named = client.get(model.path, headers={"Host": "second-test.models.svc.cluster.local:5000"})
        assert named.content == model.manifest
        for host in ("first-test.models", "model-store.models.svc.cluster.local:5000", "10.0.0.1"):
            assert client.get(model.path, headers={"Host": host}).status_code == 502
