"""Which space a request means: header, body, the key's default; and that no other is let through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo.auth.principal import ANONYMOUS, Principal
from echo.remember.rooms import SpaceRefusedError, Wish, named_space, wish_of

ANN = Principal("ann", frozenset({"user"}), spaces=frozenset({"home", "work"}), space="home")
BOB = Principal("bob", frozenset({"user"}), spaces=frozenset({"shed"}))


def test_body_before_header_before_the_keys_own() -> None:
    header = {b"x-echo-space": b"work"}
    assert wish_of(ANN, {}, None) == Wish("home")
    assert wish_of(ANN, header, None) == Wish("work")
    assert wish_of(ANN, header, {"space": "home"}) == Wish("home")
    assert wish_of(ANN, header, {"conversation": "c", "limit": 2}) == Wish("work", "c", limit=2)
    assert wish_of(ANN, {}, {"conversation": "\n c \u00fc", "history": False}) == Wish(
        "home", "\n c \u00fc", history=False
    )
    assert wish_of(BOB, {}, None) is None
    assert wish_of(BOB, {}, {"recall": True}) is None


def test_who_wants_nothing_of_it_gets_nothing() -> None:
    assert wish_of(ANN, {}, {"recall": False, "learn": False}) is None


@given(st.text(max_size=20))
def test_no_name_opens_a_space_that_the_key_does_not_name(name: str) -> None:
    for who in (BOB, ANONYMOUS):
        if name not in who.spaces:
            with pytest.raises(SpaceRefusedError) as refused:
                named_space(who, name)
            assert refused.value.status == 403


@pytest.mark.parametrize(
    "option",
    [
        [],
        "home",
        1,
        {"spce": "home"},
        {"limit": 0},
        {"limit": "3"},
        {"conversation": ""},
        {"conversation": " \n"},
        {"conversation": "a\0b"},
        {"history": 1},
    ],
)
def test_a_wrong_option_is_refused_without_being_repeated(option: object) -> None:
    with pytest.raises(SpaceRefusedError) as refused:
        wish_of(ANN, {}, option)
    assert refused.value.status == 400
    assert "home" not in str(refused.value)
