"""What a config file says of metrics by TLS; the same for each service of the stack that is scraped."""

from __future__ import annotations

from replica_agent.fields import AbsolutePath, Listen, Strict
from replica_agent.ports import METRICS_PORT

__all__ = ["MetricsTls"]


class MetricsTls(Strict):
    """Where metrics are told by TLS; then no other port tells them.

    Attributes:
        listen: Address and port; port 0 takes a free one and logs it.
        folder: Has `tls.crt` and `tls.key`; read again when they change.
    """

    listen: Listen = f"0.0.0.0:{METRICS_PORT}"
    folder: AbsolutePath
