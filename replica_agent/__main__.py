"""``python -m replica_agent --config FILE``."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from replica_agent.agent import Agent
from replica_agent.config import AgentConfig, ConfigError, Pod, load, pod_of
from replica_agent.kube import ApiError
from replica_agent.logs import event, set_up
from replica_agent.metrics_server import metrics_server
from replica_agent.serving import bind, run_until_stopped, server


async def _run(config: AgentConfig, pod: Pod, sockets: Sequence[socket.socket]) -> int:
    agent = Agent(config, pod)
    try:
        served = [("gate", server(agent.gate), sockets[0]), ("agent", server(agent.face), sockets[1])]
        if config.metrics_tls is not None:
            served.append(("metrics", metrics_server(config.metrics_tls, agent.tell), sockets[2]))
        return await run_until_stopped(served, agent.work(), agent.drain)
    finally:
        await agent.close()
        event("stopped")


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
        told = [] if config.metrics_tls is None else [config.metrics_tls.listen]
        sockets = [bind(one) for one in (config.gate_listen, config.agent_listen, *told)]
        return asyncio.run(_run(config, pod, sockets))
    except (OSError, ApiError) as error:
        print(f"the replica agent cannot start: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
