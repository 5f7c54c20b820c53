"""Who may push and delete: whoever shows the token."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from pathlib import Path

from model_store.errors import UnauthorizedError, UnsupportedError
from model_store.logs import event

__all__ = ["PushToken"]


class PushToken:
    """The token in a file, which is read at each use: a mounted Secret changes under us."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self, header: str | None) -> None:
        """Compare what a request shows, in a time that says nothing about the token.

        Args:
            header: ``Authorization``: Bearer with the token, or Basic with any user and the token as password.

        Raises:
            UnsupportedError: When there is no token, and so nobody may push.
            UnauthorizedError: For anything but the token.
        """
        try:
            token = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            event("push_token_unreadable", level=logging.WARNING, cause=str(error))
            token = ""
        if not token:
            raise UnsupportedError(f"this model store takes no pushes: {self._path} holds no token")
        shown = _shown(header)
        if shown is None:
            raise UnauthorizedError("pushing and deleting need the store's token: Authorization: Bearer <token>")
        if not hmac.compare_digest(shown.encode(), token.encode()):
            raise UnauthorizedError("that is not the store's token; see its Secret `model-store-upload`")


def _shown(header: str | None) -> str | None:
    scheme, _, rest = (header or "").strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip()
        case "basic":
            try:
                return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return None
        case _:
            return None
