"""A store process, models pushed to a real registry, and clients that count."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.processes import Server, free_port

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
_METRIC = re.compile(r"^(\w+)(?:\{(.*)\})? ([0-9.e+-]+)$")


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def random_bytes(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - weights, not secrets


# Reading the system's certificates takes longer than all else that a client here does.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def http(**kwargs: Any) -> httpx.Client:
    return httpx.Client(timeout=60, trust_env=False, verify=_NO_TLS, **kwargs)


@dataclass(frozen=True)
class Model:
    """A model in a registry: its repository, tag, manifest bytes and blobs by digest."""

    repository: str
    tag: str
    manifest: bytes
    blobs: dict[str, bytes]

    @property
    def largest(self) -> str:
        return max(self.blobs, key=lambda digest: len(self.blobs[digest]))

    @property
    def path(self) -> str:
        return f"/v2/{self.repository}/manifests/{self.tag}"

    def blob(self, digest: str | None = None) -> str:
        return f"/v2/{self.repository}/blobs/{digest if digest is not None else self.largest}"


def make_model(repository: str, tag: str, layers: Sequence[bytes]) -> Model:
    """Write a manifest as Ollama writes it: weights first, then small layers, and a config."""
    config = json.dumps({"model_format": "gguf", "layers": len(layers)}).encode()
    kinds = ["model", *["template"] * len(layers)]
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": sha256(config),
            "size": len(config),
        },
        "layers": [
            {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": sha256(data), "size": len(data)}
            for kind, data in zip(kinds, layers, strict=False)
        ],
    }
    blobs = {sha256(data): data for data in [*layers, config]}
    return Model(repository, tag, json.dumps(document, indent=3).encode(), blobs)


def push(registry: str, model: Model) -> Model:
    """Push a model to the registry at host:port."""
    with http(base_url=f"http://{registry}") as client:
        for digest, data in model.blobs.items():
            where = client.post(f"/v2/{model.repository}/blobs/uploads/").headers["location"]
            url = httpx.URL(where).copy_merge_params({"digest": digest})
            client.put(url, content=data).raise_for_status()
        client.put(model.path, content=model.manifest, headers={"Content-Type": MANIFEST_TYPE}).raise_for_status()
    return model


class Store(Server):
    """`python -m model_store` on a free loopback port.

    Attributes:
        host: `127.0.0.1:<port>`.
        url: base URL.
        root: its volume.
    """

    def __init__(
        self, folder: Path, endpoints: Sequence[str], *, tmpfs_bytes: int | None = None, **settings: object
    ) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.host}"
        self.root = folder / "volume"
        self.root.mkdir(parents=True, exist_ok=True)
        upstream = {"host": "registry.test", "alias": "registry-test", "endpoints": list(endpoints)}
        config = folder / "config.json"
        config.write_text(
            json.dumps(
                {
                    "root": str(self.root),
                    "listen": self.host,
                    "tagFreshSeconds": 0,
                    "minFreeBytes": 0,
                    "upstreams": [upstream],
                    **settings,
                }
            )
        )
        command = [sys.executable, "-m", "model_store", "--config", str(config)]
        if tmpfs_bytes is not None:
            mount = f'mount -t tmpfs -o size={tmpfs_bytes} tmpfs "$0" && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", mount, str(self.root), *command]
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            env.pop(name, None)
        super().__init__(command, ready=f"{self.url}/healthz", log=folder / "store.log", env=env)

    def start(self, timeout_s: float = 60.0) -> None:
        """Start and wait; longer than by default, for machines that also build."""
        super().start(timeout_s)

    @property
    def pid(self) -> int:
        """Process id of the running store."""
        assert self._process is not None
        return self._process.pid

    def partial(self, digest: str) -> Path:
        return self.root / "partial" / digest.removeprefix("sha256:")

    def stored(self, digest: str) -> Path:
        return self.root / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def metric(self, name: str, **labels: str) -> float:
        """Sum of a metric's series with these labels; 0 when there is none."""
        with http() as client:
            text = client.get(f"{self.url}/metrics").raise_for_status().text
        total = 0.0
        for line in text.splitlines():
            match = _METRIC.match(line)
            if match and match[1] == f"model_store_{name}":
                found = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
                if labels.items() <= found.items():
                    total += float(match[3])
        return total

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log's events of one kind."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]
