"""A server's certificate in a folder, taken anew when the files change: nothing restarts for a renewed one."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from replica_agent.logs import event

__all__ = ["Certificate"]

_CERTIFICATE, _KEY = "tls.crt", "tls.key"


class Certificate:
    """The files `tls.crt` and `tls.key` of a folder, as a mounted Secret of type kubernetes.io/tls has them.

    The kubelet replaces them some time after the Secret changed. Each new connection looks whether they did; those
    that are open go on.

    Attributes:
        context: for a server; TLS 1.3 and nothing below it.
    """

    def __init__(self, folder: Path) -> None:
        """Read it.

        Raises:
            OSError: there is none, or its key is another one's (`ssl.SSLError`).
        """
        self._files = (folder / _CERTIFICATE, folder / _KEY)
        self._seen = self._stamp()
        self._latest = self._load()
        self.context = self._load()
        self.context.sni_callback = self._choose

    def _stamp(self) -> list[tuple[int, int]]:
        return [(found.st_ino, found.st_mtime_ns) for found in (file.stat() for file in self._files)]

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(*self._files)
        return context

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called at the start of each handshake, with or without a name."""
        try:
            stamp = self._stamp()
            if stamp != self._seen:
                self._latest = self._load()
                # Only now: a pair that was read half old and half new is read again by the next connection.
                self._seen = stamp
                event("certificate_taken")
        except OSError as error:
            event("certificate_bad", level=logging.WARNING, cause=repr(error))
        connection.context = self._latest
