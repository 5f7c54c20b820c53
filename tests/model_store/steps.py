"""What several of these tests do: write a wanted list, pull a whole model, wait."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from tests.model_store.harness import Model, Store, http

PUSHED = {"Host": "model-store-local"}
TOKEN = "a-token-of-this-test"


def until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def want(file: Path, *models: Model) -> Path:
    """Replace the list as the kubelet does: by another file under the same name."""
    entries = [{"host": "registry.test", "repository": one.repository, "reference": one.tag} for one in models]
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"version": 1, "models": entries}))
    new.replace(file)
    return file


def collecting(file: Path, **settings: object) -> dict[str, object]:
    """Settings of a store that collects all the time."""
    collect = {"enabled": True, "keepSeconds": 0, "intervalSeconds": 0.1, "leaseSeconds": 1.0, **settings}
    return {"wantedFile": str(file), "collect": collect}


def uploads(folder: Path) -> dict[str, dict[str, str]]:
    """Settings of a store that takes pushes."""
    file = folder / "token"
    file.write_text(f"{TOKEN}\n")
    return {"uploads": {"host": "model-store.local", "alias": "model-store-local", "tokenFile": str(file)}}


def pull(store: Store, model: Model, headers: dict[str, str] | None = None) -> None:
    """Fetch the manifest and every blob, and compare each byte."""
    with http(base_url=store.url, headers=headers) as client:
        answer = client.get(model.path)
        assert (answer.status_code, answer.content) == (200, model.manifest), answer.text
        for digest, data in model.blobs.items():
            assert client.get(model.blob(digest)).content == data


def fill(store: Store, *models: Model) -> None:
    """Pull, and wait until every blob is on the volume: a client has its last bytes before that."""
    for model in models:
        pull(store, model)
    until(lambda: all(store.stored(digest).exists() for model in models for digest in model.blobs))


def held(store: Store, model: Model) -> int:
    """How many of a model's blobs are on the volume."""
    return sum(1 for digest in model.blobs if store.stored(digest).exists())


def push_model(base_url: str, model: Model, token: str = TOKEN) -> httpx.Response:
    """Push by the plain API; returns the answer to the manifest."""
    headers = {**PUSHED, "Authorization": f"Bearer {token}"}
    with http(base_url=base_url, headers=headers) as client:
        for digest, data in model.blobs.items():
            where = client.post(f"/v2/{model.repository}/blobs/uploads/").raise_for_status().headers["location"]
            path = httpx.URL(where).path
            client.put(path, params={"digest": digest}, content=data).raise_for_status()
        kind = {"Content-Type": "application/vnd.docker.distribution.manifest.v2+json"}
        return client.put(model.path, content=model.manifest, headers=kind)


def leftovers(root: Path, kept: Sequence[Model]) -> list[str]:
    """Files of the volume that none of these models needs."""
    blobs = {digest.removeprefix("sha256:") for model in kept for digest in model.blobs}
    found = [path for folder in ("trash", "uploads", "partial") for path in (root / folder).iterdir()]
    found += [path for path in (root / "blobs" / "sha256").iterdir() if path.name not in blobs]
    # os.walk, since the store may take a folder away while it is listed, which `rglob` does not forgive.
    names = [Path(folder) / name for folder, _, files in os.walk(root) for name in files]
    found += [path for path in names if path.suffix == ".new" and len(path.name) > len(".new") + 32]
    return [str(path.relative_to(root)) for path in found]
