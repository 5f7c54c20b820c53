"""The HTTP face of what writes: pushing, as OCI's distribution API has it, and deleting."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from model_store.access import PushToken
from model_store.collector import Collector
from model_store.config import UploadsConfig, UpstreamConfig
from model_store.errors import InvalidRequestError, ManifestUnknownError, UnsupportedError
from model_store.leases import Leases
from model_store.manifests import DOCKER_MANIFEST, MAX_MANIFEST_BYTES, Manifest, ManifestService, layers_of
from model_store.names import Digest, parse_reference, parse_upload_id
from model_store.uploads import Uploads
from model_store.volume import Volume

__all__ = ["API", "PushHandlers"]

API = {"Docker-Distribution-Api-Version": "registry/2.0"}


class PushHandlers:
    """Handlers for what writes: uploads, manifests and their deletion; all want the token."""

    def __init__(
        self,
        volume: Volume,
        uploads: Uploads,
        manifests: ManifestService,
        *,
        collector: Collector,
        leases: Leases,
        settings: UploadsConfig | None,
        open_to_all: bool,
        upstream_of: Callable[[Request], tuple[UpstreamConfig, str]],
    ) -> None:
        """Prepare the handlers.

        Args:
            volume: Where blobs are.
            uploads: Sessions.
            manifests: Where manifests go.
            collector: Deletes.
            leases: Keep what has been pushed until its manifest comes.
            settings: Where to push and with which token; None refuses all.
            open_to_all: Push anything anywhere, without a token.
            upstream_of: The registry and repository that a request names.
        """
        self._volume = volume
        self._uploads = uploads
        self._manifests = manifests
        self._collector = collector
        self._leases = leases
        self._settings = settings
        self._open = open_to_all
        self._upstream_of = upstream_of

    async def _check(self, request: Request) -> UploadsConfig | None:
        """Where pushes go to, if to one registry alone."""
        if self._open:
            return None
        if self._settings is None:
            raise UnsupportedError(
                "this model store takes no pushes; set uploads in its config to a registry's name and a token's file"
            )
        token = PushToken(self._settings.token_file)
        await asyncio.to_thread(token.check, request.headers.get("authorization"))
        return self._settings

    async def _writable(self, request: Request) -> tuple[str, str]:
        """Alias and repository, if it is one that can be pushed to."""
        settings = await self._check(request)
        upstream, repository = self._upstream_of(request)
        if settings is not None and upstream.alias != settings.alias:
            # Else a push could take the place of another registry's model, which every replica pulls.
            raise UnsupportedError(
                f"models are pushed to {settings.host} alone, and this request is for {upstream.host}: the first "
                f"label of its Host header must be `{settings.alias}`"
            )
        return upstream.alias, repository

    def _upload_url(self, request: Request, repository: str, name: str) -> str:
        # Ollama uses this address as it stands, so it must be whole.
        return f"{request.url.scheme}://{request.headers.get('host', '')}/v2/{repository}/blobs/uploads/{name}"

    async def begin(self, request: Request) -> Response:
        """Open an upload, or take a blob that is here already."""
        _, repository = await self._writable(request)
        mount = request.query_params.get("mount")
        if mount is not None and self._volume.blob_size(Digest.parse(mount)) is not None:
            self._leases.used(Digest.parse(mount))
            return self._created(repository, Digest.parse(mount))
        name = self._uploads.begin(repository)
        headers = {**API, "Location": self._upload_url(request, repository, name), "Range": "0-0"}
        return Response(None, 202, headers)

    async def status(self, request: Request) -> Response:
        """Say how far an upload is."""
        _, repository = await self._writable(request)
        name = parse_upload_id(request.path_params["id"])
        size = self._uploads.size(name, repository)
        headers = {
            **API,
            "Location": self._upload_url(request, repository, name),
            "Range": f"0-{max(0, size - 1)}",
            # `Range` cannot tell no byte from one.
            "Upload-Length": str(size),
        }
        return Response(None, 204, headers)

    async def append(self, request: Request) -> Response:
        """Take a part."""
        _, repository = await self._writable(request)
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
        _, repository = await self._writable(request)
        name = parse_upload_id(request.path_params["id"])
        digest = Digest.parse(request.query_params.get("digest", ""))
        if request.headers.get("content-length", "0") != "0":
            await self._uploads.append(name, repository, request)
        # Promised before it is there: until its manifest comes, nothing else keeps it.
        self._leases.used(digest)
        await self._uploads.finish(name, repository, digest)
        self._leases.used(digest)
        return self._created(repository, digest)

    async def drop(self, request: Request) -> Response:
        """Forget an upload."""
        await self._writable(request)
        self._uploads.drop(parse_upload_id(request.path_params["id"]))
        return Response(None, 204, API)

    def _created(self, repository: str, digest: Digest) -> Response:
        headers = {**API, "Location": f"/v2/{repository}/blobs/{digest}", "Docker-Content-Digest": str(digest)}
        return Response(None, 201, headers)

    async def put_manifest(self, request: Request) -> Response:
        """Take a manifest whose blobs are all here."""
        alias, repository = await self._writable(request)
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
        # Promised first: none of them may go between the look and the writing.
        self._leases.grant(digest, wanted)
        self._uploads.check_blobs(wanted)
        media_type = request.headers.get("content-type", DOCKER_MANIFEST)
        manifest = Manifest(body, media_type, digest)
        await self._manifests.store(alias, repository, reference, manifest, pushed=True)
        headers = {
            **API,
            "Location": f"/v2/{repository}/manifests/{digest}",
            "Docker-Content-Digest": str(digest),
        }
        return Response(None, 201, headers)

    async def delete_manifest(self, request: Request) -> Response:
        """Delete a tag, or a manifest with all its tags, and the blobs that nothing else names."""
        await self._check(request)
        upstream, repository = self._upstream_of(request)
        reference = parse_reference(request.path_params["reference"])
        if not await self._collector.forget(upstream.alias, repository, reference):
            raise ManifestUnknownError(f"there is no {upstream.host}/{repository} {reference} in the store")
        return Response(None, 202, API)
