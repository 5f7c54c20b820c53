"""The experience buffer and the pattern store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database, read
from echo.memory.checks import Checker
from echo.memory.context import Context
from echo.memory.errors import IdempotencyConflictError
from echo.memory.kinds import PatternKind, PatternTier
from echo.memory.records import Experience, NewExperience, Observation, Pattern

LEARNING_RATE = 0.1
"""What one occurrence adds to a pattern's strength, times its feedback."""
_KEPT_SOURCES = 32
_KEY_PREFIX = "experience:"


@dataclass(frozen=True)
class Learned:
    """What a pattern is after one more occurrence."""

    strength: float
    frequency: int
    positives: int

    @property
    def confidence(self) -> float:
        """How sure it is that the pattern holds: Laplace's rule of succession over its occurrences."""
        return (self.positives + 1) / (self.frequency + 2)

    @property
    def tier(self) -> PatternTier:
        """How established it is: by how often it was seen and how firm it is."""
        for tier, least, firm in _TIERS:
            if self.frequency >= least and self.strength >= firm:
                return tier
        return PatternTier.SHORT_TERM


_TIERS = (
    (PatternTier.ARCHETYPAL, 50, 0.8),
    (PatternTier.LONG_TERM, 10, 0.6),
    (PatternTier.MEDIUM_TERM, 3, 0.0),
)


def learn(before: Learned | None, feedback: float) -> Learned:
    """One more occurrence: ``strength + 0.1 x feedback`` for a known pattern, ``feedback`` for a new one, 0 to 1."""
    positive = int(feedback > 0)
    if before is None:
        return Learned(strength=min(1.0, max(0.0, feedback)), frequency=1, positives=positive)
    return Learned(
        strength=min(1.0, max(0.0, before.strength + LEARNING_RATE * feedback)),
        frequency=before.frequency + 1,
        positives=before.positives + positive,
    )


def corrected(before: Learned, counted: float, feedback: float) -> Learned:
    """A pattern after an occurrence that was counted with one feedback turns out to have had another."""
    turned = int(feedback > 0) - int(counted > 0)
    return Learned(
        strength=min(1.0, max(0.0, before.strength + LEARNING_RATE * (feedback - counted))),
        frequency=before.frequency,
        positives=min(before.frequency, max(0, before.positives + turned)),
    )


async def record(context: Context, experience: NewExperience) -> UUID:
    """Put an experience into the buffer; returns its id."""
    now = context.clock()
    checker = context.checker()
    most = context.limits.content_bytes
    feedback = experience.feedback
    occurred = checker.moment("experience.occurred_at", experience.occurred_at)
    key = experience.idempotency_key
    values: dict[str, Any] = {
        "input": checker.text("experience.input", experience.input, most_bytes=most, empty=False),
        "output": checker.text("experience.output", experience.output, most_bytes=most),
        "feedback": None if feedback is None else checker.number("experience.feedback", feedback, -1, 1),
        "context": checker.document("experience.context", experience.context, most_bytes=context.limits.metadata_bytes),
        "memories": checker.identifiers("experience.memory_ids", experience.memory_ids),
    }
    if key is not None:
        checker.label("experience.idempotency_key", key, empty=False)
    checker.done()
    fingerprint = hashlib.sha256(
        json.dumps([values, None if occurred is None else occurred.isoformat()], sort_keys=True, default=str).encode()
    ).digest()
    identity = context.new_id(now)
    async with context.transaction() as (connection, row):
        if key is not None:
            claimed = await database.one(
                connection, _CLAIM, space=row.id, key=_KEY_PREFIX + key, print=fingerprint, id=identity, now=now
            )
            if claimed is None:
                [known] = await database.rows(connection, _CLAIMED, space=row.id, key=_KEY_PREFIX + key)
                if known.fingerprint != fingerprint:
                    raise IdempotencyConflictError([key])
                return known.result
        await database.run(
            connection, _RECORD, space=row.id, id=identity,
            occurred=occurred if occurred is not None else now, **values,
        )  # fmt: skip
    return identity


async def experiences(context: Context, waiting: bool | None, limit: int) -> list[Experience]:
    """Experiences, latest first."""
    checker = context.checker()
    checker.whole("limit", limit, 1, context.limits.batch)
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.rows(connection, _EXPERIENCES, space=row.id, waiting=waiting, limit=limit)
    return [experience_of(one) for one in found]


def experience_of(row: Row[Any]) -> Experience:
    """A row as an experience."""
    return Experience(
        id=row.id,
        input=row.input,
        output=row.output,
        feedback=row.feedback,
        context=read.document(row.context),
        memory_ids=tuple(row.memory_ids),
        occurred_at=row.occurred_at,
        consolidated_at=row.consolidated_at,
    )


async def experience_of_key(context: Context, key: str) -> Experience | None:
    """The experience that was recorded with an idempotency key; None where none was, or it is gone."""
    checker = context.checker()
    checker.label("key", key, empty=False)
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.one(connection, _OF_KEY, space=row.id, key=_KEY_PREFIX + key)
    return None if found is None else experience_of(found)


async def observe(context: Context, observations: Iterable[Observation]) -> list[Pattern]:
    """See patterns once more; returns each once, in the order of their first mention."""
    checker = context.checker()
    given: list[Observation] = checker.many("observations", observations, Observation)
    ready = [check(checker, f"observations[{i}]", one) for i, one in enumerate(given)]
    checker.done()
    async with context.transaction() as (connection, row):
        found, _ = await observe_in(connection, context, row.id, ready, context.clock())
    return found


def check(checker: Checker, where: str, one: Observation) -> Observation:
    """An observation whose input is in order."""
    return Observation(
        kind=checker.one_of(f"{where}.kind", one.kind, PatternKind),
        signature=checker.label(f"{where}.signature", one.signature, empty=False),
        feedback=checker.number(f"{where}.feedback", one.feedback, -1, 1),
        source_ids=checker.identifiers(f"{where}.source_ids", one.source_ids, most=checker.limits.source_ids),
    )


async def observe_in(
    connection: AsyncConnection, context: Context, space_id: int, ready: Sequence[Observation], now: datetime
) -> tuple[list[Pattern], int]:
    """The same within a transaction; also how many of the patterns are new."""
    keys = list(dict.fromkeys((one.kind, one.signature) for one in ready))
    if not keys:
        return [], 0
    # Writers of one space's patterns come one after the other: each builds on what the one before left.
    await database.run(connection, _ONE_LEARNER, space=space_id)
    found = await database.rows(
        connection, _KNOWN, space=space_id, kinds=[str(kind) for kind, _ in keys], signatures=[name for _, name in keys]
    )
    known = {(PatternKind(row.kind), row.signature): row for row in found}
    state: dict[tuple[PatternKind, str], Learned | None] = {
        key: Learned(known[key].strength, known[key].frequency, known[key].positives) if key in known else None
        for key in keys
    }
    sources = {key: list(known[key].source_ids) if key in known else [] for key in keys}
    for one in ready:
        key = (one.kind, one.signature)
        state[key] = learn(state[key], one.feedback)
        sources[key] = list(dict.fromkeys([*sources[key], *one.source_ids]))[-_KEPT_SOURCES:]
    changed = [(key, learned) for key, learned in state.items() if learned is not None]
    batch = [
        {
            "id": str(known[key].id if key in known else context.new_id(now)),
            "kind": str(key[0]),
            "signature": key[1],
            "tier": str(learned.tier),
            "strength": learned.strength,
            "frequency": learned.frequency,
            "positives": learned.positives,
            "confidence": learned.confidence,
            "source_ids": [str(source) for source in sources[key]],
        }
        for key, learned in changed
    ]
    rows = await database.rows(connection, _STORE, space=space_id, now=now, batch=json.dumps(batch, ensure_ascii=False))
    stored = {(PatternKind(row.kind), row.signature): pattern_of(row) for row in rows}
    return [stored[key] for key in keys], sum(1 for key in keys if key not in known)


async def correct_in(
    connection: AsyncConnection,
    space_id: int,
    observations: Sequence[Observation],
    counted: float,
    feedback: float,
) -> int:
    """Correct known patterns by what an experience turns out to have been worth; returns how many there are still."""
    keys = list(dict.fromkeys((one.kind, one.signature) for one in observations))
    if not keys:
        return 0
    await database.run(connection, _ONE_LEARNER, space=space_id)
    found = await database.rows(
        connection, _KNOWN, space=space_id, kinds=[str(kind) for kind, _ in keys], signatures=[name for _, name in keys]
    )
    batch: list[dict[str, Any]] = []
    for row in found:
        after = corrected(Learned(row.strength, row.frequency, row.positives), counted, feedback)
        batch.append(
            {
                "id": str(row.id),
                "tier": str(after.tier),
                "strength": after.strength,
                "positives": after.positives,
                "confidence": after.confidence,
            }
        )
    await database.run(connection, _CORRECT, space=space_id, batch=json.dumps(batch))
    return len(batch)


async def patterns(context: Context, kind: PatternKind | None, limit: int) -> list[Pattern]:
    """Patterns, strongest first."""
    checker = context.checker()
    wanted = None if kind is None else str(checker.one_of("kind", kind, PatternKind))
    checker.whole("limit", limit, 1, context.limits.batch)
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.rows(connection, _PATTERNS, space=row.id, kind=wanted, limit=limit)
    return [pattern_of(one) for one in found]


def pattern_of(row: Row[Any]) -> Pattern:
    """A row as a pattern."""
    return Pattern(
        id=row.id,
        kind=PatternKind(row.kind),
        signature=row.signature,
        tier=PatternTier(row.tier),
        strength=row.strength,
        frequency=row.frequency,
        confidence=row.confidence,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        source_ids=tuple(row.source_ids),
    )


_CLAIM = """
INSERT INTO echo.idempotency_keys (space_id, key, fingerprint, result, created_at)
VALUES (CAST(:space AS bigint), :key, CAST(:print AS bytea), CAST(:id AS uuid), CAST(:now AS timestamptz))
ON CONFLICT (space_id, key) DO NOTHING RETURNING result
"""
_CLAIMED = """
SELECT fingerprint, result FROM echo.idempotency_keys WHERE space_id = CAST(:space AS bigint) AND key = :key
"""
_RECORD = """
INSERT INTO echo.experiences (space_id, id, input, output, feedback, context, memory_ids, occurred_at)
VALUES (CAST(:space AS bigint), CAST(:id AS uuid), :input, :output, CAST(:feedback AS real),
    CAST(CAST(:context AS text) AS jsonb), CAST(:memories AS uuid[]), CAST(:occurred AS timestamptz))
"""
_EXPERIENCES = """
SELECT * FROM echo.experiences WHERE space_id = CAST(:space AS bigint)
    AND (CAST(:waiting AS boolean) IS NULL OR (consolidated_at IS NULL) = CAST(:waiting AS boolean))
ORDER BY occurred_at DESC, id DESC LIMIT CAST(:limit AS integer)
"""
_OF_KEY = """
SELECT e.* FROM echo.idempotency_keys k JOIN echo.experiences e ON e.space_id = k.space_id AND e.id = k.result
WHERE k.space_id = CAST(:space AS bigint) AND k.key = CAST(:key AS text)
"""
_CORRECT = """
UPDATE echo.patterns AS p SET tier = g.tier, strength = g.strength, positives = g.positives, confidence = g.confidence
FROM jsonb_to_recordset(CAST(CAST(:batch AS text) AS jsonb)) AS g (
    id uuid, tier text, strength real, positives integer, confidence real
)
WHERE p.space_id = CAST(:space AS bigint) AND p.id = g.id
"""
_ONE_LEARNER = "SELECT pg_advisory_xact_lock(hashtextextended('echo.patterns', CAST(:space AS bigint)))"
_KNOWN = """
SELECT p.* FROM echo.patterns p
JOIN unnest(CAST(:kinds AS text[]), CAST(:signatures AS text[])) AS g (kind, signature)
    ON p.kind = g.kind AND p.signature = g.signature
WHERE p.space_id = CAST(:space AS bigint)
"""
_STORE = """
INSERT INTO echo.patterns AS p (
    space_id, id, kind, signature, tier, strength, frequency, positives, confidence, first_seen, last_seen, source_ids
)
SELECT CAST(:space AS bigint), g.id, g.kind, g.signature, g.tier, g.strength, g.frequency, g.positives, g.confidence,
    CAST(:now AS timestamptz), CAST(:now AS timestamptz), g.source_ids
FROM jsonb_to_recordset(CAST(CAST(:batch AS text) AS jsonb)) AS g (
    id uuid, kind text, signature text, tier text, strength real, frequency integer, positives integer,
    confidence real, source_ids uuid[]
)
ON CONFLICT (space_id, kind, signature) DO UPDATE SET
    tier = excluded.tier, strength = excluded.strength, frequency = excluded.frequency,
    positives = excluded.positives, confidence = excluded.confidence, last_seen = excluded.last_seen,
    source_ids = excluded.source_ids
RETURNING *
"""
_PATTERNS = """
SELECT * FROM echo.patterns WHERE space_id = CAST(:space AS bigint)
    AND (CAST(:kind AS text) IS NULL OR kind = CAST(:kind AS text))
ORDER BY strength DESC, frequency DESC, kind, signature LIMIT CAST(:limit AS integer)
"""
