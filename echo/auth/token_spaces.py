"""Memory spaces of who shows a token: those that a claim names, and one of their own.

A space of one's own has a name that no other value of the claim leads to: the value itself after `oidc-` where it can
stand in a name, else its hash after `oidc.`, so that neither can be made to look like the other. Names with these
beginnings are given by no claim that lists spaces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import cast

from echo.config.model import OidcConfig
from echo.names import SPACE_NAME

__all__ = ["claim_of", "own_space", "spaces_of"]

_PLAIN, _HASHED = "oidc-", "oidc."
_LONGEST = 63
_MOST = 100
"""Spaces of one token."""


def claim_of(claims: Mapping[str, object], path: str) -> object:
    """Return a claim; dots go into objects. None where there is none."""
    found = cast("object", claims)
    for part in path.split("."):
        found = cast("Mapping[str, object]", found).get(part) if isinstance(found, Mapping) else None
    return found


def own_space(issuer: str, value: str) -> str:
    """Return the name of the space that belongs to a claim's value."""
    plain = _PLAIN + value
    if len(plain) <= _LONGEST and SPACE_NAME.fullmatch(value):
        return plain
    return _HASHED + hashlib.sha256(f"{issuer}\0{value}".encode()).hexdigest()[:56]


def spaces_of(config: OidcConfig, claims: Mapping[str, object]) -> tuple[frozenset[str], str | None]:
    """Return the spaces that a token may use, and the one that its requests mean when they name none.

    Args:
        config: which claims say so.
        claims: of a token whose signature is good.
    """
    found: set[str] = set()
    if config.spaces_claim is not None:
        given = claim_of(claims, config.spaces_claim)
        listed = cast("list[object]", given) if isinstance(given, list) else [given]
        names = [one for one in listed[:_MOST] if isinstance(one, str) and SPACE_NAME.fullmatch(one)]
        found |= {one for one in names if not one.startswith((_PLAIN, _HASHED))}
    if config.own_space_claim is None:
        return frozenset(found), None
    value = claim_of(claims, config.own_space_claim)
    if not isinstance(value, str) or not value:
        return frozenset(found), None
    own = own_space(config.issuer, value)
    return frozenset(found | {own}), own if config.space_by_default else None
