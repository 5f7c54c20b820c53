"""Encoding: new memories with their vectors, words, keys and what they supersede, all or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database
from echo.memory.checks import Checker
from echo.memory.context import Context, SpaceRow
from echo.memory.database import wrapped
from echo.memory.embedder import Vector
from echo.memory.errors import IdempotencyConflictError, ReembeddedError, UnknownMemoryError
from echo.memory.kinds import MemoryKind, Tier
from echo.memory.limits import Limits
from echo.memory.records import Encoded, NewMemory


@dataclass(frozen=True)
class _Ready:
    """A memory whose input is in order."""

    id: UUID
    record: dict[str, Any]
    vector: Vector | None
    key: str | None
    fingerprint: bytes
    supersedes: UUID | None
    valid_from: datetime

    @property
    def text(self) -> str:
        """What is embedded: the content alone, which measured better than with its context."""
        return str(self.record["content"])


async def encode(context: Context, memories: Iterable[NewMemory]) -> list[Encoded]:
    """Store memories in one transaction; see :meth:`echo.memory.MemorySpace.encode`."""
    checker = context.checker()
    given: list[NewMemory] = checker.many("memories", memories, NewMemory)
    try:
        return await _encode(context, checker, given)
    except ReembeddedError:
        return await _encode(context, context.checker(), given)


async def _encode(context: Context, checker: Checker, given: Sequence[NewMemory]) -> list[Encoded]:
    space = await context.row()
    now = context.clock()
    ready = [_check(checker, f"memories[{i}]", one, context, space, now) for i, one in enumerate(given)]
    checker.done()
    if not ready:
        return []
    _same_key_same_memory(ready)
    # The embedder is asked before a connection is taken: a slow model must not hold one.
    lacking = [one for one in ready if one.vector is None]
    made = dict(zip((one.id for one in lacking), await context.embed([one.text for one in lacking]), strict=True))
    vectors = {one.id: one.vector if one.vector is not None else made[one.id] for one in ready}
    async with context.transaction() as (connection, row):
        context.same_vectors(space, row)
        await context.hold(connection, row)
        known = await _claim_keys(connection, row, ready, now)
        fresh = [one for one in ready if one.id not in known]
        await _supersede(connection, row, fresh, now)
        await _insert(connection, row, fresh, [vectors[one.id] for one in fresh], now)
    return [Encoded(id=known.get(one.id, one.id), created=one.id not in known) for one in ready]


def _check(checker: Checker, where: str, memory: NewMemory, context: Context, space: SpaceRow, now: datetime) -> _Ready:
    limits: Limits = context.limits
    text = checker.text(f"{where}.content", memory.content, most_bytes=limits.content_bytes, empty=False)
    occurred = checker.moment(f"{where}.occurred_at", memory.occurred_at)
    occurred = occurred if occurred is not None else now
    valid = checker.moment(f"{where}.valid_from", memory.valid_from)
    key = memory.idempotency_key
    record = {
        "content": text,
        "context": checker.text(f"{where}.context", memory.context, most_bytes=limits.content_bytes),
        "kind": checker.one_of(f"{where}.kind", memory.kind, MemoryKind),
        "tier": checker.one_of(f"{where}.tier", memory.tier, Tier),
        "importance": checker.number(f"{where}.importance", memory.importance, 0, 1),
        "valence": checker.number(f"{where}.valence", memory.valence, -1, 1),
        "arousal": checker.number(f"{where}.arousal", memory.arousal, 0, 1),
        "dominance": checker.number(f"{where}.dominance", memory.dominance, -1, 1),
        "complexity": checker.number(f"{where}.complexity", memory.complexity, 0, 1),
        "source": checker.label(f"{where}.source", memory.source),
        "session": checker.label(f"{where}.session", memory.session),
        "source_ids": checker.labels(f"{where}.source_ids", memory.source_ids, most=limits.source_ids),
        "tags": checker.labels(f"{where}.tags", memory.tags, most=limits.tags),
        "provenance": checker.document(f"{where}.provenance", memory.provenance, most_bytes=limits.metadata_bytes),
        "metadata": checker.document(f"{where}.metadata", memory.metadata, most_bytes=limits.metadata_bytes),
    }
    supersedes = checker.identifier(f"{where}.supersedes", memory.supersedes)
    fingerprint = fingerprint_of(record, memory, supersedes) if not checker.faults else b""
    identity = context.new_id(now)
    valid_from = valid if valid is not None else occurred
    record |= {
        "id": str(identity),
        "occurred_at": occurred.isoformat(),
        "valid_from": valid_from.isoformat(),
        "supersedes": None if supersedes is None else str(supersedes),
    }
    return _Ready(
        id=identity,
        record=record,
        vector=checker.vector(f"{where}.embedding", memory.embedding, space.width),
        key=None if key is None else checker.label(f"{where}.idempotency_key", key, empty=False),
        fingerprint=fingerprint,
        supersedes=supersedes,
        valid_from=valid_from,
    )


def fingerprint_of(record: dict[str, Any], memory: NewMemory, supersedes: UUID | None) -> bytes:
    """What tells two memories of one key apart: all that the caller gave but the vector, which a model may round."""
    times = [None if time is None else time.isoformat() for time in (memory.occurred_at, memory.valid_from)]
    whole = [record, times, None if supersedes is None else str(supersedes)]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).digest()


def _same_key_same_memory(ready: Sequence[_Ready]) -> None:
    seen: dict[str, bytes] = {}
    clashing = [
        one.key for one in ready if one.key is not None and seen.setdefault(one.key, one.fingerprint) != one.fingerprint
    ]
    if clashing:
        raise IdempotencyConflictError(clashing)


async def _claim_keys(
    connection: AsyncConnection, space: SpaceRow, ready: Sequence[_Ready], now: datetime
) -> dict[UUID, UUID]:
    """The ids that were given for nothing, with the ids that their keys brought before."""
    first: dict[str, _Ready] = {}
    for one in ready:
        if one.key is not None:
            first.setdefault(one.key, one)
    if not first:
        return {}
    # In one order everywhere: two batches that share keys would otherwise wait for each other.
    keyed = [first[key] for key in sorted(first)]
    await database.run(
        connection, _CLAIM, space=space.id, keys=[one.key for one in keyed],
        prints=[one.fingerprint for one in keyed], ids=[one.id for one in keyed], now=now,
    )  # fmt: skip
    found = {
        row.key: row
        for row in await database.rows(connection, _CLAIMED, space=space.id, keys=[one.key for one in keyed])
    }
    clashing = [key for key, one in first.items() if found[key].fingerprint != one.fingerprint]
    if clashing:
        raise IdempotencyConflictError(clashing)
    return {one.id: found[one.key].result for one in ready if one.key is not None and found[one.key].result != one.id}


async def _supersede(connection: AsyncConnection, space: SpaceRow, fresh: Sequence[_Ready], now: datetime) -> None:
    pairs = [(one.supersedes, one) for one in fresh if one.supersedes is not None]
    if not pairs:
        return
    olds = [old for old, _ in pairs]
    found = await database.rows(
        connection, SUPERSEDE, space=space.id, olds=olds, since=[one.valid_from for _, one in pairs], now=now
    )
    missing = sorted(set(olds) - {row.id for row in found})
    if missing:
        raise UnknownMemoryError(missing)
    await database.run(
        connection, LOG, space=space.id, ids=olds, action="superseded",
        reasons=[f"superseded by {one.id}" for _, one in pairs], retentions=[None for _ in pairs], now=now,
    )  # fmt: skip


async def _insert(
    connection: AsyncConnection, space: SpaceRow, fresh: Sequence[_Ready], vectors: Sequence[Vector], now: datetime
) -> None:
    if not fresh:
        return
    parts = [
        # The two documents are JSON already; decoding them to encode them again would double the time.
        json.dumps({**one.record, "provenance": None, "metadata": None}, ensure_ascii=False)[:-1]
        + f', "provenance": {one.record["provenance"]}, "metadata": {one.record["metadata"]}}}'
        for one in fresh
    ]
    await database.run(
        connection, _INSERT, space=space.id, language=space.language, now=now, batch=f"[{','.join(parts)}]"
    )
    await database.run(
        connection, _INSERT_VECTORS, space=space.id, generation=space.generation, fresh=space.vector_index,
        ids=[one.id for one in fresh], vectors=wrapped(vectors),
    )  # fmt: skip


_CLAIM = """
INSERT INTO echo.idempotency_keys (space_id, key, fingerprint, result, created_at)
SELECT CAST(:space AS bigint), g.key, g.fingerprint, g.result, CAST(:now AS timestamptz)
FROM unnest(CAST(:keys AS text[]), CAST(:prints AS bytea[]), CAST(:ids AS uuid[]))
    WITH ORDINALITY AS g (key, fingerprint, result, place)
ORDER BY g.place
ON CONFLICT (space_id, key) DO NOTHING
"""
_CLAIMED = """
SELECT key, fingerprint, result FROM echo.idempotency_keys
WHERE space_id = CAST(:space AS bigint) AND key = ANY (CAST(:keys AS text[]))
"""
# A memory that something superseded already keeps its first end.
SUPERSEDE = """
UPDATE echo.memories AS m
SET valid_to = LEAST(m.valid_to, GREATEST(m.valid_from, g.since)), changed_at = CAST(:now AS timestamptz)
FROM unnest(CAST(:olds AS uuid[]), CAST(:since AS timestamptz[])) AS g (id, since)
WHERE m.space_id = CAST(:space AS bigint) AND m.id = g.id AND m.state = 'live'
RETURNING m.id
"""
LOG = """
INSERT INTO echo.forgetting_log (space_id, memory_id, action, reason, retention, at)
SELECT CAST(:space AS bigint), g.id, CAST(:action AS text), g.reason, g.retention, CAST(:now AS timestamptz)
FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[]), CAST(:retentions AS real[])) AS g (id, reason, retention)
"""
# A key that stands twice in an object counts with its last value: the nulls before the documents are overwritten.
_INSERT = """
WITH given AS (
    SELECT g.*, to_tsvector(CAST(:language AS regconfig), g.content || ' ' || g.context) AS terms
    FROM jsonb_to_recordset(CAST(CAST(:batch AS text) AS jsonb)) AS g (
        id uuid, kind text, tier text, content text, context text, importance real, valence real, arousal real,
        dominance real, complexity real, occurred_at timestamptz, valid_from timestamptz, supersedes uuid,
        source text, session text, source_ids text[], provenance jsonb, tags text[], metadata jsonb
    )
), arrived AS (
    INSERT INTO echo.memories (
        space_id, id, kind, tier, content, context, terms, words, importance, valence, arousal, dominance, complexity,
        occurred_at, recorded_at, changed_at, valid_from, supersedes, source, session, source_ids, provenance, tags,
        metadata
    )
    SELECT CAST(:space AS bigint), id, kind, tier, content, context, terms,
        (SELECT COALESCE(sum(cardinality(t.positions)), 0) FROM unnest(terms) t),
        importance, valence, arousal, dominance, complexity, occurred_at, CAST(:now AS timestamptz),
        CAST(:now AS timestamptz), valid_from, supersedes, source, session, source_ids, provenance, tags, metadata
    FROM given
    RETURNING id, terms, words
)
INSERT INTO echo.postings (space_id, stem, memory_id, frequency, words)
SELECT CAST(:space AS bigint), t.lexeme, a.id, cardinality(t.positions), a.words
FROM arrived a, unnest(a.terms) t
"""
_INSERT_VECTORS = """
INSERT INTO echo.embeddings (space_id, memory_id, generation, fresh, embedding)
SELECT CAST(:space AS bigint), g.id, CAST(:generation AS integer), CAST(:fresh AS boolean), g.embedding
FROM unnest(CAST(:ids AS uuid[]), CAST(:vectors AS vector[])) AS g (id, embedding)
"""
