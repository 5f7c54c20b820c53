"""Durations: Go's grammar and plain seconds, and nothing besides.

The examples that Go refuses or reads were tried with Go's own `time.ParseDuration`. Not proved: how a real Ollama takes
each of them.
"""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.durations import LONGEST, parse_duration

UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("5m", 300 * 10**9),
        ("1h30m", 5400 * 10**9),
        ("24h", 86400 * 10**9),
        ("-1", -(10**9)),
        ("-1s", -(10**9)),
        ("+2s", 2 * 10**9),
        ("0", 0),
        ("-0", 0),
        ("300", 300 * 10**9),
        ("1.5h", 5400 * 10**9),
        ("1.s", 10**9),
        (".5s", 5 * 10**8),
        ("1m1m", 120 * 10**9),
        ("1s1h", 3601 * 10**9),
        ("100µs", 10**5),
        ("100μs", 10**5),
        ("9223372036", 9223372036 * 10**9),
        ("9223372036854775807ns", LONGEST),
    ],
)
def test_legal(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "5 m", " 5m", "5m ", "5M", "5d", "5min", "m", "-", "+", ".", ".s", "-.s", "1.2.3s", "--1s", "1-s"),
        *("1.5", "1e3s", "0x1s", "1,5h", "five", "\u0665m", "1h 30m", "-1-1s", "5m\n", "'5m'"),
    ],
)
def test_illegal(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number and a unit"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["9223372037", "-9223372037", "9223372036854775808ns", "2562048h", "1000h" * 2_600])
def test_too_long(text: str) -> None:
    with pytest.raises(ValueError, match="longer than 292 years"):
        parse_duration(text)


@given(
    st.lists(st.tuples(st.integers(0, 10**4), st.sampled_from(sorted(UNITS))), min_size=1, max_size=6), st.booleans()
)
def test_parts_add_up(parts: list[tuple[int, str]], negative: bool) -> None:
    text = ("-" if negative else "") + "".join(f"{number}{unit}" for number, unit in parts)
    total = sum(number * UNITS[unit] for number, unit in parts)
    assert parse_duration(text) == (-total if negative else total)


@given(st.integers(0, 999), st.integers(0, 999999), st.sampled_from(["s", "m", "h"]))
def test_fractions(whole: int, fraction: int, unit: str) -> None:
    number = f"{whole}.{fraction:06d}"
    assert parse_duration(f"{number}{unit}") == int(Fraction(number) * UNITS[unit])


@given(st.integers(-9_223_372_036, 9_223_372_036))
def test_plain_seconds(seconds: int) -> None:
    assert parse_duration(str(seconds)) == parse_duration(f"{seconds}s") == seconds * 10**9


@given(st.text(max_size=12))
def test_every_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_duration(text)
    except ValueError:
        return
    assert abs(found) <= LONGEST
    assert text.isascii() or {"µ", "μ"} & set(text)
