"""One request to one endpoint: challenge, redirects, and words for what went wrong."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from model_store.errors import Attempt
from model_store.metrics import Metrics
from model_store.tokens import TokenCache, TokenError, parse_challenge

__all__ = ["CONNECT_TIMEOUT_S", "READ_TIMEOUT_S", "EndpointFailedError", "Upstream", "endpoint_label"]

CONNECT_TIMEOUT_S = 5.0
# Below the 30 s after which Ollama gives up on a part that has begun, so that
# the store has changed its connection before the clients change theirs.
READ_TIMEOUT_S = 20.0
_ERROR_TEXT_BYTES = 2048
_USER_AGENT = "echorator-model-store"


class EndpointFailedError(Exception):
    """An endpoint did not give what was asked."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.reason)
        self.attempt = attempt


def endpoint_label(endpoint: str) -> str:
    """The endpoint's host and port, as a metric's label."""
    return urlsplit(endpoint).netloc


def _system_words(error: BaseException) -> str:
    """What the system said below the library's "all connection attempts failed"."""
    words = str(error)
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, socket.gaierror):
            words = str(below.strerror)
        elif isinstance(below, OSError) and below.errno is not None:
            words = os.strerror(below.errno)
        below = below.__cause__ or below.__context__
    return words


def _describe(error: Exception) -> str:
    match error:
        case httpx.ConnectTimeout():
            words = f"no connection within {CONNECT_TIMEOUT_S:.0f} s"
        case httpx.ReadTimeout():
            words = f"sent nothing for {READ_TIMEOUT_S:.0f} s"
        case httpx.ConnectError():
            words = f"cannot connect: {_system_words(error)}"
        case httpx.TooManyRedirects():
            words = "redirects without end"
        case httpx.RemoteProtocolError() | httpx.ReadError():
            words = f"broke off: {error}"
        case _:
            # The class too: some of httpx's errors have no text.
            words = f"{type(error).__name__}: {error}"
    return words.rstrip(": ")


class Upstream:
    """Asks endpoints. Credentials never go further than the endpoint they are for."""

    def __init__(self, metrics: Metrics, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        # httpx drops the Authorization header when a redirect leaves the endpoint's origin.
        self._http = httpx.AsyncClient(
            follow_redirects=True,
            max_redirects=5,
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=256, max_keepalive_connections=16),
            headers={"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"},
            transport=transport,
        )
        self._tokens = TokenCache(self._http)
        self._metrics = metrics

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    @asynccontextmanager
    async def request(
        self, method: str, endpoint: str, repository: str, *, kind: str, reference: str, headers: Mapping[str, str]
    ) -> AsyncGenerator[httpx.Response]:
        """Send a request and give its response, whose body is not read yet.

        Errors while the body is read come out as `EndpointFailedError` too.

        Args:
            method: GET or HEAD.
            endpoint: Base URL.
            repository: For example ``library/smollm2``.
            kind: ``manifests`` or ``blobs``.
            reference: Tag or digest.
            headers: More request headers.

        Raises:
            EndpointFailedError: When the endpoint cannot be reached, breaks off, or wants
                credentials. Statuses of its answer are the caller's to judge.
        """
        status = "unreachable"
        try:
            response = await self._send(method, endpoint, repository, f"{kind}/{reference}", dict(headers))
            status = str(response.status_code)
            self._count(endpoint, kind, status)
            try:
                yield response
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            if status == "unreachable":
                self._count(endpoint, kind, status)
            raise EndpointFailedError(Attempt(endpoint, _describe(error))) from error
        except TokenError as error:
            self._count(endpoint, kind, "401")
            raise EndpointFailedError(Attempt(endpoint, str(error), 401)) from error

    async def _send(
        self, method: str, endpoint: str, repository: str, rest: str, headers: dict[str, str]
    ) -> httpx.Response:
        url = f"{endpoint}/v2/{repository}/{rest}"
        token = self._tokens.get(endpoint, repository)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        response = await self._http.send(self._http.build_request(method, url, headers=headers), stream=True)
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            return response
        await response.aclose()
        challenge = parse_challenge(response.headers.get("www-authenticate", ""))
        if challenge is None:
            raise TokenError("wants credentials (HTTP 401 without a bearer challenge)")
        headers["Authorization"] = f"Bearer {await self._tokens.fetch(endpoint, repository, challenge)}"
        return await self._http.send(self._http.build_request(method, url, headers=headers), stream=True)

    def _count(self, endpoint: str, kind: str, status: str) -> None:
        self._metrics.upstream_requests.labels(endpoint_label(endpoint), kind, status).inc()

    def received(self, endpoint: str, count: int) -> None:
        """Count body bytes."""
        self._metrics.upstream_bytes.labels(endpoint_label(endpoint)).inc(count)

    async def refusal(self, endpoint: str, response: httpx.Response) -> EndpointFailedError:
        """Turn an answer that is no success into an error, with the beginning of what it says."""
        text = b""
        try:
            async for chunk in response.aiter_bytes():
                text += chunk
                if len(text) >= _ERROR_TEXT_BYTES:
                    break
        except httpx.HTTPError:
            # The status is what counts; the rest of the explanation is lost.
            text = b""
        words = " ".join(text[:_ERROR_TEXT_BYTES].decode("utf-8", "replace").split())
        status = response.status_code
        reason = {404: "not found", 429: "too many requests"}.get(status, f"HTTP {status}")
        if words and status not in {404, 429}:
            reason = f"{reason}: {words[:300]}"
        return EndpointFailedError(Attempt(endpoint, reason, status))
