"""A place in a resource's properties: what is there, what is not, and what cannot be known yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast, final

from policies.wire import UNKNOWN, SecretText


@final
class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()

_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Node:
    """One value and where it is.

    Attributes:
        value: plain data of `wire.plain`, or MISSING.
        path: such as `spec.containers[0].image`.
        partial: the object is a patch: what it does not say may be set already, so nothing in it is ever missing, only
            unknown.
    """

    value: Any
    path: str = ""
    partial: bool = False

    def at(self, *keys: str) -> Node:
        """The node below, by field names; unknown below an unknown, and missing below anything that is no map."""
        found = self
        for key in keys:
            value = found.value
            if isinstance(value, dict):
                below = cast("dict[str, Any]", value).get(key, MISSING)
            else:
                below = UNKNOWN if value is UNKNOWN else MISSING
            if below is None or below is MISSING:
                # An explicit null is what leaving the field out is.
                below = UNKNOWN if found.partial else MISSING
            path = f"{found.path}.{key}" if found.path else key
            if not key.replace("_", "").isalnum():
                path = f"{found.path}['{key}']"
            found = Node(below, path, found.partial)
        return found

    @property
    def missing(self) -> bool:
        """It is certain that nothing is there."""
        return self.value is MISSING or self.value is None

    @property
    def unknown(self) -> bool:
        """What is there cannot be known."""
        return self.value is UNKNOWN

    @property
    def present(self) -> bool:
        """Something known is there."""
        return not (self.missing or self.unknown)

    @property
    def secret(self) -> bool:
        """A text that the stack holds as a secret."""
        return isinstance(self.value, SecretText)

    @property
    def text(self) -> str | None:
        """The text, if it is one that is known."""
        return self.value if isinstance(self.value, str) else None

    @property
    def number(self) -> float | None:
        """The number, if it is one; numbers that are written as text count, as Kubernetes reads both for ports."""
        value = self.value
        if isinstance(value, bool):
            return None
        if isinstance(value, (int, float)):
            return float(value)
        if isinstance(value, str) and value.lstrip("-").isascii() and value.lstrip("-").isdigit():
            return float(value[:20])
        return None

    @property
    def lines(self) -> list[str]:
        """The known texts of a list."""
        return [node.value for node in self.each() if isinstance(node.value, str)]

    @property
    def whole(self) -> bool:
        """Neither it nor any element of it is unknown."""
        return not self.unknown and not any(node.unknown for node in self.each())

    def is_(self, flag: bool) -> bool:
        """Whether it is just that boolean."""
        return self.value is flag

    def each(self) -> Iterator[Node]:
        """The elements, if it is a list."""
        if isinstance(self.value, list):
            for index, item in enumerate(cast("list[Any]", self.value)):
                yield Node(item, f"{self.path}[{index}]", self.partial)

    def fields(self) -> Iterator[tuple[str, Node]]:
        """Names and nodes, if it is a map."""
        if isinstance(self.value, dict):
            for key in cast("dict[str, Any]", self.value):
                yield key, self.at(key)

    def leaves(self) -> Iterator[Node]:
        """Every known text below, this one included."""
        stack = [self]
        while stack:
            node = stack.pop()
            if isinstance(node.value, str):
                yield node
            stack += [below for _, below in node.fields()]
            stack += node.each()

    def __str__(self) -> str:
        """What a message may show of the value: never a secret."""
        if self.secret:
            return "[secret]"
        if isinstance(self.value, float) and self.value.is_integer():
            return str(int(self.value))
        if isinstance(self.value, (dict, list)):
            return "a map" if isinstance(self.value, dict) else "a list"
        text = str(self.value)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
