"""The HTTP face: OCI's distribution paths as Ollama uses them, health and metrics."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from model_store.config import StoreConfig, UpstreamConfig
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
from model_store.manifests import layers_of
from model_store.metrics import Metrics
from model_store.names import Digest, check_repository, parse_reference
from model_store.push import API
from model_store.ranges import ByteRange, UnsatisfiableRange, parse_range
from model_store.store import Store
from model_store.transfer import BlobResponse
from model_store.volume import Volume

__all__ = ["Faces", "create_app"]

# Ollama gives up on a blob's address after 30 s.
_SIZE_WAIT_S = 25.0
# All of them reach the handler, so that a refusal says why.
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Faces:
    """What the service serves.

    Attributes:
        main: ASGI application for clients and probes.
        tell: answers a scrape, where another port tells the metrics.
    """

    main: ASGIApp
    tell: Handler


def create_app(config: StoreConfig, volume: Volume) -> Faces:
    """Build the service on an opened volume."""
    handlers = _Handlers(config, volume)
    push, metrics = handlers.push, handlers.store.metrics

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        handlers.store.start()
        try:
            yield
        finally:
            await handlers.store.close()

    def route(path: str, name: str, answers: dict[str, Handler]) -> Route:
        return Route(path, _guarded(name, answers, metrics), methods=_METHODS)

    app = Starlette(
        lifespan=lifespan,
        routes=[
            route("/healthz", "health", {"GET": handlers.alive}),
            route("/readyz", "ready", {"GET": handlers.ready}),
            *([route("/metrics", "metrics", {"GET": handlers.scrape})] if config.metrics_tls is None else []),
            route("/v2/", "api", {"GET": handlers.api, "HEAD": handlers.api}),
            route("/v2/{name:path}/blobs/uploads/", "uploads", {"POST": push.begin}),
            route(
                "/v2/{name:path}/blobs/uploads/{id}",
                "uploads",
                {"GET": push.status, "PATCH": push.append, "PUT": push.finish, "DELETE": push.drop},
            ),
            route("/v2/{name:path}/blobs/{digest}", "blobs", {"GET": handlers.blob, "HEAD": handlers.blob}),
            route(
                "/v2/{name:path}/manifests/{reference}",
                "manifests",
                {
                    "GET": handlers.manifest,
                    "HEAD": handlers.manifest,
                    "PUT": push.put_manifest,
                    "DELETE": push.delete_manifest,
                },
            ),
        ],
        exception_handlers={HTTPException: _no_such_path},
    )
    return Faces(AccessLog(app, metrics), handlers.scrape)


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
    return Response(body, error.status, {**API, **error.headers}, "application/json")


class _Handlers:
    """Answers what reads."""

    def __init__(self, config: StoreConfig, volume: Volume) -> None:
        self._config = config
        self._volume = volume
        self.store = Store(config, volume)
        self.push = self.store.push_handlers(self.upstream_of)
        registries = [*config.upstreams, *([config.uploads.repositories] if config.uploads is not None else [])]
        self._by_alias = {one.alias: one for one in registries}

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
        body = await asyncio.to_thread(self.store.metrics.render)
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def api(self, _request: Request) -> Response:
        return Response(b"{}", 200, API, "application/json")

    async def manifest(self, request: Request) -> Response:
        upstream, repository = self.upstream_of(request)
        reference = parse_reference(request.path_params["reference"])
        agent = request.headers.get("user-agent")
        found = await self.store.manifests.get(upstream, repository, reference, agent)
        notes = request.scope["model_store"]
        notes["upstream"] = found.source in {"upstream", "stale"}
        notes["source"] = found.source
        if request.method == "GET":
            # The only answer whose text Ollama shows its user, so the place to say that a model does not fit, or that
            # a file of it cannot be had.
            layers = layers_of(found.body)
            await self.store.capacity.check(f"{repository}:{reference}", layers)
            self.store.downloads.expect(layers)
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
        self.store.leases.used(digest)
        # A running download comes first: while it syncs, its blob is not stored yet.
        download = self.store.downloads.running(digest)
        stored = self._volume.blob_size(digest) if download is None else None
        if request.method == "HEAD":
            total = stored
            if total is None:
                notes["upstream"] = True
                total = await self._size_elsewhere(request, upstream, repository, digest, download)
            headers["Content-Length"] = str(total)
            return Response(None, 200, headers, "application/octet-stream")
        if stored is not None:
            fd, total, download = self._volume.open_blob(digest), stored, None
        else:
            notes["upstream"] = True
            download = self.store.downloads.join(upstream, repository, digest, request.headers.get("user-agent"))
            fd = os.dup(download.fd)
            try:
                total = await self._wait_size(download.size(), digest)
            except BaseException:
                os.close(fd)
                raise
        return self._send(request, fd, digest, total, headers=headers, download=download)

    async def _size_elsewhere(
        self,
        request: Request,
        upstream: UpstreamConfig,
        repository: str,
        digest: Digest,
        download: Download | None,
    ) -> int:
        if download is not None:
            return await self._wait_size(download.size(), digest)
        try:
            return await self.store.downloads.size(upstream, repository, digest, request.headers.get("user-agent"))
        except UpstreamFailedError as error:
            if not self._config.open_uploads:
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
        self,
        request: Request,
        fd: int,
        digest: Digest,
        total: int,
        *,
        headers: dict[str, str],
        download: Download | None,
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
            digest,
            part if part is not None else ByteRange(0, total),
            status=status,
            headers=headers,
            transfers=self.store.transfers,
            download=download,
            may_hang_up=part is None and request.headers.get("user-agent", "").startswith("ollama/"),
        )
