"""Changing a memory in its place: content with its words and vector, or what is said about it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from echo.memory import database, read
from echo.memory.checks import Checker
from echo.memory.context import Context
from echo.memory.database import wrapped
from echo.memory.errors import UnknownMemoryError
from echo.memory.forgetting import ADD_WORDS
from echo.memory.kinds import MemoryKind
from echo.memory.life import Revision
from echo.memory.records import Memory

_NUMBERS = {"importance": 0, "valence": -1, "arousal": 0, "dominance": -1, "complexity": 0}


async def revise(context: Context, memory_id: UUID, revision: Revision) -> Memory:
    """Change a live memory; see :meth:`echo.memory.MemorySpace.revise`."""
    space = await context.row()
    now = context.clock()
    checker = context.checker()
    checker.identifier("id", memory_id)
    values = _check(checker, revision)
    checker.done()
    text = values["content"]
    # Asked before a connection is taken: a slow model must not hold one.
    vectors = [] if text is None else await context.embed([str(text)])
    async with context.transaction() as (connection, row):
        context.same_vectors(space, row)
        mine = {"space": row.id, "id": memory_id}
        there = await database.one(connection, _LOCK, **mine)
        if there is None:
            raise UnknownMemoryError([memory_id])
        if text is not None:
            # Out of what counts as live and in again: the counters follow the state, and so take the new words.
            await database.run(connection, _LEAVE_WORDS, **mine)
            await database.run(connection, _LEAVE, **mine)
            await database.run(connection, _ENTER, text=text, language=row.language, **mine)
            await database.run(connection, ADD_WORDS, ids=[memory_id], space=row.id)
            await database.run(
                connection, _VECTOR, generation=row.generation, fresh=row.vector_index, vectors=wrapped(vectors), **mine
            )
        del values["content"]
        await database.run(connection, _CHANGE, now=now, again=text is not None, **values, **mine)
        [found] = (await read.memories(connection, row.id, [memory_id])).values()
    return found


def _check(checker: Checker, revision: Revision) -> dict[str, Any]:
    limits = checker.limits
    found: dict[str, Any] = {"content": None, "kind": None, "source": None, "tags": None, "metadata": None}
    if revision.content is not None:
        found["content"] = checker.text("content", revision.content, most_bytes=limits.content_bytes, empty=False)
    if revision.kind is not None:
        found["kind"] = str(checker.one_of("kind", revision.kind, MemoryKind))
    if revision.source is not None:
        found["source"] = checker.label("source", revision.source)
    if revision.tags is not None:
        found["tags"] = checker.labels("tags", revision.tags, most=limits.tags)
    if revision.metadata is not None:
        found["metadata"] = checker.document("metadata", revision.metadata, most_bytes=limits.metadata_bytes)
    found["occurred"] = checker.moment("at", revision.occurred_at)
    for name, low in _NUMBERS.items():
        value: float | None = getattr(revision, name)
        found[name] = None if value is None else checker.number(name, value, low, 1)
    return found


_ONE = "m.space_id = CAST(:space AS bigint) AND m.id = CAST(:id AS uuid)"
_LOCK = f"SELECT m.id FROM echo.memories m WHERE {_ONE} AND m.state = 'live' FOR UPDATE"
_LEAVE_WORDS = f"""
DELETE FROM echo.postings p USING echo.memories m, unnest(m.terms) t
WHERE {_ONE} AND p.space_id = m.space_id AND p.stem = t.lexeme AND p.memory_id = m.id
"""
_LEAVE = f"UPDATE echo.memories m SET state = 'forgotten' WHERE {_ONE}"
_ENTER = f"""
UPDATE echo.memories AS m SET state = 'live', content = CAST(:text AS text), terms = given.terms,
    words = (SELECT COALESCE(sum(cardinality(t.positions)), 0) FROM unnest(given.terms) t)
FROM (
    SELECT to_tsvector(CAST(CAST(:language AS text) AS regconfig), CAST(:text AS text) || ' ' || x.context) AS terms
    FROM echo.memories x WHERE x.space_id = CAST(:space AS bigint) AND x.id = CAST(:id AS uuid)
) given
WHERE {_ONE}
"""
_VECTOR = """
INSERT INTO echo.embeddings (space_id, memory_id, generation, fresh, embedding)
SELECT CAST(:space AS bigint), CAST(:id AS uuid), CAST(:generation AS integer), CAST(:fresh AS boolean), g.embedding
FROM unnest(CAST(:vectors AS vector[])) AS g (embedding)
ON CONFLICT (space_id, memory_id, generation) DO UPDATE SET embedding = excluded.embedding, fresh = excluded.fresh
"""
_CHANGE = f"""
UPDATE echo.memories AS m SET
    kind = COALESCE(CAST(:kind AS text), m.kind),
    source = COALESCE(CAST(:source AS text), m.source),
    tags = COALESCE(CAST(:tags AS text[]), m.tags),
    metadata = COALESCE(CAST(CAST(:metadata AS text) AS jsonb), m.metadata),
    importance = COALESCE(CAST(:importance AS real), m.importance),
    valence = COALESCE(CAST(:valence AS real), m.valence),
    arousal = COALESCE(CAST(:arousal AS real), m.arousal),
    dominance = COALESCE(CAST(:dominance AS real), m.dominance),
    complexity = COALESCE(CAST(:complexity AS real), m.complexity),
    occurred_at = COALESCE(CAST(:occurred AS timestamptz), m.occurred_at),
    examined_at = CASE WHEN CAST(:again AS boolean) THEN NULL ELSE m.examined_at END,
    changed_at = CAST(:now AS timestamptz)
WHERE {_ONE}
"""
