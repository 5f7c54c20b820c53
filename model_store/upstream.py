"""One request to one endpoint: challenge, redirects, and words for what went wrong.

A redirect's address is a credential of its own (it is signed), and what its host answers may repeat it. So
neither ever comes into an error, a log line or a metric: of a host that was redirected to only the name does.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from model_store.credentials import Credentials, CredentialsError, same_origin
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
        # Endpoints that took credentials as they are; they get them with the first request from then on.
        self._direct: set[str] = set()
        self._metrics = metrics

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    @asynccontextmanager
    async def request(
        self,
        method: str,
        endpoint: str,
        repository: str,
        *,
        kind: str,
        reference: str,
        headers: Mapping[str, str],
        credentials: Credentials | None = None,
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
            credentials: Those that this endpoint may see; they are read when it asks for some.

        Raises:
            EndpointFailedError: When the endpoint cannot be reached, breaks off, or wants
                credentials. Statuses of its answer are the caller's to judge.
        """
        status = "unreachable"
        try:
            response = await self._send(
                method,
                endpoint,
                repository,
                f"{kind}/{reference}",
                headers=dict(headers),
                credentials=credentials,
            )
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
        except (TokenError, CredentialsError) as error:
            self._count(endpoint, kind, "401")
            raise EndpointFailedError(Attempt(endpoint, str(error), 401)) from error

    async def _send(
        self,
        method: str,
        endpoint: str,
        repository: str,
        rest: str,
        *,
        headers: dict[str, str],
        credentials: Credentials | None,
    ) -> httpx.Response:
        url = f"{endpoint}/v2/{repository}/{rest}"
        known = self._tokens.get(endpoint, repository)
        if known is None and credentials is not None and endpoint in self._direct:
            known = credentials.read().header
        first = {**headers, "Authorization": known} if known is not None else headers
        response = await self._http.send(self._http.build_request(method, url, headers=first), stream=True)
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            return response
        await response.aclose()
        if not same_origin(str(response.url), endpoint):
            # Its challenge is not the endpoint's: whoever it names must not get a token, or credentials.
            raise TokenError(f"redirects to {response.url.host}, which wants credentials (HTTP 401)")
        header = await self._authorize(endpoint, repository, response, credentials)
        second = {**headers, "Authorization": header}
        answer = await self._http.send(self._http.build_request(method, url, headers=second), stream=True)
        if answer.status_code == HTTPStatus.UNAUTHORIZED and same_origin(str(answer.url), endpoint):
            await answer.aclose()
            self._direct.discard(endpoint)
            refused = "an anonymous token" if credentials is None else f"the credentials in {credentials}"
            raise TokenError(f"wants credentials: it refused {refused} (HTTP 401)")
        return answer

    async def _authorize(
        self, endpoint: str, repository: str, response: httpx.Response, credentials: Credentials | None
    ) -> str:
        """The Authorization header that a 401 asks for."""
        said = response.headers.get("www-authenticate", "")
        challenge = parse_challenge(said)
        found = None if credentials is None else credentials.read()
        if challenge is not None and (found is None or found.username):
            return await self._tokens.fetch(endpoint, repository, challenge, found)
        if found is None:
            scheme = said.partition(" ")[0]
            kind = f"with a {scheme} challenge" if scheme else "without a challenge"
            raise TokenError(f"wants credentials (HTTP 401 {kind}), and the store has none for it")
        self._direct.add(endpoint)
        return found.header

    def _count(self, endpoint: str, kind: str, status: str) -> None:
        self._metrics.upstream_requests.labels(endpoint_label(endpoint), kind, status).inc()

    def received(self, endpoint: str, count: int) -> None:
        """Count body bytes."""
        self._metrics.upstream_bytes.labels(endpoint_label(endpoint)).inc(count)

    async def refusal(self, endpoint: str, response: httpx.Response) -> EndpointFailedError:
        """Turn an answer that is no success into an error, with the beginning of what it says."""
        status = response.status_code
        if not same_origin(str(response.url), endpoint):
            # Stores of signed addresses explain a refusal by repeating the signature.
            return EndpointFailedError(Attempt(endpoint, f"HTTP {status} from {response.url.host}", status))
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
        reason = {404: "not found", 429: "too many requests"}.get(status, f"HTTP {status}")
        if words and status not in {404, 429}:
            reason = f"{reason}: {words[:300]}"
        return EndpointFailedError(Attempt(endpoint, reason, status))
