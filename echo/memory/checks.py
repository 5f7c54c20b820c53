"""Looks at inputs before anything is stored, and names every fault at once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar, cast
from uuid import UUID

import numpy as np

from echo.memory.embedder import Vector, vector_problem
from echo.memory.errors import Fault, InvalidInputError, TooLargeError
from echo.memory.limits import Limits
from echo.names import SPACE_NAME

_MAX_DEPTH = 32
_SMALLEST = 1e-37

Kind = TypeVar("Kind", bound=StrEnum)


class Checker:
    """Collects faults; :meth:`done` raises them together."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.faults: list[Fault] = []
        self._sizes = 0

    def fault(self, where: str, problem: str) -> None:
        """Note one fault."""
        self.faults.append(Fault(where, problem))

    def too_large(self, where: str, problem: str) -> None:
        """Note a size above its limit."""
        self._sizes += 1
        self.fault(where, problem)

    def done(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            TooLargeError: sizes alone.
            InvalidInputError: anything else.
        """
        if self.faults:
            kind = TooLargeError if self._sizes == len(self.faults) else InvalidInputError
            raise kind(self.faults)

    def text(self, where: str, value: object, *, most_bytes: int, empty: bool = True) -> str:
        """A text that PostgreSQL can hold."""
        if not isinstance(value, str):
            self.fault(where, f"must be text, is {_named(value)}")
            return ""
        # Counted before it is encoded: a text of some gigabytes must not be copied to be refused.
        size = len(value) if len(value) > most_bytes else _utf8_size(value)
        if size is None:
            self.fault(where, "is no valid Unicode: it holds half of a surrogate pair, so it cannot be UTF-8")
        elif size > most_bytes:
            self.too_large(where, f"has {size} bytes or more in UTF-8; at most {most_bytes} are taken")
        elif "\x00" in value:
            self.fault(where, "holds the character NUL, which a PostgreSQL text cannot")
        elif not empty and not value.strip():
            self.fault(where, "is empty")
        return value

    def label(self, where: str, value: object, *, empty: bool = True) -> str:
        """A short text: a tag, a source, a key."""
        text = self.text(where, value, most_bytes=4 * self.limits.tag_characters, empty=empty)
        if len(text) > self.limits.tag_characters and len(text) <= 4 * self.limits.tag_characters:
            self.too_large(where, f"has {len(text)} characters; at most {self.limits.tag_characters} are taken")
        return text

    def labels(self, where: str, value: object, *, most: int) -> list[str]:
        """Several short texts, each once, in their order."""
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            self.fault(where, f"must be a list of texts, is {_named(value)}")
            return []
        given = cast("Sequence[object]", value)
        if len(given) > most:
            self.too_large(where, f"has {len(given)} entries; at most {most} are taken")
            return []
        found = [self.label(f"{where}[{i}]", one, empty=False) for i, one in enumerate(given)]
        return list(dict.fromkeys(found))

    def number(self, where: str, value: object, low: float, high: float) -> float:
        """A finite number between two bounds, both included."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(where, f"must be a number from {low:g} to {high:g}, is {_named(value)}")
            return low
        if not math.isfinite(value) or not low <= value <= high:
            self.fault(where, f"must be from {low:g} to {high:g}, is {value!r}")
            return low
        # What is smaller is none in 32 bits, which PostgreSQL refuses rather than rounds.
        return float(value) if abs(value) >= _SMALLEST else 0.0

    def whole(self, where: str, value: object, low: int, high: int) -> int:
        """A whole number between two bounds, both included."""
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            shown = repr(value) if isinstance(value, int | float) else _named(value)
            self.fault(where, f"must be a whole number from {low} to {high}, is {shown}")
            return low
        return value

    def one_of(self, where: str, value: object, kind: type[Kind]) -> Kind:
        """A member of a closed vocabulary, or its text."""
        members = {str(one): one for one in kind}
        if isinstance(value, str) and str(value) in members:
            return members[str(value)]
        shown = repr(value) if isinstance(value, str) and len(value) <= self.limits.tag_characters else _named(value)
        self.fault(where, f"must be one of {', '.join(members)}; is {shown}")
        return next(iter(members.values()))

    def several_of(self, where: str, value: object, kind: type[Kind]) -> list[Kind]:
        """Members of a closed vocabulary."""
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            self.fault(where, f"must be a list, is {_named(value)}")
            return []
        given = cast("Sequence[object]", value)
        if len(given) > len(kind):
            self.fault(where, f"has {len(given)} entries, of a vocabulary of {len(kind)}")
            return []
        return [self.one_of(f"{where}[{i}]", one, kind) for i, one in enumerate(given)]

    def moment(self, where: str, value: object) -> datetime | None:
        """A time with its zone, in UTC; None stays None."""
        if value is None:
            return None
        if not isinstance(value, datetime):
            self.fault(where, f"must be a datetime with a time zone, is {_named(value)}")
            return None
        if value.tzinfo is None or value.utcoffset() is None:
            self.fault(where, f"has no time zone: {value.isoformat()} could be any of many moments")
            return None
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fault(where, f"lies beyond what UTC can express: {value.isoformat()}")
            return None

    def identifier(self, where: str, value: object) -> UUID | None:
        """A memory's id; None stays None."""
        if value is None or isinstance(value, UUID):
            return value
        self.fault(where, f"must be a UUID, is {_named(value)}")
        return None

    def identifiers(self, where: str, value: object, *, most: int | None = None) -> list[UUID]:
        """Ids, each once, in their order."""
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            self.fault(where, f"must be a list of UUIDs, is {_named(value)}")
            return []
        given = list(cast("Iterable[object]", value))
        limit = most if most is not None else self.limits.batch
        if len(given) > limit:
            self.too_large(where, f"has {len(given)} entries; at most {limit} are taken")
            return []
        found: dict[UUID, None] = {}
        for i, one in enumerate(given):
            if isinstance(one, UUID):
                found[one] = None
            else:
                self.fault(f"{where}[{i}]", f"must be a UUID, is {_named(one)}")
        return list(found)

    def document(self, where: str, value: object, *, most_bytes: int) -> str:
        """A JSON object, as text that PostgreSQL's jsonb takes."""
        if not isinstance(value, Mapping):
            self.fault(where, f"must be a JSON object, is {_named(value)}")
            return "{}"
        problem = _json_problem(cast("object", value), 0)
        if problem is not None:
            self.fault(where, problem)
            return "{}"
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False, default=dict)
        size = len(text.encode("utf-8"))
        if size > most_bytes:
            self.too_large(where, f"has {size} bytes as JSON; at most {most_bytes} are taken")
        return text

    def vector(self, where: str, value: object, width: int) -> Vector | None:
        """A vector of the space's width; None stays None."""
        if value is None:
            return None
        if isinstance(value, str | bytes) or not isinstance(value, Sequence | np.ndarray):
            self.fault(where, f"must be a list of {width} numbers, is {_named(cast('object', value))}")
            return None
        given = cast("Sequence[Any]", value)
        if len(given) != width:
            self.fault(where, f"has {len(given)} dimensions, the space's vectors have {width}")
            return None
        try:
            with np.errstate(over="ignore"):
                vector = np.asarray(given, dtype=np.float32)
        except (ValueError, TypeError, OverflowError):
            self.fault(where, "must hold numbers only")
            return None
        problem = vector_problem(vector, width)
        if problem is not None:
            self.fault(where, problem)
            return None
        return vector

    def many(self, where: str, value: object, kind: type[Any]) -> list[Any]:
        """A batch of records of one class, within the batch's limit."""
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            self.fault(where, f"must be a list of {kind.__name__}, is {_named(value)}")
            return []
        given = list(cast("Iterable[object]", value))
        if len(given) > self.limits.batch:
            self.too_large(where, f"has {len(given)} entries; at most {self.limits.batch} are taken in one call")
            return []
        for i, one in enumerate(given):
            if not isinstance(one, kind):
                self.fault(f"{where}[{i}]", f"must be a {kind.__name__}, is {_named(one)}")
        return [one for one in given if isinstance(one, kind)]


def space_name(value: object, limits: Limits) -> str:
    """A space's name, checked.

    Raises:
        InvalidInputError: it is none.
    """
    checker = Checker(limits)
    if not isinstance(value, str) or SPACE_NAME.fullmatch(value) is None:
        checker.fault(
            "space", "must be 1 to 63 of the characters a-z, 0-9, dot, underscore and dash, with a letter or digit "
            f"at both ends; is {value[:80]!r}" if isinstance(value, str) else f"must be text, is {_named(value)}"
        )  # fmt: skip
    checker.done()
    return cast("str", value)


def _utf8_size(value: str) -> int | None:
    try:
        return len(value.encode("utf-8"))
    except UnicodeEncodeError:
        return None


def _json_problem(value: object, depth: int) -> str | None:  # noqa: PLR0911
    if depth > _MAX_DEPTH:
        return f"is nested more than {_MAX_DEPTH} levels deep"
    if value is None or isinstance(value, bool | int):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else "holds NaN or infinity, which JSON has no form for"
    if isinstance(value, str):
        if _utf8_size(value) is None or "\x00" in value:
            return "holds a text with NUL or half of a surrogate pair"
        return None
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value)
        if not all(isinstance(key, str) for key in entries):
            return "has a key that is no text"
        parts = [*entries.keys(), *entries.values()]
    elif isinstance(value, list | tuple):
        parts = list(cast("Sequence[object]", value))
    else:
        return f"holds {_named(value)}, which JSON has no form for"
    return next((problem for part in parts if (problem := _json_problem(part, depth + 1)) is not None), None)


def _named(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"
