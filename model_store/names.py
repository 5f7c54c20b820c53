"""The grammar of what comes in a request path, and nothing that can leave its folder."""

from __future__ import annotations

import re
from dataclasses import dataclass

from model_store.errors import InvalidRequestError

__all__ = ["Digest", "check_repository", "parse_reference", "parse_upload_id"]

# Ollama's grammar for a part of a name: wider than OCI's (capitals), at most 80 long.
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HEX = re.compile(r"[0-9a-f]{64}")
_UPLOAD = re.compile(r"[0-9a-f]{32}")
_MAX_PARTS = 8


@dataclass(frozen=True)
class Digest:
    """A SHA-256 digest.

    Attributes:
        hex: 64 lower-case hexadecimal digits.
    """

    hex: str

    def __str__(self) -> str:
        return f"sha256:{self.hex}"

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read ``sha256:<64 hex>``.

        Raises:
            InvalidRequestError: For anything else, other algorithms included.
        """
        algorithm, _, value = text.partition(":")
        if algorithm != "sha256" or not _HEX.fullmatch(value):
            raise InvalidRequestError(f"{text[:100]!r} is no digest: sha256:<64 lower-case hex digits> is")
        return cls(value)


def check_repository(text: str) -> str:
    """Return the repository if it is one.

    Raises:
        InvalidRequestError: With the grammar.
    """
    parts = text.split("/")
    if len(parts) > _MAX_PARTS or not all(_PART.fullmatch(part) for part in parts):
        raise InvalidRequestError(
            f"{text[:100]!r} is no repository: at most {_MAX_PARTS} parts divided by '/', each beginning with "
            "a letter, digit or '_', then letters, digits, '.', '_' and '-', 80 characters at most"
        )
    return text


def parse_reference(text: str) -> str | Digest:
    """Read the last part of a manifest's path: a tag or a digest.

    Raises:
        InvalidRequestError: With the grammar.
    """
    if ":" in text:
        return Digest.parse(text)
    if not _TAG.fullmatch(text):
        raise InvalidRequestError(
            f"{text[:100]!r} is no tag: a letter, digit or '_', then letters, digits, '.', '_' and '-', "
            "128 characters at most"
        )
    return text


def parse_upload_id(text: str) -> str:
    """Return the id of an upload session if it can be one.

    Raises:
        InvalidRequestError: For anything that is not 32 hex digits.
    """
    if not _UPLOAD.fullmatch(text):
        raise InvalidRequestError(f"{text[:100]!r} is no upload id: 32 lower-case hex digits are")
    return text
