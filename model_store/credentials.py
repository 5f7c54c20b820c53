"""Credentials for private registries: where they lie, and who is shown them.

They are for the registry that the upstream is called after. So an endpoint is shown them only when its host and
port are the upstream's own, and nobody can listen on the way: over https, on loopback, or, in plain HTTP, under a
name of the cluster itself (``….svc``, ``….svc.cluster.local``). A mirror under another name never sees them: it
is to be readable without, or to be an upstream of its own.
"""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from model_store.config import UpstreamConfig

__all__ = ["Credentials", "CredentialsError", "Login", "same_origin", "shown_to"]

_PORTS = {"http": 80, "https": 443}
_IN_CLUSTER = (".svc", ".svc.cluster.local")


class CredentialsError(Exception):
    """The files cannot be used; the message names them and holds nothing of what is in them."""


@dataclass(frozen=True)
class Login:
    """A user and password, or a password alone: a token.

    Attributes:
        username: Empty for a token.
        password: Not shown by `repr`.
    """

    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The Authorization header that shows it as it is: Basic, or Bearer for a token."""
        if not self.username:
            return f"Bearer {self.password}"
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


class Credentials:
    """A folder with `username` and `password`; read at each use, since a mounted Secret changes under us."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def read(self) -> Login:
        """Read both files; a line's end after either is dropped.

        Raises:
            CredentialsError: When there is no password, or a file cannot be read or sent in a header.
        """
        username = self._text("username") or ""
        password = self._text("password")
        if not password:
            raise CredentialsError(
                f"wants credentials, and {self._folder / 'password'} is missing or empty: create the Secret (type "
                "kubernetes.io/basic-auth) that the upstream's credentialsSecret names"
            )
        sendable = (username + password).isprintable() and (username or password.isascii())
        if not sendable or ":" in username:
            raise CredentialsError(
                f"wants credentials, and those in {self._folder} have characters that no header can carry: one line "
                "each, and no `:` in the username"
            )
        return Login(username, password)

    def _text(self, name: str) -> str | None:
        try:
            return (self._folder / name).read_text(encoding="utf-8").rstrip("\r\n")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise CredentialsError(f"wants credentials, and {self._folder / name} is no UTF-8 text") from None
        except OSError as error:
            raise CredentialsError(f"wants credentials, and {self._folder / name}: {error.strerror}") from error


def _authority(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port if parts.port is not None else _PORTS.get(parts.scheme)


def same_origin(url: str, endpoint: str) -> bool:
    """Whether a URL is on the endpoint's own scheme, host and port."""
    return urlsplit(url).scheme == urlsplit(endpoint).scheme and _authority(url) == _authority(endpoint)


def _is_private(url: str) -> bool:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.scheme == "https" or host == "localhost" or host.endswith(_IN_CLUSTER):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown_to(upstream: UpstreamConfig, endpoint: str) -> Credentials | None:
    """The upstream's credentials, if this endpoint may see them."""
    if upstream.credentials_file is None or not _is_private(endpoint):
        return None
    scheme = urlsplit(endpoint).scheme
    if _authority(f"{scheme}://{upstream.host}") != _authority(endpoint):
        return None
    return Credentials(upstream.credentials_file)
