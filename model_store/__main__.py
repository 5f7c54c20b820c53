"""``python -m model_store --config FILE``: run the store, or look at what its garbage collection would do."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from model_store.app import Faces, create_app
from model_store.config import ConfigError, StoreConfig, load
from model_store.dry_run import table
from model_store.logs import event, set_up
from model_store.store import Store
from model_store.volume import Volume, VolumeInUseError
from replica_agent.metrics_server import metrics_server
from replica_agent.serving import bind

# A pod that is being replaced has its grace period to let the volume go.
_LOCK_WAIT_S = 30.0


def _bind(config: StoreConfig) -> socket.socket:
    host, port = config.address
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    return listener


def _dry_run(config: StoreConfig) -> int:
    try:
        print(table(config))
    except OSError as error:
        print(f"the volume cannot be read: {error}", file=sys.stderr)
        return 1
    return 0


async def _collect(config: StoreConfig, volume: Volume) -> None:
    store = Store(config, volume)
    try:
        await store.collector.collect()
    finally:
        await store.close()


def _telling(config: StoreConfig, faces: Faces) -> tuple[uvicorn.Server, socket.socket] | None:
    """What tells metrics by TLS; None where the port for clients tells them.

    Raises:
        OSError: its certificate or port cannot be had.
    """
    told = config.metrics_tls
    return None if told is None else (metrics_server(told, faces.tell), bind(told.listen))


async def _serve(
    server: uvicorn.Server, listener: socket.socket, telling: tuple[uvicorn.Server, socket.socket] | None
) -> None:
    if telling is None:
        await server.serve([listener])
        return
    metrics, told = telling
    beside = asyncio.create_task(metrics.serve([told]))
    event("telling", address="{}:{}".format(*told.getsockname()[:2]))
    await server.serve([listener])
    metrics.should_exit = True
    await beside


def main(arguments: list[str] | None = None) -> int:
    """Run the service until SIGTERM or SIGINT.

    Returns:
        0 after a clean stop, 2 for a bad config, 1 when the volume or the port cannot be had.
    """
    parser = argparse.ArgumentParser(prog="python -m model_store", description="Pull-through store for models.")
    parser.add_argument("--config", type=Path, required=True, help="JSON config file")
    parser.add_argument("--check", action="store_true", help="check the config and exit")
    parser.add_argument("--collect", action="store_true", help="collect garbage once and exit; no store may run")
    parser.add_argument("--dry-run", action="store_true", help="with --collect: only print what would go, and why")
    options = parser.parse_args(arguments)
    if options.dry_run and not options.collect:
        parser.error("--dry-run goes with --collect")
    try:
        config = load(options.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if options.check:
        return 0
    if options.dry_run:
        return _dry_run(config)
    set_up()
    volume = Volume(config.root)
    try:
        recovered = volume.open(lock_wait_s=0.0 if options.collect else _LOCK_WAIT_S)
        if options.collect:
            asyncio.run(_collect(config, volume))
            volume.close()
            return 0
        faces = create_app(config, volume)
        listener = _bind(config)
        telling = _telling(config, faces)
    except (OSError, VolumeInUseError) as error:
        print(f"the model store cannot start: {error}", file=sys.stderr)
        return 1
    host, port = listener.getsockname()[:2]
    event(
        "listening",
        address=f"{host}:{port}",
        upstreams={u.alias: u.endpoints for u in config.upstreams},
        blobs=recovered.blobs,
        blob_bytes=recovered.blob_bytes,
        partials=recovered.partials,
        dropped=recovered.dropped,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            faces.main,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="on",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=config.shutdown_seconds,
        )
    )

    def stop(_signal: int, _frame: object) -> None:
        server.should_exit = True

    # After its own clean stop uvicorn raises the signal once more; by default that would end
    # the process with a signal's exit status before the volume is given back.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    asyncio.run(_serve(server, listener, telling))
    volume.close()
    event("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
