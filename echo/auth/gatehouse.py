"""Lets a request in or turns it away, before anything else sees it.

Whatever is not named here as open needs a key, so that a new path is closed by default.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Scope

from echo.auth.keys import Keys
from echo.auth.oidc import Oidc
from echo.auth.principal import ANONYMOUS, AuthError, Principal, Role
from echo.auth.rates import Buckets, Rates
from echo.config.model import AuthConfig
from replica_agent.logs import event

__all__ = ["OPEN", "Denied", "Gatehouse"]

OPEN = frozenset({"/", "/health", "/models/health", "/api/health", "/dte/health"})
"""Health, which the kubelet asks without a key, and the greeting by which Ollama's clients know a server."""

_OPERATOR = ("/admin",)
_READ = frozenset({"GET", "HEAD"})
_PROTOCOL = "echorator.key."
_LOG_PER_MINUTE = 10.0


class Denied(Exception):  # noqa: N818 - an outcome, not a fault
    """The request is turned away.

    Attributes:
        status: 401, 403 or 429.
        code: a word for it.
        retry_after: seconds, where trying again helps.
    """

    def __init__(self, status: HTTPStatus, code: str, message: str, retry_after: int | None = None) -> None:
        self.status = status
        self.code = code
        self.retry_after = retry_after
        super().__init__(message)


class Gatehouse:
    """Knows who may come in.

    Attributes:
        rates: what each key has left.
    """

    def __init__(self, config: AuthConfig, keys: Keys, rates: Rates, on_failure: Callable[[str], None]) -> None:
        self.config: AuthConfig = config
        self.keys = keys
        self.rates = rates
        self._oidc = Oidc(config.oidc) if config.oidc is not None else None
        self._failures = Buckets()
        self._logged = Buckets()
        self._on_failure = on_failure

    def change(self, config: AuthConfig, keys: Keys) -> None:
        """Take other settings; tokens' keys stay known where the provider is the same."""
        if config.oidc != self.config.oidc:
            self._oidc = Oidc(config.oidc) if config.oidc is not None else None
        self.config = config
        self.keys = keys

    async def admit(self, scope: Scope) -> Principal | None:
        """Return who asks; None on a path that is open to all.

        Raises:
            Denied: Whoever asks may not.
        """
        path = str(scope["path"])
        if path in OPEN and scope.get("method") in _READ:
            return None
        principal = await self._identify(scope, path)
        wanted = role_of(path)
        if wanted not in principal.roles:
            raise Denied(HTTPStatus.FORBIDDEN, "forbidden", f"{path} is for the role {wanted}")
        return principal

    async def _identify(self, scope: Scope, path: str) -> Principal:
        headers = Headers(scope=scope)
        shown = _credentials(headers, _protocols(scope))
        if shown is None:
            if self.config.anonymous:
                return ANONYMOUS
            raise self._failed(scope, AuthError("missing", "a key is needed: send `Authorization: Bearer <key>`"))
        try:
            return await self._principal(shown, scope, path)
        except AuthError as error:
            denied = self._failed(scope, error)
            if self.config.anonymous:
                # Clients made for a bare Ollama send any word where a key belongs.
                return ANONYMOUS
            raise denied from error

    async def _principal(self, shown: str, scope: Scope, path: str) -> Principal:
        if ":" in shown:
            query = parse_qs(scope["query_string"].decode("latin-1"))
            return self.keys.of_signature(shown, str(scope.get("method", "")), path, query.get("ts", [""])[-1])
        if self._oidc is not None and shown.count(".") == 2:  # noqa: PLR2004 - a token has three parts
            return await self._oidc.principal(shown)
        return self.keys.of_key(shown)

    def _failed(self, scope: Scope, error: AuthError) -> Denied:
        """Count a failure. A good key is never turned away for other people's guesses from the same address."""
        client = scope.get("client")
        address = str(client[0]) if client else "unknown"
        self._on_failure(error.reason)
        if not self._logged.take(address, _LOG_PER_MINUTE, _LOG_PER_MINUTE):
            event("auth_failed", level=logging.WARNING, reason=error.reason, address=address)
        rate = self.config.failures_per_minute
        wait = self._failures.take(address, rate, max(1.0, rate))
        if wait:
            text = "too many wrong keys from this address"
            return Denied(HTTPStatus.TOO_MANY_REQUESTS, "too_many_failures", text, int(wait) + 1)
        return Denied(HTTPStatus.UNAUTHORIZED, "unauthorized", str(error))


def role_of(path: str) -> Role:
    """Return which role a path asks for."""
    parts = path.lower().split("/")
    return "operator" if f"/{next((part for part in parts if part), '')}" in _OPERATOR else "user"


def _protocols(scope: Scope) -> Iterable[str]:
    return scope.get("subprotocols", ())


def _credentials(headers: Headers, protocols: Iterable[str]) -> str | None:
    """Return what was shown: a header, or for browsers, which cannot set one on a WebSocket, a subprotocol."""
    for value in headers.getlist("authorization"):
        kind, _, rest = value.strip().partition(" ")
        return rest.strip() if rest and kind.lower() == "bearer" else value.strip()
    for value in headers.getlist("x-api-key"):
        return value.strip()
    for protocol in protocols:
        if protocol.startswith(_PROTOCOL):
            return protocol.removeprefix(_PROTOCOL)
    return None
