"""Tokens of an OpenID provider, checked by its public keys."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

import aiohttp
import jwt

from echo.auth.principal import AuthError, Principal, Role
from echo.auth.token_spaces import claim_of, spaces_of
from echo.config.model import OidcConfig
from replica_agent.logs import event

__all__ = ["Oidc"]

_FETCH = aiohttp.ClientTimeout(total=5)
_LARGEST = 1 << 20
_AGAIN_S = 10.0
"""Keys are asked for at most so often, so that tokens with made-up key names do not have us flood the provider."""
_LEEWAY_S = 30
_LONGEST_TOKEN = 16 << 10
_LONGEST_SUBJECT = 255
"""OpenID Connect Core 1.0, section 2."""
_LONGEST_NAME = 100


class Oidc:
    """One provider."""

    def __init__(self, config: OidcConfig) -> None:
        self.config = config
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = -_AGAIN_S
        self._tried = -_AGAIN_S
        self._lock = asyncio.Lock()

    async def principal(self, token: str) -> Principal:
        """Return whom a token is about.

        Raises:
            AuthError: It is not good, or the provider's keys cannot be had.
        """
        if len(token) > _LONGEST_TOKEN:
            raise AuthError("malformed", "the token is too long")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise AuthError("malformed", "this is no token") from error
        key = await self._key(header.get("kid"))
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(self.config.algorithms),
                audience=self.config.audience,
                issuer=self.config.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise AuthError("expired", "the token has expired") from error
        except jwt.PyJWTError as error:
            # The library's words name the claim that is wrong, never the token.
            raise AuthError("bad_token", f"the token is not good: {error}") from error
        roles = self._roles(claims)
        if not roles:
            raise AuthError("no_role", f"the token's {self.config.roles_claim} gives no role here")
        spaces, space = spaces_of(self.config, claims)
        return Principal(_name(str(claims["sub"])), frozenset(roles), spaces=spaces, space=space)

    def _roles(self, claims: Mapping[str, Any]) -> set[Role]:
        found = claim_of(claims, self.config.roles_claim)
        listed = cast("list[object]", found) if isinstance(found, list) else [found]
        values = {value for value in listed if isinstance(value, str)}
        roles: set[Role] = set()
        if not self.config.user_values or values & set(self.config.user_values):
            roles.add("user")
        if values & set(self.config.operator_values):
            roles.add("operator")
        return roles

    async def _key(self, name: object) -> jwt.PyJWK:
        wanted = name if isinstance(name, str) else ""
        now = time.monotonic()
        if wanted not in self._keys or now - self._fetched > self.config.refresh_seconds:
            async with self._lock:
                if time.monotonic() - self._tried > _AGAIN_S:
                    await self._fetch()
        found = self._keys.get(wanted)
        if found is None:
            raise AuthError("unknown_key", "the token is signed by a key that its provider does not publish")
        return found

    async def _fetch(self) -> None:
        self._tried = time.monotonic()
        try:
            keys = await self._document()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # What is known still holds: a provider that is away for a while locks nobody out.
            event("oidc_keys", level=logging.WARNING, url=self.config.jwks_url, cause=repr(error))
            return
        self._keys = keys
        self._fetched = time.monotonic()

    async def _document(self) -> dict[str, jwt.PyJWK]:
        context = ssl.create_default_context(cafile=self.config.ca_file)
        connector = aiohttp.TCPConnector(ssl=context)
        async with (
            aiohttp.ClientSession(timeout=_FETCH, connector=connector) as session,
            session.get(self.config.jwks_url, allow_redirects=False) as response,
        ):
            if response.status != HTTPStatus.OK:
                raise ValueError(f"the provider answers {response.status}")
            text = await response.content.read(_LARGEST)
        document: object = json.loads(text)
        entries = cast("Mapping[str, object]", document).get("keys") if isinstance(document, Mapping) else None
        if not isinstance(entries, list):
            raise ValueError("the provider's answer has no `keys`")  # noqa: TRY004 - as every other fault of it
        found: dict[str, jwt.PyJWK] = {}
        for entry in cast("list[object]", entries):
            if not isinstance(entry, dict):
                continue
            shape = cast("dict[str, Any]", entry)
            # A symmetric key in a public document would let everybody sign.
            if shape.get("kty") == "oct" or shape.get("use", "sig") != "sig":
                continue
            try:
                found[str(shape.get("kid", ""))] = jwt.PyJWK(shape)
            except jwt.PyJWTError:
                event("oidc_key_skipped", level=logging.WARNING, kid=str(shape.get("kid", "")))
        return found


def _name(subject: str) -> str:
    """Who that is, in logs and as owner of conversations: never the name of another subject."""
    if not subject or len(subject) > _LONGEST_SUBJECT:
        raise AuthError("bad_token", f"the token's sub must have 1 to {_LONGEST_SUBJECT} characters")
    # A colon before the hash, so that no subject can be spelled as another one's hash.
    if len(subject) > _LONGEST_NAME or subject.startswith(":") or not subject.isprintable():
        return f"oidc::{hashlib.sha256(subject.encode()).hexdigest()}"
    return f"oidc:{subject}"
