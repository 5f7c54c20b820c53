"""``python -m responder --config FILE``."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import uvicorn

from replica_agent.certificate import Certificate
from replica_agent.kube import ApiError, Kube
from replica_agent.logs import event, set_up
from replica_agent.serving import secured
from responder.app import create_app
from responder.config import ConfigError, load


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM; 0 after a clean stop, 2 for a bad config, 1 without an API server."""
    parser = argparse.ArgumentParser(prog="python -m responder", description="Acts on alerts.")
    parser.add_argument("--config", type=Path, required=True, help="JSON config file")
    options = parser.parse_args(arguments)
    try:
        config = load(options.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    set_up()
    try:
        app = create_app(config, Kube(config.api()))
        tls = None if config.tls_folder is None else Certificate(config.tls_folder).context
    except (ApiError, OSError) as error:
        print(f"the responder cannot start: {error}", file=sys.stderr)
        return 1
    host, _, port = config.listen.rpartition(":")
    event("listening", level=logging.INFO, address=config.listen, dry_run=config.dry_run, allow=list(config.allow))
    served = uvicorn.Config(app, host=host, port=int(port), log_config=None, access_log=False, server_header=False)
    server = uvicorn.Server(secured(served, tls))
    server.run()
    if not server.started:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
