"""Pushing models into the store, and deleting them there."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

import httpx

from model_store.manifests import DOCKER_MANIFEST
from model_store.names import check_repository, parse_reference
from model_store.package import Layer, Package, read_package

__all__ = ["PushError", "PushProgress", "Pushed", "StoreClient"]

_CHUNK = 16 << 20
_ATTEMPTS = 6
_BACKOFF_BASE_S, _BACKOFF_MAX_S = 0.3, 10.0


class PushError(Exception):
    """The store refused, or could not be reached; the message says what to do and holds no token."""


class _RestartError(Exception):
    """The upload's session is gone, as after a restart of the store."""


@dataclass(frozen=True)
class PushProgress:
    """How far a push is.

    Attributes:
        phase: What is being done.
        label: Of the file or layer.
        done: Bytes of it so far.
        total: Its bytes.
    """

    phase: Literal["hashing", "uploading", "present", "verifying"]
    label: str
    done: int
    total: int


@dataclass(frozen=True)
class Pushed:
    """A model in the store.

    Attributes:
        digest: ``sha256:<hex>`` of its manifest, to be set as a model's `digest`.
        size: Bytes of its blobs.
        sent: Bytes that had to be sent; the rest was there.
    """

    digest: str
    size: int
    sent: int


class StoreClient:
    """A client of one store."""

    def __init__(self, http: httpx.AsyncClient, *, alias: str, token: str) -> None:
        """Prepare a client.

        Args:
            http: Has the store's address as base URL; whoever made it closes it.
            alias: Of the registry to push to, as in the store's config: it goes into the Host header, so that
                any way to the store will do, a forwarded port too.
            token: The store's; shown to nobody else.
        """
        self._http = http
        self._headers = {"Host": alias, "Authorization": f"Bearer {token}"}

    async def push(
        self,
        path: Path,
        repository: str,
        tag: str,
        on_progress: Callable[[PushProgress], None] = lambda _: None,
    ) -> Pushed:
        """Push a GGUF file, or a folder with one (see `package`).

        What the store has already is not sent. A connection that breaks is taken up again where the store is; a
        push that was killed begins with the blobs that are missing.

        Args:
            path: File or folder.
            repository: For example ``team/name``.
            tag: For example ``1``.
            on_progress: Told what is done, from the event loop's thread.

        Raises:
            PackageError: When it is no model.
            PushError: When the store refuses or cannot be reached.
            InvalidRequestError: When repository or tag are outside the grammar.
            OSError: When a file cannot be read.
        """
        check_repository(repository)
        parse_reference(tag)
        loop = asyncio.get_running_loop()

        def hashed(file: Path, done: int, total: int) -> None:
            loop.call_soon_threadsafe(on_progress, PushProgress("hashing", file.name, done, total))

        package = await asyncio.to_thread(read_package, path, hashed)
        sent = 0
        for layer in package.layers:
            if await self._has(repository, layer):
                on_progress(PushProgress("present", layer.label, layer.size, layer.size))
                continue
            await self._upload(repository, layer, on_progress)
            sent += layer.size
        await self._tag(repository, tag, package)
        await self._verify(repository, tag, package, on_progress)
        return Pushed(package.digest, package.size, sent)

    async def delete(self, repository: str, reference: str) -> bool:
        """Delete a tag, or by digest a manifest with all its tags; says whether there was one.

        Raises:
            PushError: When the store refuses or cannot be reached.
        """
        answer = await self._send("DELETE", f"/v2/{repository}/manifests/{reference}")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return False
        _expect(answer, HTTPStatus.ACCEPTED, f"deleting {repository} {reference}")
        return True

    async def _has(self, repository: str, layer: Layer) -> bool:
        answer = await self._send("HEAD", f"/v2/{repository}/blobs/{layer.digest}")
        return answer.status_code == HTTPStatus.OK and answer.headers.get("content-length") == str(layer.size)

    async def _upload(self, repository: str, layer: Layer, on_progress: Callable[[PushProgress], None]) -> None:
        for _ in range(_ATTEMPTS):
            begun = await self._send("POST", f"/v2/{repository}/blobs/uploads/")
            _expect(begun, HTTPStatus.ACCEPTED, f"opening an upload of {layer.label}")
            # The address is for whoever reached the store by its name; ours may be another.
            where = urlsplit(begun.headers["location"]).path
            try:
                await self._parts(where, layer, on_progress)
                done = await self._send("PUT", f"{where}?digest={layer.digest}")
            except _RestartError:
                continue
            if done.status_code == HTTPStatus.NOT_FOUND:
                # The store was restarted, or the answer to an earlier PUT was lost on the way.
                if await self._has(repository, layer):
                    return
                continue
            _expect(done, HTTPStatus.CREATED, f"finishing the upload of {layer.label}")
            return
        raise PushError(f"the upload of {layer.label} was lost {_ATTEMPTS} times: see the store's log, and push again")

    async def _parts(self, where: str, layer: Layer, on_progress: Callable[[PushProgress], None]) -> None:
        offset, attempt = 0, 0
        while offset < layer.size:
            on_progress(PushProgress("uploading", layer.label, offset, layer.size))
            piece = await asyncio.to_thread(_read, layer, offset)
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Range": f"{offset}-{offset + len(piece) - 1}",
            }
            try:
                answer = await self._http.patch(where, content=piece, headers={**self._headers, **headers})
            except httpx.TransportError as error:
                answer, cause = None, f"{type(error).__name__}: {error}"
            else:
                cause = f"HTTP {answer.status_code}"
            if answer is not None and answer.status_code == HTTPStatus.ACCEPTED:
                offset += len(piece)
                attempt = 0
                continue
            if answer is not None and not _may_pass(answer.status_code):
                _expect(answer, HTTPStatus.ACCEPTED, f"uploading {layer.label}")
            attempt += 1
            if attempt >= _ATTEMPTS:
                raise PushError(f"the upload of {layer.label} broke off {attempt} times at {offset} bytes ({cause})")
            await _pause(attempt)
            offset = await self._arrived(where)
        on_progress(PushProgress("uploading", layer.label, layer.size, layer.size))

    async def _arrived(self, where: str) -> int:
        """Bytes that the store has of an upload."""
        answer = await self._send("GET", where)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise _RestartError
        _expect(answer, HTTPStatus.NO_CONTENT, "asking how far an upload is")
        return int(answer.headers["upload-length"])

    async def _tag(self, repository: str, tag: str, package: Package) -> None:
        answer = await self._send(
            "PUT",
            f"/v2/{repository}/manifests/{tag}",
            content=package.manifest,
            headers={"Content-Type": DOCKER_MANIFEST},
        )
        _expect(answer, HTTPStatus.CREATED, f"writing the manifest of {repository}:{tag}")

    async def _verify(
        self, repository: str, tag: str, package: Package, on_progress: Callable[[PushProgress], None]
    ) -> None:
        answer = await self._send("GET", f"/v2/{repository}/manifests/{tag}")
        _expect(answer, HTTPStatus.OK, f"reading {repository}:{tag} back")
        if answer.content != package.manifest:
            raise PushError(f"{repository}:{tag} is another model by now: somebody pushed it at the same time")
        for layer in package.layers:
            if not await self._has(repository, layer):
                raise PushError(f"the store lost {layer.label} of {repository}:{tag}; see its log, and push again")
            on_progress(PushProgress("verifying", layer.label, layer.size, layer.size))

    async def _send(
        self, method: str, path: str, *, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a request that may be sent twice, and again while the store cannot be reached or is overloaded."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = await self._http.request(
                    method, path, content=content, headers={**self._headers, **(headers or {})}
                )
            except httpx.TransportError as error:
                if attempt == _ATTEMPTS:
                    raise PushError(
                        f"the model store at {self._http.base_url.host} cannot be reached: "
                        f"{type(error).__name__}: {error}"
                    ) from error
            else:
                if attempt == _ATTEMPTS or not _may_pass(answer.status_code):
                    return answer
            await _pause(attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")


def _may_pass(status: int) -> bool:
    """Whether asking again may help; a full store stays full."""
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        # The store has more or less of an upload than we thought: an answer was lost.
        return True
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.INSUFFICIENT_STORAGE


async def _pause(attempt: int) -> None:
    longest = min(_BACKOFF_MAX_S, _BACKOFF_BASE_S * 2**attempt)
    await asyncio.sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311  jitter


def _read(layer: Layer, offset: int) -> bytes:
    if isinstance(layer.source, bytes):
        return layer.source[offset : offset + _CHUNK]
    with layer.source.open("rb") as file:
        file.seek(offset)
        piece = file.read(_CHUNK)
    if not piece:
        raise PushError(f"{layer.source} became shorter while it was pushed; push again")
    return piece


def _expect(answer: httpx.Response, status: HTTPStatus, doing: str) -> None:
    if answer.status_code == status:
        return
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        raise PushError(f"{doing}: the store does not take this token; read it anew from the Secret")
    raise PushError(f"{doing}: HTTP {answer.status_code}: {_message(answer)}")


def _message(answer: httpx.Response) -> str:
    try:
        document: object = answer.json()
    except ValueError:
        return answer.text[:300]
    fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    errors = fields.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(cast("dict[str, Any]", errors[0]).get("message", ""))
    return answer.text[:300]
