"""Manifests: the upstream's word on a tag, and the stored one when it says nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from model_store.config import UpstreamConfig
from model_store.credentials import shown_to
from model_store.errors import Attempt, InvalidRequestError, ManifestUnknownError, UpstreamFailedError, verdict
from model_store.leases import Leases
from model_store.logs import event
from model_store.metrics import Metrics
from model_store.names import Digest
from model_store.singleflight import SingleFlight
from model_store.upstream import EndpointFailedError, Upstream
from model_store.volume import Volume

__all__ = ["DOCKER_MANIFEST", "MAX_MANIFEST_BYTES", "Manifest", "ManifestService", "layers_of"]

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
# No index: a model has one manifest, and Ollama cannot read an index.
ACCEPT = f"{DOCKER_MANIFEST}, application/vnd.oci.image.manifest.v1+json"
MAX_MANIFEST_BYTES = 4 << 20
# For one endpoint, to the last byte of the manifest.
_TIMEOUT_S = 10.0
_MAX_FRESH = 4096
# A use is recorded this exactly: a time that is set for each request would be a write to the disk for each.
_USE_STEP_S = 60.0
_SCHEMA = 2


@dataclass(frozen=True)
class Manifest:
    """A manifest as it is served.

    Attributes:
        body: Exact bytes.
        media_type: Content-Type it came with.
        digest: Of the body.
        stale: Whether it is the stored one because no upstream answered.
        source: ``upstream``, ``fresh`` (asked within the window), ``stored``, ``pushed`` or ``stale``.
    """

    body: bytes
    media_type: str
    digest: Digest
    stale: bool = False
    source: str = "stored"


def layers_of(body: bytes) -> dict[Digest, int]:
    """The blobs a manifest names: size in bytes by digest, config included.

    Raises:
        InvalidRequestError: When it is no image manifest.
    """
    try:
        document: object = json.loads(body)
    except ValueError as error:
        raise InvalidRequestError("not JSON") from error
    fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    layers = fields.get("layers")
    if fields.get("schemaVersion") != _SCHEMA or not isinstance(layers, list):
        raise InvalidRequestError("not an image manifest: schemaVersion 2 and layers are expected")
    found: dict[Digest, int] = {}
    config = fields.get("config")
    for item in [*cast("list[object]", layers), *([config] if config is not None else [])]:
        entry = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
        digest, size = entry.get("digest"), entry.get("size")
        # Ollama writes an empty config into manifests of models that have none.
        if item is config and digest == "":
            continue
        if not isinstance(digest, str) or not isinstance(size, int) or size < 0:
            raise InvalidRequestError("a layer without digest or size")
        found[Digest.parse(digest)] = size
    return found


class ManifestService:
    """Serves manifests by tag and by digest.

    A manifest by digest never changes: what is stored is served. A tag is asked
    upstream each time, once for all who ask within the freshness window.

    Attributes:
        lock: Held while manifests and refs on the volume are read, written or deleted.
    """

    def __init__(self, volume: Volume, upstream: Upstream, metrics: Metrics, leases: Leases, *, fresh_s: float) -> None:
        self._volume = volume
        self._upstream = upstream
        self._metrics = metrics
        self._leases = leases
        self._fresh_s = fresh_s
        self.lock = asyncio.Lock()
        self._flight: SingleFlight[tuple[str, str, str], Manifest] = SingleFlight()
        self._fresh: dict[tuple[str, str, str], tuple[float, Manifest]] = {}

    async def close(self) -> None:
        """End running requests."""
        await self._flight.close()

    async def get(
        self, upstream: UpstreamConfig, repository: str, reference: str | Digest, user_agent: str | None
    ) -> Manifest:
        """Find a manifest, and promise its blobs.

        Args:
            upstream: Whose.
            repository: For example ``library/smollm2``.
            reference: Tag or digest.
            user_agent: The client's: registries answer an old Ollama with what it should do.

        Raises:
            ManifestUnknownError: When the registry itself says that there is none.
            UpstreamRefusedError: When it refuses.
            UpstreamFailedError: When no endpoint answered and nothing is stored.
            OSError: From the volume.
        """
        with self._leases.asking(upstream.alias, repository):
            manifest = await self._find(upstream, repository, reference, user_agent)
            self._leases.grant(manifest.digest, layers_of(manifest.body))
        return manifest

    async def _find(
        self, upstream: UpstreamConfig, repository: str, reference: str | Digest, user_agent: str | None
    ) -> Manifest:
        key = (upstream.alias, repository, str(reference))
        async with self.lock:
            stored = await asyncio.to_thread(self._load, upstream.alias, repository, reference)
        if stored is not None and (isinstance(reference, Digest) or stored.source == "pushed"):
            return stored
        if not upstream.endpoints:
            raise ManifestUnknownError(
                f"nobody has pushed {repository}{_separator(reference)}{reference} to {upstream.host}"
            )
        until, manifest = self._fresh.get(key, (0.0, None))
        if manifest is None or time.monotonic() >= until:
            manifest = await self._flight.do(
                key, lambda: self._revalidate(upstream, repository, reference, user_agent, stored)
            )
        else:
            manifest = manifest if manifest.stale else replace(manifest, source="fresh")
        if manifest.stale:
            self._metrics.stale.inc()
        return manifest

    async def _revalidate(
        self,
        upstream: UpstreamConfig,
        repository: str,
        reference: str | Digest,
        user_agent: str | None,
        stored: Manifest | None,
    ) -> Manifest:
        key = (upstream.alias, repository, str(reference))
        try:
            manifest = await self._fetch(upstream, repository, reference, user_agent)
        except UpstreamFailedError as error:
            if stored is None:
                raise
            event("stale_manifest", repository=repository, reference=str(reference), cause=error.message)
            manifest = replace(stored, stale=True, source="stale")
        else:
            await self.store(upstream.alias, repository, reference, manifest, pushed=False)
        now = time.monotonic()
        if len(self._fresh) >= _MAX_FRESH:
            self._fresh = {k: v for k, v in self._fresh.items() if v[0] > now}
        self._fresh[key] = (now + self._fresh_s, manifest)
        return manifest

    async def _fetch(
        self, upstream: UpstreamConfig, repository: str, reference: str | Digest, user_agent: str | None
    ) -> Manifest:
        attempts: list[Attempt] = []
        for endpoint in upstream.endpoints:
            try:
                return await self._ask(upstream, endpoint, repository, reference, user_agent)
            except EndpointFailedError as error:
                attempts.append(error.attempt)
        raise verdict(f"manifest {repository}{_separator(reference)}{reference}", attempts, ManifestUnknownError)

    async def _ask(
        self,
        upstream: UpstreamConfig,
        endpoint: str,
        repository: str,
        reference: str | Digest,
        user_agent: str | None,
    ) -> Manifest:
        headers = {"Accept": ACCEPT, **({"User-Agent": user_agent} if user_agent else {})}
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                self._upstream.request(
                    "GET",
                    endpoint,
                    repository,
                    kind="manifests",
                    reference=str(reference),
                    headers=headers,
                    credentials=shown_to(upstream, endpoint),
                ) as answer,
            ):
                if answer.status_code != HTTPStatus.OK:
                    raise await self._upstream.refusal(endpoint, answer)
                body = b""
                async for chunk in answer.aiter_raw():
                    body += chunk
                    if len(body) > MAX_MANIFEST_BYTES:
                        raise EndpointFailedError(Attempt(endpoint, "sent a manifest of more than 4 MiB"))
                self._upstream.received(endpoint, len(body))
                media_type = answer.headers.get("content-type", DOCKER_MANIFEST)
                claimed = answer.headers.get("docker-content-digest") or answer.headers.get("ollama-content-digest")
        except TimeoutError as error:
            raise EndpointFailedError(Attempt(endpoint, f"no whole answer within {_TIMEOUT_S:.0f} s")) from error
        digest = Digest(hashlib.sha256(body).hexdigest())
        wanted = str(reference) if isinstance(reference, Digest) else claimed
        if wanted is not None and wanted != str(digest):
            raise EndpointFailedError(Attempt(endpoint, f"sent a manifest with digest {digest} instead of {wanted}"))
        try:
            layers_of(body)
        except InvalidRequestError as error:
            # A proxy's login page, for example; it must not take the place of a model.
            raise EndpointFailedError(Attempt(endpoint, f"sent no manifest: {error.message}")) from error
        return Manifest(body, media_type, digest, source="upstream")

    def _ref(self, alias: str, repository: str, reference: str | Digest) -> Path:
        folder = self._volume.refs / alias / repository
        return folder / "@digests" / reference.hex if isinstance(reference, Digest) else folder / "@tags" / reference

    async def store(
        self, alias: str, repository: str, reference: str | Digest, manifest: Manifest, *, pushed: bool
    ) -> None:
        """Write a manifest, then what refers to it.

        Raises:
            OSError: From the volume.
        """
        # Before it is on the volume: a collection that runs now must not take the blobs that it names.
        self._leases.grant(manifest.digest, layers_of(manifest.body))
        async with self.lock:
            await asyncio.to_thread(self._store, alias, repository, reference, manifest, pushed=pushed)
        if pushed:
            self.forget(alias, repository, [str(reference)])

    def _store(self, alias: str, repository: str, reference: str | Digest, manifest: Manifest, *, pushed: bool) -> None:
        body = self._volume.manifests / manifest.digest.hex
        if not body.exists():
            self._volume.write_atomic(body, manifest.body)
        refs: dict[Path, Mapping[str, object]] = {
            self._ref(alias, repository, manifest.digest): {"mediaType": manifest.media_type, "pushed": pushed}
        }
        if not isinstance(reference, Digest):
            refs[self._ref(alias, repository, reference)] = {
                "digest": str(manifest.digest),
                "mediaType": manifest.media_type,
                "pushed": pushed,
            }
        for path, fields in refs.items():
            data = json.dumps(fields, sort_keys=True).encode()
            if not path.exists() or path.read_bytes() != data:
                self._volume.write_atomic(path, data)

    def forget(self, alias: str, repository: str, references: Iterable[str]) -> None:
        """Drop what memory holds of these tags; the volume's word counts again."""
        for reference in references:
            self._fresh.pop((alias, repository, reference), None)

    def _load(self, alias: str, repository: str, reference: str | Digest) -> Manifest | None:
        ref = self._ref(alias, repository, reference)
        try:
            record = cast("dict[str, Any]", json.loads(ref.read_bytes()))
            digest = reference if isinstance(reference, Digest) else Digest.parse(str(record["digest"]))
            body = (self._volume.manifests / digest.hex).read_bytes()
            media_type = str(record["mediaType"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, InvalidRequestError) as error:
            event("unreadable_reference", repository=repository, reference=str(reference), cause=str(error))
            return None
        if hashlib.sha256(body).hexdigest() != digest.hex:
            event("corrupt_manifest", repository=repository, reference=str(reference), digest=str(digest))
            (self._volume.manifests / digest.hex).unlink(missing_ok=True)
            return None
        _record_use(ref, self._ref(alias, repository, digest), self._volume.manifests / digest.hex)
        pushed = not isinstance(reference, Digest) and record.get("pushed") is True
        return Manifest(body, media_type, digest, source="pushed" if pushed else "stored")


def _separator(reference: str | Digest) -> str:
    return "@" if isinstance(reference, Digest) else ":"


def _record_use(*paths: Path) -> None:
    now = time.time()
    for path in paths:
        try:
            if now - path.stat().st_mtime >= _USE_STEP_S:
                os.utime(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            # The model is still served; it only looks unused for longer than it is.
            event("use_not_recorded", level=logging.WARNING, file=path.name, cause=str(error))
