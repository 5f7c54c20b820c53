"""HTTP servers that share one loop and leave signals to whoever runs them."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from collections.abc import Coroutine, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import uvicorn
from starlette.types import ASGIApp

from replica_agent.drain import Drain
from replica_agent.logs import event

__all__ = ["Server", "bind", "run_until_stopped", "secured", "server"]

# Longer than the idle time of the usual load balancers, so that it is they who close an idle connection.
_KEEP_ALIVE_S = 75
_BACKLOG = 2048
_LAST_WORDS_S = 3
_WS_PING_S = 30.0
_UNTAKEN_MS = 120_000


class Server(uvicorn.Server):
    """A server that leaves signals to its owner, since there are several of them on one loop."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take none."""
        yield


def server(
    app: ASGIApp,
    *,
    http: Literal["h11", "httptools"] = "h11",
    ws: Literal["none", "websockets-sansio"] = "none",
    ws_max_bytes: int = 1 << 20,
    interface: Literal["asgi3", "auto"] = "asgi3",
    tls: ssl.SSLContext | None = None,
) -> Server:
    """Make one that serves `app` once it is given sockets.

    Args:
        app: what it serves.
        http: the parser of requests.
        ws: the implementation of WebSockets.
        ws_max_bytes: largest message of a WebSocket.
        interface: how `app` is called.
        tls: of its connections; None for plain ones.
    """
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=http,
        interface=interface,
        log_config=None,
        access_log=False,
        server_header=False,
        # Ollama's answers carry a date of their own.
        date_header=False,
        # The peer's address is what it is: nobody in front is trusted to say otherwise.
        proxy_headers=False,
        ws=ws,
        ws_max_size=ws_max_bytes,
        # Of each connection it would keep two windows of zlib, some hundred kilobytes.
        ws_per_message_deflate=False,
        ws_ping_interval=_WS_PING_S,
        ws_ping_timeout=_WS_PING_S,
        lifespan="off",
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_LAST_WORDS_S,
        backlog=_BACKLOG,
    )
    return Server(secured(config, tls))


def secured(config: uvicorn.Config, tls: ssl.SSLContext | None) -> uvicorn.Config:
    """The same with these connections; uvicorn itself knows files alone, which it reads once."""
    if tls is not None:
        config.load()
        config.ssl = tls
    return config


def bind(listen: str) -> socket.socket:
    """Take an `address:port`; port 0 is a free one.

    Raises:
        OSError: it cannot be had.
    """
    host, _, port = listen.rpartition(":")
    family, kind, protocol, _, address = socket.getaddrinfo(
        host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted connections inherit it: one whose peer takes nothing any more is dropped, and not kept with what it was
    # to get, however it was closed here.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNTAKEN_MS)
    listener.bind(address)
    return listener


async def run_until_stopped(
    served: Sequence[tuple[str, Server, socket.socket]], work: Sequence[Coroutine[Any, Any, None]], drain: Drain
) -> int:
    """Serve and work until SIGTERM or SIGINT, then drain; a second signal does not wait for requests.

    Args:
        served: name, server and socket of each face.
        work: what runs beside them and never ends by itself.
        drain: the end of this replica.

    Returns:
        0 after a clean stop, 1 when a part broke.
    """
    loop = asyncio.get_running_loop()
    told_to_stop, at_once = asyncio.Event(), asyncio.Event()

    def stop() -> None:
        (at_once if told_to_stop.is_set() else told_to_stop).set()

    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop)
    servers = [asyncio.create_task(one.serve([listener])) for _, one, listener in served]
    tasks = [asyncio.create_task(one) for one in work]
    for name, _, listener in served:
        host, port = listener.getsockname()[:2]
        event("listening", face=name, address=f"{host}:{port}")
    waiting = asyncio.create_task(told_to_stop.wait())
    ended, _ = await asyncio.wait([waiting, *servers, *tasks], return_when=asyncio.FIRST_COMPLETED)
    broken = [task for task in ended if task is not waiting]
    for task in broken:
        # None of them ends by itself; the kubelet starts the container anew.
        event("broken", task=repr(task.get_coro()), cause=repr(task.exception()))
    if not broken:
        # Does nothing but confirm where the preStop hook has already waited.
        drained = asyncio.create_task(drain.wait())
        await asyncio.wait([drained, asyncio.create_task(at_once.wait())], return_when=asyncio.FIRST_COMPLETED)
        event("stopping", in_flight=drain.in_flight)
    for task in tasks:
        task.cancel()
    for _, one, _ in served:
        one.should_exit = True
    await asyncio.gather(*servers, *tasks, return_exceptions=True)
    return 1 if broken else 0
