"""Is a component of the node well? Asks it from inside the node's network namespace."""

from __future__ import annotations

import http.client
import os
import queue
import socket
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from toolchain.node import linux
from toolchain.node.layout import API_PORT, NODE_ADDRESS, REGISTRY_PORT

TIMEOUT_S = 3.0
"""For connecting, and for each read."""


@dataclass(frozen=True)
class Check:
    """An HTTP endpoint that answers 200 when the component is well."""

    host: str
    port: int
    path: str
    tls: bool = False


CHECKS: dict[str, Check] = {
    "etcd": Check("127.0.0.1", 2381, "/health"),
    "kube-apiserver": Check("127.0.0.1", API_PORT, "/readyz", tls=True),
    "kube-controller-manager": Check("127.0.0.1", 10257, "/healthz", tls=True),
    "kube-scheduler": Check("127.0.0.1", 10259, "/healthz", tls=True),
    "kubelet": Check("127.0.0.1", 10248, "/healthz"),
    "kube-proxy": Check("127.0.0.1", 10256, "/livez"),
    "kube-router": Check("127.0.0.1", 20244, "/healthz"),
    "registry": Check(NODE_ADDRESS, REGISTRY_PORT, "/v2/"),
}


class Dials(Protocol):
    """Opens TCP connections from where the component can be reached."""

    def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket.

        Raises:
            OSError: Nobody listens there.
        """
        ...


class Dialer:
    """Opens TCP connections inside the network namespace of a process.

    A thread of its own enters the namespace: setns moves only the thread that calls it.
    """

    def __init__(self, pid: int) -> None:
        self._requests: queue.Queue[tuple[str, int, queue.Queue[socket.socket | OSError]] | None] = queue.Queue()
        self._namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        linux.setns(self._namespace, linux.CLONE_NEWNET)
        os.close(self._namespace)
        while (request := self._requests.get()) is not None:
            host, port, answer = request
            try:
                answer.put(socket.create_connection((host, port), timeout=TIMEOUT_S))
            except OSError as error:
                answer.put(error)

    def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket.

        Raises:
            OSError: Nobody listens there.
        """
        answer: queue.Queue[socket.socket | OSError] = queue.Queue()
        self._requests.put((host, port, answer))
        result = answer.get(timeout=TIMEOUT_S * 2)
        if isinstance(result, OSError):
            raise result
        return result

    def close(self) -> None:
        """Ends the thread."""
        self._requests.put(None)
        self._thread.join()


def complaint(dialer: Dials, check: Check, pki: Path) -> str:
    """What is wrong with a component; empty when it is well."""
    try:
        raw = dialer.connect(check.host, check.port)
    except OSError as error:
        return f"does not answer on {check.host}:{check.port} ({error.strerror or error})"
    connection = http.client.HTTPConnection(check.host, check.port, timeout=TIMEOUT_S)
    try:
        if check.tls:
            context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
            context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
            raw = context.wrap_socket(raw, server_hostname=check.host)
        connection.sock = raw
        connection.request("GET", check.path)
        answer = connection.getresponse()
        body = answer.read(2000).decode(errors="replace").strip()
        if answer.status == http.client.OK:
            return ""
        return f"{check.path} answered {answer.status}: {body.splitlines()[-1] if body else 'nothing'}"
    except (OSError, http.client.HTTPException) as error:
        return f"{check.path} failed: {error!r}"
    finally:
        raw.close()
