"""The HTTP face of pushing: what `ollama push` asks of a registry."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from model_store.config import UpstreamConfig
from model_store.downloads import Downloads
from model_store.errors import InvalidRequestError, StoreError, UnsupportedError
from model_store.manifests import DOCKER_MANIFEST, MAX_MANIFEST_BYTES, Manifest, ManifestService, layers_of
from model_store.names import Digest, parse_reference, parse_upload_id
from model_store.uploads import Uploads
from model_store.volume import Volume

__all__ = ["API", "PushHandlers"]

API = {"Docker-Distribution-Api-Version": "registry/2.0"}


class PushHandlers:
    """Handlers for uploads; all refuse unless given a way to tell whose repository it is."""

    def __init__(
        self,
        volume: Volume,
        uploads: Uploads,
        manifests: ManifestService,
        downloads: Downloads,
        upstream_of: Callable[[Request], tuple[UpstreamConfig, str]] | None,
    ) -> None:
        self._volume = volume
        self._uploads = uploads
        self._manifests = manifests
        self._downloads = downloads
        self._upstream_of = upstream_of

    def _writable(self, request: Request) -> tuple[UpstreamConfig, str]:
        if self._upstream_of is None:
            raise UnsupportedError(
                "this model store takes no pushes; set uploads to true in its config to allow them to every "
                "client that reaches it"
            )
        return self._upstream_of(request)

    def _upload_url(self, request: Request, repository: str, name: str) -> str:
        # Ollama uses this address as it stands, so it must be whole.
        return f"{request.url.scheme}://{request.headers.get('host', '')}/v2/{repository}/blobs/uploads/{name}"

    async def begin(self, request: Request) -> Response:
        """Open an upload, or take a blob that is here already."""
        _, repository = self._writable(request)
        mount = request.query_params.get("mount")
        if mount is not None and self._volume.blob_size(Digest.parse(mount)) is not None:
            return self._created(repository, Digest.parse(mount))
        name = self._uploads.begin(repository)
        headers = {**API, "Location": self._upload_url(request, repository, name), "Range": "0-0"}
        return Response(None, 202, headers)

    async def append(self, request: Request) -> Response:
        """Take a part."""
        _, repository = self._writable(request)
        name = parse_upload_id(request.path_params["id"])
        size = await self._uploads.append(name, repository, request)
        headers = {
            **API,
            "Location": self._upload_url(request, repository, name),
            "Range": f"0-{max(0, size - 1)}",
        }
        return Response(None, 202, headers)

    async def finish(self, request: Request) -> Response:
        """Verify an upload and keep it."""
        _, repository = self._writable(request)
        name = parse_upload_id(request.path_params["id"])
        digest = Digest.parse(request.query_params.get("digest", ""))
        if request.headers.get("content-length", "0") != "0":
            await self._uploads.append(name, repository, request)
        await self._uploads.finish(name, repository, digest)
        return self._created(repository, digest)

    async def drop(self, request: Request) -> Response:
        """Forget an upload."""
        self._writable(request)
        self._uploads.drop(parse_upload_id(request.path_params["id"]))
        return Response(None, 204, API)

    def _created(self, repository: str, digest: Digest) -> Response:
        headers = {**API, "Location": f"/v2/{repository}/blobs/{digest}", "Docker-Content-Digest": str(digest)}
        return Response(None, 201, headers)

    async def put_manifest(self, request: Request) -> Response:
        """Take a manifest whose blobs are all here."""
        upstream, repository = self._writable(request)
        reference = parse_reference(request.path_params["reference"])
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_MANIFEST_BYTES:
                raise InvalidRequestError("a manifest has at most 4 MiB")
        digest = Digest(hashlib.sha256(body).hexdigest())
        if isinstance(reference, Digest) and reference != digest:
            raise InvalidRequestError(f"the manifest sent has digest {digest}, not {reference}")
        wanted = layers_of(body)
        # A client was told of these that upstream has them, so it did not send them.
        missing = [blob for blob in wanted if self._volume.blob_size(blob) is None]
        for download in [self._downloads.join(upstream, repository, blob) for blob in missing]:
            try:
                await download.finished()
            except StoreError as error:
                raise InvalidRequestError(f"a blob of the manifest is missing: {error.message}") from error
        self._uploads.check_blobs(wanted)
        media_type = request.headers.get("content-type", DOCKER_MANIFEST)
        manifest = Manifest(body, media_type, digest)
        await asyncio.to_thread(self._manifests.store, upstream.alias, repository, reference, manifest, pushed=True)
        headers = {
            **API,
            "Location": f"/v2/{repository}/manifests/{digest}",
            "Docker-Content-Digest": str(digest),
        }
        return Response(None, 201, headers)
