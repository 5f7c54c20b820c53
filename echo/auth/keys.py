"""API keys, of which only hashes are here, and public keys of the `ollama` command.

A key is made by a machine from 48 random letters and digits (285 bits), so one SHA-256 is enough: guessing is hopeless
at any speed. A slow hash protects passwords that people choose; here it would only let strangers burn our processor
time by sending nonsense. A lookup by the digest tells nothing by its time, since nobody can steer a digest.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, ValidationError, model_validator

from echo.auth.principal import AuthError, Principal, Role
from echo.names import SPACE_NAME
from replica_agent.fields import ConfigError, Strict, faults_of

__all__ = ["KeyEntry", "KeyFile", "Keys", "digest", "load", "parse_public_key"]

SKEW_S = 60
"""How far a signed request's time may be from ours."""

_SHA256 = r"^[0-9a-f]{64}$"
_SIGNED = re.compile(r"([A-Za-z0-9+/=]{40,200}):([A-Za-z0-9+/=]{80,100})")
_KIND = b"ssh-ed25519"
_RAW = 32


SpaceName = Annotated[str, Field(pattern=f"^{SPACE_NAME.pattern}$")]


def digest(key: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


class KeyEntry(Strict):
    """One key.

    Attributes:
        name: who holds it.
        sha256: of an API key, hex.
        public_key: `ssh-ed25519 AAAA…` instead: the content of the holder's `~/.ollama/id_ed25519.pub`.
        roles: what it may do.
        requests_per_minute, concurrent: its own limits.
        spaces: memory spaces that it may use; none where none is named.
        space: the one of these that its requests mean when they name none.
    """

    name: str = Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
    sha256: Annotated[str, Field(pattern=_SHA256)] | None = None
    public_key: str | None = None
    roles: Annotated[tuple[Role, ...], Field(strict=False, min_length=1)] = ("user",)
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    concurrent: Annotated[int, Field(gt=0)] | None = None
    spaces: Annotated[tuple[SpaceName, ...], Field(strict=False)] = ()
    space: SpaceName | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> KeyEntry:
        if (self.sha256 is None) == (self.public_key is None):
            raise ValueError("needs either `sha256` or `publicKey`, and not both")
        if self.public_key is not None:
            parse_public_key(self.public_key)
        if self.space is not None and self.space not in self.spaces:
            raise ValueError("`space` must be one of `spaces`")
        return self

    def principal(self) -> Principal:
        """Who that is."""
        return Principal(
            self.name,
            frozenset(self.roles),
            self.requests_per_minute,
            self.concurrent,
            frozenset(self.spaces),
            self.space,
        )


class KeyFile(Strict):
    """The Secret's content."""

    keys: Annotated[tuple[KeyEntry, ...], Field(strict=False)] = ()


class Keys:
    """Finds who holds a key."""

    def __init__(self, entries: Iterable[KeyEntry] = ()) -> None:
        self.principals: list[Principal] = []
        self._hashed: dict[str, Principal] = {}
        self._public: dict[bytes, Principal] = {}
        for entry in entries:
            principal = entry.principal()
            self.principals.append(principal)
            if entry.sha256 is not None:
                self._hashed[entry.sha256] = principal
            elif entry.public_key is not None:
                self._public[parse_public_key(entry.public_key)] = principal

    def of_key(self, key: str) -> Principal:
        """Return who holds an API key.

        Raises:
            AuthError: Nobody does.
        """
        found = self._hashed.get(digest(key))
        if found is None:
            raise AuthError("unknown_key", "this key is not known")
        return found

    def of_signature(self, credentials: str, method: str, path: str, sent_at: str) -> Principal:
        """Return who signed a request, as the `ollama` command does with OLLAMA_AUTH set.

        Args:
            credentials: `<public key>:<signature>`, both base64.
            method: of the request.
            path: of the request, without its query.
            sent_at: `ts` of its query: seconds since 1970.

        Raises:
            AuthError: The key is not known, the signature does not fit, or the request is old.
        """
        match = _SIGNED.fullmatch(credentials)
        if match is None or not sent_at.isascii() or not sent_at.isdigit():
            raise AuthError("malformed", "this is no signed request")
        try:
            raw = _raw_key(match[1])
            signature = base64.b64decode(match[2], validate=True)
        except (ValueError, binascii.Error) as error:
            raise AuthError("malformed", "this is no signed request") from error
        found = self._public.get(raw)
        if found is None:
            raise AuthError("unknown_key", "this public key is not known")
        if len(sent_at) > len("9" * 12) or abs(time.time() - int(sent_at)) > SKEW_S:
            raise AuthError("expired", f"the request was signed more than {SKEW_S} s from now; compare the clocks")
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(signature, f"{method},{path}?ts={sent_at}".encode())
        except InvalidSignature as error:
            raise AuthError("bad_signature", "the signature does not fit the request") from error
        return found


def parse_public_key(text: str) -> bytes:
    """Return the 32 bytes of an `ssh-ed25519 AAAA…` line.

    Raises:
        ValueError: It is none.
    """
    parts = text.split()
    if len(parts) < 2 or parts[0].encode() != _KIND:  # noqa: PLR2004 - kind and key
        raise ValueError("must be the line of ~/.ollama/id_ed25519.pub: ssh-ed25519 AAAA…")
    try:
        return _raw_key(parts[1])
    except binascii.Error as error:
        raise ValueError("must be the line of ~/.ollama/id_ed25519.pub: its second word is no base64") from error


def _raw_key(text: str) -> bytes:
    blob = base64.b64decode(text, validate=True)
    head = struct.pack(">I", len(_KIND)) + _KIND + struct.pack(">I", _RAW)
    if not blob.startswith(head) or len(blob) != len(head) + _RAW:
        raise ValueError("is no public key of the kind ssh-ed25519")
    return blob[len(head) :]


def load(file: Path | None) -> Keys:
    """Read the Secret's file; no file is no keys.

    Raises:
        ConfigError: It cannot be read or is wrong; its content is not repeated.
    """
    if file is None:
        return Keys()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {type(error).__name__}") from error
    try:
        found = KeyFile.model_validate_json(text)
    except ValidationError as error:
        raise ConfigError(faults_of(error, str(file))) from error
    names = [entry.name for entry in found.keys]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{file} names keys more than once: {', '.join(twice)}")
    return Keys(found.keys)
