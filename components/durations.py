"""Durations as Ollama reads them: Go's grammar, or a plain number of seconds."""

import re
from fractions import Fraction

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
"""Nanoseconds. The micro sign and the Greek letter look the same, and Go takes both."""

_PART = rf"([0-9]+\.?[0-9]*|\.[0-9]+)({'|'.join(_UNITS)})"
_WHOLE = re.compile(rf"([-+]?)((?:{_PART})+)")
_SECONDS = re.compile(r"[-+]?[0-9]+")

LONGEST = 2**63 - 1
"""Nanoseconds that Go's type holds, about 292 years. What is above it is taken for the default, without a word."""

DURATION_GRAMMAR = "a number and a unit (ms, s, m or h), also several such as 1h30m, or a plain number of seconds"


def parse_duration(text: str) -> int:
    """Nanoseconds in `text`; a negative number where it begins with `-`.

    Ollama 0.17.4 (envconfig/config.go) takes what it cannot read for its default, so nobody would notice.

    Raises:
        ValueError: `text` is no duration; the message gives the grammar.
    """
    if _SECONDS.fullmatch(text):
        found = int(text) * _UNITS["s"]
    else:
        whole = _WHOLE.fullmatch(text)
        if whole is None:
            raise ValueError(f"must be {DURATION_GRAMMAR}")
        size = sum(int(Fraction(number) * _UNITS[unit]) for number, unit in re.findall(_PART, whole[2]))
        found = -size if whole[1] == "-" else size
    if abs(found) > LONGEST:
        raise ValueError("is longer than 292 years, the longest that Ollama can read. Use -1 for ever")
    return found
