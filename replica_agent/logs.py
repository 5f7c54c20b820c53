"""One JSON object a line on standard output.

Bodies, query strings and headers are never written: prompts and tokens live there.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import cast

__all__ = ["event", "set_up"]

_LOGGER = logging.getLogger("replica_agent")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(cast("dict[str, object]", fields))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up() -> None:
    """Send every logger's records to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _LOGGER.setLevel(logging.INFO)
    # uvicorn says at ERROR that a response was cut short, which the gate does on purpose and counts.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)


def event(name: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log one event."""
    _LOGGER.log(level, name, extra={"fields": fields})
