"""The Range and Content-Range headers, as far as a blob needs them."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ByteRange", "UnsatisfiableRange", "parse_content_range", "parse_range"]

_SINGLE = re.compile(r"bytes=(\d{0,20})-(\d{0,20})")
_CONTENT = re.compile(r"bytes (?:(\d{1,20})-(\d{1,20})|\*)/(\d{1,20})")


class UnsatisfiableRange(Exception):  # noqa: N818  an answer (416), not a fault
    """A well-formed range with no byte in the blob."""


@dataclass(frozen=True)
class ByteRange:
    """Bytes ``start`` up to and without ``stop``."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.stop - self.start


def parse_range(header: str | None, total: int) -> ByteRange | None:
    """Read a Range header against a blob of ``total`` bytes.

    Returns:
        The range, or None for "send all of it": no header, another unit, more
        than one range, or a malformed one (RFC 9110 lets a server ignore those).

    Raises:
        UnsatisfiableRange: When no byte of it is in the blob.
    """
    match = _SINGLE.fullmatch(header.strip()) if header is not None else None
    if match is None or (not match[1] and not match[2]):
        return None
    if not match[1]:
        suffix = min(int(match[2]), total)
        if suffix == 0:
            raise UnsatisfiableRange
        return ByteRange(total - suffix, total)
    start = int(match[1])
    if match[2] and int(match[2]) < start:
        return None
    if start >= total:
        raise UnsatisfiableRange
    return ByteRange(start, min(int(match[2]) + 1, total) if match[2] else total)


def parse_content_range(header: str | None) -> tuple[int | None, int] | None:
    """Read an upstream's Content-Range.

    Returns:
        First byte (None for ``bytes */N``) and total, or None when it says neither.
    """
    match = _CONTENT.fullmatch(header.strip()) if header is not None else None
    if match is None:
        return None
    return (int(match[1]) if match[1] else None), int(match[3])
