"""The port on which metrics are told by TLS: what each service of the stack that is scraped has in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from replica_agent.certificate import Certificate
from replica_agent.metrics_tls import MetricsTls
from replica_agent.serving import Server, server

__all__ = ["Tell", "metrics_server"]

Tell = Callable[[Request], Awaitable[Response]]
"""Answers a scrape."""


def metrics_server(config: MetricsTls, tell: Tell) -> Server:
    """Make a server of `/metrics` and nothing else, which serves once it is given a socket.

    Args:
        config: where its certificate is.
        tell: answers a scrape.

    Raises:
        OSError: the certificate cannot be used.
    """
    app = Starlette(routes=[Route("/metrics", tell)])
    return server(app, tls=Certificate(config.folder).context)
