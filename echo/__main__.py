"""``python -m echo --config FILE``."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

import uvloop

from echo.config.layers import Layers
from echo.config.model import EchoConfig
from echo.service import Service
from replica_agent.fields import ConfigError
from replica_agent.logs import event, set_up
from replica_agent.metrics_server import metrics_server
from replica_agent.serving import bind, run_until_stopped, server

_FREEZE_AFTER = 50_000


async def _run(layers: Layers, config: EchoConfig) -> int:
    listen = config.listen
    sockets = {name: bind(getattr(listen, name)) for name in ("main", "ollama", "internal")}
    telling = None if config.metrics_tls is None else bind(config.metrics_tls.listen)
    service = Service(layers, config)
    most = config.limits.max_request_bytes
    faces = {
        "main": server(service.main, http="httptools", ws="websockets-sansio", ws_max_bytes=most),
        "ollama": server(service.ollama, http="httptools"),
        "internal": server(service.internal, http="httptools"),
    }
    # What is there now stays: no collection need look at it again, nor stop a stream for it.
    gc.freeze()
    gc.set_threshold(_FREEZE_AFTER)
    try:
        served = [(name, face, sockets[name]) for name, face in faces.items()]
        if config.metrics_tls is not None and telling is not None:
            served.append(("metrics", metrics_server(config.metrics_tls, service.tell), telling))
        return await run_until_stopped(served, service.work(), service.drain)
    finally:
        await service.close()
        event("stopped")


def main(arguments: list[str] | None = None) -> int:
    """Run the service until SIGTERM or SIGINT.

    Returns:
        0 after a clean stop, 2 for bad settings, 1 when a port cannot be had or a part broke.
    """
    parser = argparse.ArgumentParser(prog="python -m echo", description="The service in front of Ollama.")
    parser.add_argument("--config", type=Path, help="JSON config file")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="one setting; counts most")
    parser.add_argument("--check", action="store_true", help="check the settings and exit")
    options = parser.parse_args(arguments)
    layers = Layers(options.config, arguments=options.set)
    try:
        config = layers.read()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if options.check:
        return 0
    set_up()
    try:
        return uvloop.run(_run(layers, config))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"the echo service cannot start: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
