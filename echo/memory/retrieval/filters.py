"""Which memories count, as a condition that every arm puts into its own query."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from echo.memory.checks import Checker
from echo.memory.kinds import MemoryKind, Tier
from echo.memory.records import Filter

CONDITION = """
m.state = 'live'
AND (CAST(:kinds AS text[]) IS NULL OR m.kind = ANY (CAST(:kinds AS text[])))
AND (CAST(:tiers AS text[]) IS NULL OR m.tier = ANY (CAST(:tiers AS text[])))
AND (CAST(:tags AS text[]) IS NULL OR m.tags @> CAST(:tags AS text[]))
AND (CAST(:any_tags AS text[]) IS NULL OR m.tags && CAST(:any_tags AS text[]))
AND (CAST(:sessions AS text[]) IS NULL OR m.session = ANY (CAST(:sessions AS text[])))
AND (CAST(:sources AS text[]) IS NULL OR m.source = ANY (CAST(:sources AS text[])))
AND (CAST(:since AS timestamptz) IS NULL OR m.occurred_at >= CAST(:since AS timestamptz))
AND (CAST(:until AS timestamptz) IS NULL OR m.occurred_at < CAST(:until AS timestamptz))
AND (CAST(:any_validity AS boolean) OR m.valid_to IS NULL OR m.valid_to > CAST(:holds_at AS timestamptz))
AND (CAST(:valid_at AS timestamptz) IS NULL OR m.valid_from <= CAST(:valid_at AS timestamptz))
"""
"""On ``echo.memories m``, with the parameters of :func:`check`."""


def check(checker: Checker, where: Filter, now: datetime) -> dict[str, Any]:
    """The condition's parameters; None stands for "any"."""
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
        "any_validity": bool(where.superseded),
        "holds_at": valid_at if valid_at is not None else now,
        "valid_at": valid_at,
    }


def narrow(parameters: dict[str, Any]) -> bool:
    """Whether the filter leaves more out than what no longer holds."""
    fields = ("kinds", "tiers", "tags", "any_tags", "sessions", "sources", "since", "until", "valid_at")
    return any(parameters[name] is not None for name in fields)


def _texts(values: list[Any]) -> list[str] | None:
    return [str(value) for value in values] or None


def _some(values: list[str]) -> list[str] | None:
    return values or None
