"""The part of the OCI distribution API that filling a registry takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import httpx

from toolchain.images.errors import ImageError
from toolchain.images.oci import INPUTS_ANNOTATION, MANIFEST_TYPE, Blob

DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
_CHUNK = 1 << 20
_HTTP_NOT_FOUND = 404


@dataclass(frozen=True)
class Manifest:
    """A manifest that the registry holds."""

    digest: str
    """``sha256:<hex>`` of its bytes."""
    document: dict[str, object]

    @property
    def inputs(self) -> str | None:
        """The hash of what it was made from, if we made it."""
        annotations = cast("dict[str, str]", self.document.get("annotations") or {})
        return annotations.get(INPUTS_ANNOTATION)

    @property
    def blobs(self) -> tuple[tuple[str, int], ...]:
        """Digest and size of the config and of every layer."""
        config = cast("dict[str, object]", self.document["config"])
        layers = cast("list[dict[str, object]]", self.document["layers"])
        return tuple((str(blob["digest"]), int(str(blob["size"]))) for blob in (config, *layers))


class Registry:
    """One registry, by plain HTTP on loopback."""

    def __init__(self, url: str, *, timeout_s: float = 60) -> None:
        """Talk to ``url``, such as ``http://127.0.0.1:5000``; each read or write may take ``timeout_s``."""
        self._url = url
        # A proxy from the environment must not catch what is meant for loopback.
        self._http = httpx.Client(base_url=url, timeout=timeout_s, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """The manifest under a tag or digest, or None."""
        accept = {"Accept": f"{MANIFEST_TYPE}, {DOCKER_MANIFEST_TYPE}"}
        response = self._send("GET", f"/v2/{repository}/manifests/{reference}", headers=accept)
        if response.status_code == _HTTP_NOT_FOUND:
            return None
        self._expect(response, 200)
        document = cast("dict[str, object]", json.loads(response.content))
        return Manifest(Blob.of(response.content).digest, document)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the registry holds a blob in this repository."""
        response = self._send("HEAD", f"/v2/{repository}/blobs/{digest}")
        if response.status_code == _HTTP_NOT_FOUND:
            return False
        self._expect(response, 200)
        return True

    def put_blob(self, repository: str, digest: str, content: bytes | Path) -> None:
        """Upload a blob in one piece, unless it is there."""
        if self.has_blob(repository, digest):
            return
        started = self._send("POST", f"/v2/{repository}/blobs/uploads/")
        self._expect(started, 202)
        place = httpx.URL(self._url).join(started.headers["location"]).copy_merge_params({"digest": digest})
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        body = content if isinstance(content, bytes) else _chunks(content)
        self._expect(self._send("PUT", str(place), headers=headers, content=body), 201)

    def put_manifest(self, repository: str, tag: str, manifest: Blob, *, kind: str = MANIFEST_TYPE) -> None:
        """Point a tag at a manifest of the media type ``kind`` whose blobs are all there."""
        headers = {"Content-Type": kind}
        response = self._send("PUT", f"/v2/{repository}/manifests/{tag}", headers=headers, content=manifest.content)
        self._expect(response, 201)

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | Iterator[bytes] | None = None,
    ) -> httpx.Response:
        try:
            return self._http.request(method, url, headers=headers, content=content)
        except httpx.HTTPError as error:
            raise ImageError(
                f"the registry at {self._url} does not answer ({method} {url}: {error or type(error).__name__});"
                " is the local node up?"
            ) from error

    def _expect(self, response: httpx.Response, status: int) -> None:
        if response.status_code != status:
            raise ImageError(
                f"the registry at {self._url} answered {response.request.method} {response.request.url.path}"
                f" with {response.status_code} instead of {status}: {response.text[:300]}"
            )


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            yield chunk
