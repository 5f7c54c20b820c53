"""Spaces of tokens: what a claim may name, and that no two values share a space of their own."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from echo.auth.token_spaces import own_space, spaces_of
from echo.config.model import OidcConfig

BASE = OidcConfig.model_validate({"issuer": "https://id", "audience": "echo", "jwksUrl": "https://id/keys"})
NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
VALUES = st.text(min_size=1, max_size=80) | st.from_regex(r"[a-z0-9.:-]{1,70}", fullmatch=True)


@given(VALUES, VALUES)
def test_two_values_never_share_a_space(one: str, other: str) -> None:
    first, second = own_space("https://id", one), own_space("https://id", other)
    assert NAME.fullmatch(first)
    assert (first == second) == (one == other)
    # Nor by taking the name that another one's value leads to.
    assert own_space("https://id", first) not in {first, second}


@given(st.recursive(st.none() | st.integers() | VALUES, lambda inner: st.lists(inner, max_size=4), max_leaves=8))
def test_whatever_a_claim_holds_only_names_that_are_nobodys_own_come_of_it(given_: object) -> None:
    config = BASE.model_copy(update={"spaces_claim": "a.b"})
    spaces, default = spaces_of(config, {"a": {"b": given_}, "b": "hall"})
    assert default is None
    assert all(NAME.fullmatch(one) and not one.startswith(("oidc-", "oidc.")) for one in spaces)


def test_without_the_settings_a_token_has_no_space() -> None:
    assert spaces_of(BASE, {"sub": "ada", "spaces": ["hall"]}) == (frozenset(), None)


def test_the_default_is_ones_own_where_that_is_said() -> None:
    own = BASE.model_copy(update={"own_space_claim": "sub", "spaces_claim": "spaces"})
    claims = {"sub": "ada", "spaces": "hall"}
    assert spaces_of(own, claims) == (frozenset({"hall", "oidc-ada"}), None)
    default = own.model_copy(update={"space_by_default": True})
    assert spaces_of(default, claims) == (frozenset({"hall", "oidc-ada"}), "oidc-ada")
    assert spaces_of(default, {"sub": 7, "spaces": "hall"}) == (frozenset({"hall"}), None)
