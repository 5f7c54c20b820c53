"""``python -m replica_agent --config FILE``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from replica_agent.agent import Agent
from replica_agent.config import AgentConfig, ConfigError, Pod, load, pod_of
from replica_agent.kube import ApiError
from replica_agent.logs import event, set_up

# Longer than the idle time of the usual load balancers, so that it is they who close an idle connection.
_KEEP_ALIVE_S = 75
_BACKLOG = 2048
_LAST_WORDS_S = 3


class _Server(uvicorn.Server):
    """A server that leaves signals to `_run`, since there are two of them on one loop."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _server(app: ASGIApp, *, backlog: int = _BACKLOG) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            # Ollama's answers carry a date of their own.
            date_header=False,
            # The peer's address is what it is: nobody in front is trusted to say otherwise.
            proxy_headers=False,
            ws="none",
            lifespan="off",
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_LAST_WORDS_S,
            backlog=backlog,
        )
    )


def _bind(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    family, kind, protocol, _, address = socket.getaddrinfo(
        host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    return listener


async def _run(config: AgentConfig, pod: Pod, sockets: tuple[socket.socket, socket.socket]) -> int:
    agent = Agent(config, pod)
    gate, face = _server(agent.gate), _server(agent.face)
    loop = asyncio.get_running_loop()
    told_to_stop, at_once = asyncio.Event(), asyncio.Event()

    def stop() -> None:
        # A second signal does not wait for requests.
        (at_once if told_to_stop.is_set() else told_to_stop).set()

    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop)
    servers = [asyncio.create_task(gate.serve([sockets[0]])), asyncio.create_task(face.serve([sockets[1]]))]
    work = [asyncio.create_task(one) for one in agent.work()]
    for name, listener in zip(("gate", "agent"), sockets, strict=True):
        host, port = listener.getsockname()[:2]
        event("listening", face=name, address=f"{host}:{port}")
    waiting = asyncio.create_task(told_to_stop.wait())
    ended, _ = await asyncio.wait([waiting, *servers, *work], return_when=asyncio.FIRST_COMPLETED)
    broken = [task for task in ended if task is not waiting]
    for task in broken:
        # None of them ends by itself; the kubelet starts the container anew.
        error = task.exception()
        event("broken", task=repr(task.get_coro()), cause=repr(error))
    if not broken:
        # Does nothing but confirm where the preStop hook has already waited.
        drained = asyncio.create_task(agent.drain.wait())
        await asyncio.wait([drained, asyncio.create_task(at_once.wait())], return_when=asyncio.FIRST_COMPLETED)
        event("stopping", in_flight=agent.drain.in_flight)
    for task in work:
        task.cancel()
    gate.should_exit = face.should_exit = True
    await asyncio.gather(*servers, *work, return_exceptions=True)
    await agent.close()
    event("stopped")
    return 1 if broken else 0


def main(arguments: list[str] | None = None) -> int:
    """Run the agent until SIGTERM or SIGINT.

    Returns:
        0 after a clean stop, 2 for a bad config or environment, 1 when a port cannot be had or a part broke.
    """
    parser = argparse.ArgumentParser(prog="python -m replica_agent", description="Sidecar of an Ollama replica.")
    parser.add_argument("--config", type=Path, required=True, help="JSON config file")
    parser.add_argument("--check", action="store_true", help="check the config and exit")
    options = parser.parse_args(arguments)
    try:
        config = load(options.config)
        if options.check:
            return 0
        pod = pod_of()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    set_up()
    try:
        sockets = (_bind(config.gate_listen), _bind(config.agent_listen))
        return asyncio.run(_run(config, pod, sockets))
    except (OSError, ApiError) as error:
        print(f"the replica agent cannot start: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
