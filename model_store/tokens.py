"""Bearer tokens, as OCI registries hand them out: to anybody, or to whoever shows credentials."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from model_store.credentials import Login, same_origin

__all__ = ["Challenge", "TokenCache", "TokenError", "parse_challenge"]

_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')
_DEFAULT_LIFE_S = 60.0
_MARGIN_S = 10.0
_MAX_TOKENS = 1024


class TokenError(Exception):
    """The registry wants credentials that the store has not, or refused those it has."""


@dataclass(frozen=True)
class Challenge:
    """What a 401 asks for."""

    realm: str
    service: str | None
    scope: str | None


def parse_challenge(header: str) -> Challenge | None:
    """Read ``WWW-Authenticate``; None when it is no bearer challenge with a usable realm."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        return None
    found = {m[1].lower(): m[2] if m[2] is not None else m[3] for m in _PARAMETER.finditer(rest)}
    realm = found.get("realm", "")
    if urlsplit(realm).scheme not in {"http", "https"}:
        return None
    return Challenge(realm, found.get("service"), found.get("scope"))


class TokenCache:
    """Tokens by endpoint and repository, until shortly before they expire. They live in memory alone."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._tokens: dict[tuple[str, str], tuple[str, float]] = {}

    def get(self, endpoint: str, repository: str) -> str | None:
        """The Authorization header with a token that still counts."""
        token, until = self._tokens.get((endpoint, repository), ("", 0.0))
        return f"Bearer {token}" if time.monotonic() < until else None

    async def fetch(self, endpoint: str, repository: str, challenge: Challenge, login: Login | None = None) -> str:
        """Ask the realm for a token, and give the Authorization header.

        Credentials go to a realm that the endpoint itself named, over https, or on the endpoint's own host and port.

        Raises:
            TokenError: When it gives none. The message holds no token.
            httpx.HTTPError: When it cannot be reached.
        """
        scope = challenge.scope or f"repository:{repository}:pull"
        query = {"scope": scope, **({"service": challenge.service} if challenge.service else {})}
        host = urlsplit(challenge.realm).hostname
        if login is None:
            answer = await self._http.get(challenge.realm, params=query)
        elif urlsplit(challenge.realm).scheme == "https" or same_origin(challenge.realm, endpoint):
            # A redirect is not followed: it could lead credentials to a host that nobody named.
            answer = await self._http.get(
                challenge.realm, params=query, headers={"Authorization": login.header}, follow_redirects=False
            )
        else:
            raise TokenError(f"sends its users to {host} over plain HTTP, where credentials would be read on the way")
        if answer.status_code != HTTPStatus.OK:
            kind = "anonymous token" if login is None else "token for the store's credentials"
            raise TokenError(f"wants credentials: {host} gave no {kind} (HTTP {answer.status_code})")
        try:
            document = answer.json()
        except ValueError as error:
            raise TokenError(f"wants credentials: {host} answered something that is no token") from error
        fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
        token = fields.get("token") or fields.get("access_token")
        if not isinstance(token, str):
            raise TokenError(f"wants credentials: {host} answered without a token")
        life = fields.get("expires_in")
        seconds = float(life) if isinstance(life, int | float) else _DEFAULT_LIFE_S
        if len(self._tokens) >= _MAX_TOKENS:
            self._tokens.clear()
        self._tokens[endpoint, repository] = (token, time.monotonic() + max(0.0, seconds - _MARGIN_S))
        return f"Bearer {token}"
