"""Which memories count, as a condition that every arm puts into its own query."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from echo.memory.checks import Checker
from echo.memory.kinds import MemoryKind, Tier
from echo.memory.records import Filter

_PARTS = {
    "kinds": "m.kind = ANY (CAST(:kinds AS text[]))",
    "tiers": "m.tier = ANY (CAST(:tiers AS text[]))",
    "tags": "m.tags @> CAST(:tags AS text[])",
    "any_tags": "m.tags && CAST(:any_tags AS text[])",
    "sessions": "m.session = ANY (CAST(:sessions AS text[]))",
    "sources": "m.source = ANY (CAST(:sources AS text[]))",
    "since": "m.occurred_at >= CAST(:since AS timestamptz)",
    "until": "m.occurred_at < CAST(:until AS timestamptz)",
    "holds_at": "(m.valid_to IS NULL OR m.valid_to > CAST(:holds_at AS timestamptz))",
    "valid_at": "m.valid_from <= CAST(:valid_at AS timestamptz)",
}
_CONDITION = "CONDITION"


def statement(sql: str, parameters: dict[str, Any]) -> str:
    """A statement on ``echo.memories m`` with its word CONDITION replaced by what the parameters ask for.

    Only what is asked for: each plan is made anew, and a condition that asks for nothing costs time in each.
    """
    parts = ["m.state = 'live'", *(part for name, part in _PARTS.items() if parameters[name] is not None)]
    return sql.replace(_CONDITION, " AND ".join(parts))


def check(checker: Checker, where: Filter, now: datetime) -> dict[str, Any]:
    """What :func:`statement` asks for; None stands for "any"."""
    limits = checker.limits
    valid_at = checker.moment("query.where.valid_at", where.valid_at)
    since = checker.moment("query.where.since", where.since)
    until = checker.moment("query.where.until", where.until)
    if since is not None and until is not None and until <= since:
        checker.fault("query.where.until", "must be after `since`; as it is nothing can be found")
    if where.superseded and where.valid_at is not None:
        checker.fault("query.where.superseded", "asks for every time, `valid_at` for one: give one of them")
    return {
        "kinds": _texts(checker.several_of("query.where.kinds", where.kinds, MemoryKind)),
        "tiers": _texts(checker.several_of("query.where.tiers", where.tiers, Tier)),
        "tags": _some(checker.labels("query.where.tags", where.tags, most=limits.tags)),
        "any_tags": _some(checker.labels("query.where.any_tags", where.any_tags, most=limits.tags)),
        "sessions": _some(checker.labels("query.where.sessions", where.sessions, most=limits.batch)),
        "sources": _some(checker.labels("query.where.sources", where.sources, most=limits.batch)),
        "since": since,
        "until": until,
        "holds_at": None if where.superseded else valid_at if valid_at is not None else now,
        "valid_at": valid_at,
    }


def current(now: datetime) -> dict[str, Any]:
    """The parameters that leave out only what no longer holds."""
    return {**dict.fromkeys(_PARTS), "holds_at": now}


def narrow(parameters: dict[str, Any]) -> bool:
    """Whether the filter leaves more out than what no longer holds."""
    fields = ("kinds", "tiers", "tags", "any_tags", "sessions", "sources", "since", "until", "valid_at")
    return any(parameters[name] is not None for name in fields)


def _texts(values: list[Any]) -> list[str] | None:
    return [str(value) for value in values] or None


def _some(values: list[str]) -> list[str] | None:
    return values or None
