"""Lines of the log that belong to a request say which trace is its, and what they say is in its span too."""

from __future__ import annotations

import logging
from typing import cast

from opentelemetry import trace
from opentelemetry.trace import Span

__all__ = ["TraceIds"]

# What the line about a request says that a span is to say too, and under which name.
_TOLD = {
    "model": "gen_ai.request.model",
    "replica": "echo.replica",
    "attempts": "echo.attempts",
    "reason": "error.type",
    "key": "echo.key",
    "id": "echo.request",
}
_REQUEST = "request"


class TraceIds(logging.Filter):
    """Adds `trace_id` and `span_id` to the fields of a line; lets every line pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add them."""
        span = trace.get_current_span()
        context = span.get_span_context()
        fields = getattr(record, "fields", None)
        if context.is_valid and isinstance(fields, dict):
            known = cast("dict[str, object]", fields)
            ids = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
            record.fields = {**known, **ids}
            if record.getMessage() == _REQUEST:
                _tell(span, known)
        return True


def _tell(span: Span, fields: dict[str, object]) -> None:
    for name, called in _TOLD.items():
        value = fields.get(name)
        if isinstance(value, str | int | float) and value != "":
            span.set_attribute(called, value)
