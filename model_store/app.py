"""The HTTP face: OCI's distribution paths as Ollama uses them, health and metrics."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from model_store.capacity import Capacity
from model_store.config import StoreConfig, UpstreamConfig
from model_store.downloads import Downloads
from model_store.errors import (
    BlobUnknownError,
    RangeError,
    StoreError,
    UnsupportedError,
    UpstreamFailedError,
    volume_error,
)
from model_store.growing import Download
from model_store.logs import AccessLog, event
from model_store.manifests import ManifestService, layers_of
from model_store.metrics import Metrics
from model_store.names import Digest, check_repository, parse_reference
from model_store.push import API, PushHandlers
from model_store.ranges import ByteRange, UnsatisfiableRange, parse_range
from model_store.transfer import BlobResponse, Transfers
from model_store.uploads import Uploads
from model_store.upstream import Upstream
from model_store.volume import Volume

__all__ = ["create_app"]

# Ollama gives up on a blob's address after 30 s.
_SIZE_WAIT_S = 25.0
# All of them reach the handler, so that a refusal says why.
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

Handler = Callable[[Request], Awaitable[Response]]


def create_app(config: StoreConfig, volume: Volume) -> ASGIApp:
    """Build the service on an opened volume."""
    store = _Store(config, volume)
    push = store.push

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await store.close()

    def route(path: str, name: str, handlers: dict[str, Handler]) -> Route:
        return Route(path, _guarded(name, handlers, store.metrics), methods=_METHODS)

    app = Starlette(
        lifespan=lifespan,
        routes=[
            route("/healthz", "health", {"GET": store.alive}),
            route("/readyz", "ready", {"GET": store.ready}),
            route("/metrics", "metrics", {"GET": store.scrape}),
            route("/v2/", "api", {"GET": store.api, "HEAD": store.api}),
            route("/v2/{name:path}/blobs/uploads/", "uploads", {"POST": push.begin}),
            route(
                "/v2/{name:path}/blobs/uploads/{id}",
                "uploads",
                {"PATCH": push.append, "PUT": push.finish, "DELETE": push.drop},
            ),
            route("/v2/{name:path}/blobs/{digest}", "blobs", {"GET": store.blob, "HEAD": store.blob}),
            route(
                "/v2/{name:path}/manifests/{reference}",
                "manifests",
                {"GET": store.manifest, "HEAD": store.manifest, "PUT": push.put_manifest},
            ),
        ],
        exception_handlers={HTTPException: _no_such_path},
    )
    return AccessLog(app, store.metrics)


async def _no_such_path(_request: Request, _error: Exception) -> Response:
    error = StoreError("no such path; this is a registry: /v2/<repository>/manifests/<tag> and …/blobs/<digest>")
    return Response(error.body(), 404, API, "application/json")


def _guarded(name: str, handlers: dict[str, Handler], metrics: Metrics) -> Handler:
    async def handle(request: Request) -> Response:
        request.scope["model_store"]["route"] = name
        try:
            handler = handlers.get(request.method)
            if handler is None:
                raise UnsupportedError(f"{request.method} is not offered here: {', '.join(sorted(handlers))}")
            return await handler(request)
        except StoreError as error:
            return _refuse(request, error, metrics)
        except ClientDisconnect:
            return Response(status_code=499)
        except OSError as error:
            return _refuse(request, volume_error(f"answering {request.url.path}", error), metrics)

    return handle


def _refuse(request: Request, error: StoreError, metrics: Metrics) -> Response:
    metrics.failures.labels(error.reason).inc()
    if error.attempts:
        request.scope["model_store"]["upstream"] = True
    event(
        "refused",
        level=logging.WARNING if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO,
        path=request.url.path,
        status=error.status,
        reason=error.reason,
        cause=error.message,
    )
    body = error.body()
    wanted = parse_range(request.headers.get("range"), 1 << 62)
    if wanted is not None and not isinstance(error, RangeError) and wanted.length <= len(body):
        # Ollama does not look at a part's status: a body as long as the part would
        # be written into the model as its bytes.
        body = b""
    return Response(body, error.status, API, "application/json")


class _Store:
    """The parts of one running store."""

    def __init__(self, config: StoreConfig, volume: Volume) -> None:
        self.metrics = Metrics()
        self._config = config
        self._volume = volume
        self._capacity = Capacity(volume, max_bytes=config.max_bytes, min_free=config.min_free_bytes)
        self._upstream = Upstream(self.metrics)
        self._manifests = ManifestService(volume, self._upstream, self.metrics, fresh_s=config.tag_fresh_seconds)
        self._downloads = Downloads(volume, self._capacity, self._upstream, self.metrics)
        self.push = PushHandlers(
            volume,
            Uploads(volume, self._capacity),
            self._manifests,
            self._downloads,
            self.upstream_of if config.uploads else None,
        )
        self._transfers = Transfers()
        self._by_alias = {upstream.alias: upstream for upstream in config.upstreams}
        watch = self.metrics.observe
        watch(self.metrics.downloads, lambda: self._downloads.count)
        watch(self.metrics.blobs, lambda: volume.blob_count)
        watch(self.metrics.stored_bytes, lambda: volume.blob_bytes)
        watch(self.metrics.partial_bytes, volume.partial_bytes)
        watch(self.metrics.disk_free, volume.free_bytes)
        self.metrics.max_bytes.set(config.max_bytes if config.max_bytes is not None else 0)

    async def close(self) -> None:
        """End downloads and connections."""
        await self._manifests.close()
        await self._downloads.close()
        await self._upstream.close()

    def upstream_of(self, request: Request) -> tuple[UpstreamConfig, str]:
        label = request.headers.get("host", "").partition(":")[0].partition(".")[0].lower()
        upstream = self._by_alias.get(label, self._config.upstreams[0])
        return upstream, check_repository(request.path_params["name"])

    async def alive(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(self, _request: Request) -> Response:
        try:
            await asyncio.to_thread(self._volume.check_writable)
        except OSError as error:
            return PlainTextResponse(f"the volume {self._volume.root} is not writable: {error}\n", 503)
        return PlainTextResponse("ok\n")

    async def scrape(self, _request: Request) -> Response:
        body = await asyncio.to_thread(self.metrics.render)
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def api(self, _request: Request) -> Response:
        return Response(b"{}", 200, API, "application/json")

    async def manifest(self, request: Request) -> Response:
        upstream, repository = self.upstream_of(request)
        reference = parse_reference(request.path_params["reference"])
        agent = request.headers.get("user-agent")
        found = await self._manifests.get(upstream, repository, reference, agent)
        notes = request.scope["model_store"]
        notes["upstream"] = found.source in {"upstream", "stale"}
        notes["source"] = found.source
        if request.method == "GET":
            # The only answer whose text Ollama shows its user, so the place to say that a model does not fit.
            self._capacity.check(f"{repository}:{reference}", layers_of(found.body))
        headers = {
            **API,
            "Docker-Content-Digest": str(found.digest),
            "Ollama-Content-Digest": str(found.digest),
            "ETag": f'"{found.digest}"',
            "X-Model-Store-Source": found.source,
        }
        if found.stale:
            headers["Warning"] = '110 model-store "no upstream answered; this is the stored manifest"'
        return Response(found.body, 200, headers, found.media_type)

    async def blob(self, request: Request) -> Response:
        upstream, repository = self.upstream_of(request)
        digest = Digest.parse(request.path_params["digest"])
        headers = {
            **API,
            "Accept-Ranges": "bytes",
            "Docker-Content-Digest": str(digest),
            "ETag": f'"{digest}"',
            "Cache-Control": "max-age=31536000, immutable",
        }
        notes = request.scope["model_store"]
        # A running download comes first: while it syncs, its blob is not stored yet.
        download = self._downloads.running(digest)
        stored = self._volume.blob_size(digest) if download is None else None
        if request.method == "HEAD":
            total = stored
            if total is None:
                notes["upstream"] = True
                total = await self._size_elsewhere(upstream, repository, digest, download)
            headers["Content-Length"] = str(total)
            return Response(None, 200, headers, "application/octet-stream")
        if stored is not None:
            fd, total, download = self._volume.open_blob(digest), stored, None
        else:
            notes["upstream"] = True
            download = self._downloads.join(upstream, repository, digest)
            fd = os.dup(download.fd)
            try:
                total = await self._wait_size(download.size(), digest)
            except BaseException:
                os.close(fd)
                raise
        return self._send(request, fd, total, headers, download)

    async def _size_elsewhere(
        self, upstream: UpstreamConfig, repository: str, digest: Digest, download: Download | None
    ) -> int:
        if download is not None:
            return await self._wait_size(download.size(), digest)
        try:
            return await self._downloads.size(upstream, repository, digest)
        except UpstreamFailedError as error:
            if not self._config.uploads:
                raise
            # The first request of a push asks whether the blob is here; it must go on without an upstream.
            raise BlobUnknownError(error.message, error.attempts) from error

    async def _wait_size(self, size: Awaitable[int], digest: Digest) -> int:
        try:
            async with asyncio.timeout(_SIZE_WAIT_S):
                return await size
        except TimeoutError as error:
            raise StoreError(
                f"no upstream began to send blob {digest} within {_SIZE_WAIT_S:.0f} s; the store goes on trying"
            ) from error

    def _send(
        self, request: Request, fd: int, total: int, headers: dict[str, str], download: Download | None
    ) -> Response:
        if_range = request.headers.get("if-range")
        asked = request.headers.get("range") if if_range in {None, headers["ETag"]} else None
        try:
            part = parse_range(asked, total)
        except UnsatisfiableRange:
            os.close(fd)
            error = RangeError(f"the range {asked!r} is outside the blob's {total} bytes")
            return Response(error.body(), 416, {**API, "Content-Range": f"bytes */{total}"}, "application/json")
        status = 200 if part is None else 206
        headers["Content-Type"] = "application/octet-stream"
        if part is None:
            # Ollama takes a blob's address from this header, also from a 200, and resolves it
            # against its request: a path alone is right behind any proxy.
            headers["Location"] = request.url.path
        else:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{total}"
        return BlobResponse(
            fd,
            part if part is not None else ByteRange(0, total),
            status=status,
            headers=headers,
            transfers=self._transfers,
            download=download,
            may_hang_up=part is None and request.headers.get("user-agent", "").startswith("ollama/"),
        )
