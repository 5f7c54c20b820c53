"""A port on the host's loopback that leads into the node: ``python -m toolchain.node.forward``.

The process lives in the node's namespaces and so dies with the node. Only its listening socket is
made in the host's network namespace, handed over as file descriptor 3.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import struct
import sys
import threading

from toolchain.node import linux

HOST_NET_FD = 3
EXIT_PORT_TAKEN = 98
_CHUNK_BYTES = 256 << 10
_CONNECT_TIMEOUT_S = 5.0
_BACKLOG = 512
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def listen_in(namespace_fd: int | None, port: int) -> socket.socket:
    """A listening socket on 127.0.0.1 in another network namespace (None: the caller's).

    Raises:
        OSError: The port is taken, or the namespace cannot be entered.
    """
    made: list[socket.socket | OSError] = []

    def work() -> None:
        try:
            if namespace_fd is not None:
                linux.setns(namespace_fd, linux.CLONE_NEWNET)
            made.append(socket.create_server(("127.0.0.1", port), backlog=_BACKLOG))
        except OSError as error:
            made.append(error)

    # setns moves one thread only: the others stay in the node and dial there.
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    result = made[0]
    if isinstance(result, OSError):
        raise result
    return result


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies one direction as bytes come; a slow receiver slows the sender, nothing piles up."""
    try:
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except (ConnectionError, TimeoutError):
        writer.close()


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    """Joins an accepted connection with a new one to ``host:port`` until both sides are done."""
    try:
        far_reader, far_writer = await asyncio.wait_for(
            asyncio.open_connection(host, port, limit=_CHUNK_BYTES), _CONNECT_TIMEOUT_S
        )
    except (OSError, TimeoutError):
        # A reset says that nobody is there; a clean end would look like an empty answer.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        writer.transport.abort()
        return
    for end in (writer, far_writer):
        end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
    writer.close()
    far_writer.close()


async def serve(listener: socket.socket, host: str, port: int) -> None:
    """Accepts on ``listener`` for ever."""
    server = await asyncio.start_server(
        lambda r, w: relay(r, w, host, port), sock=listener, limit=_CHUNK_BYTES, backlog=_BACKLOG
    )
    async with server:
        await server.serve_forever()


def main() -> int:
    """Command line: the host's port and the target inside the node."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", required=True, help="HOST:PORT inside the node")
    arguments = parser.parse_args()
    host, _, port = str(arguments.to).rpartition(":")
    try:
        listener = listen_in(HOST_NET_FD, int(arguments.port))
    except OSError as error:
        print(f"cannot listen on 127.0.0.1:{arguments.port}: {error.strerror}", file=sys.stderr)
        return EXIT_PORT_TAKEN
    os.close(HOST_NET_FD)
    asyncio.run(serve(listener, host, int(port)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
