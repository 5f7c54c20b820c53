"""The import's part that writes: records of an export into a space, some hundred at a time."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from sqlalchemy.exc import DBAPIError

from echo.memory import database
from echo.memory.context import Context
from echo.memory.errors import StoreUnavailableError
from echo.memory.records import ImportReport

_AT_ONCE = 500
_LINK = "link"


class Importer:
    """Takes records in their order; each page is one transaction."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kind = ""
        self._page: list[dict[str, Any]] = []
        self._first_line = 0
        self._links: list[dict[str, Any]] = []
        self._new: Counter[str] = Counter()
        self._given: Counter[str] = Counter()

    async def take(self, record: dict[str, Any], number: int) -> None:
        """One record.

        Raises:
            InvalidInputError: its type is none of an export's.
        """
        kind = str(record.pop("type"))
        if kind not in _KNOWN:
            checker = self._context.checker()
            checker.fault(f"line {number}", f"has the type {kind[:40]!r}; known are {', '.join(_KNOWN)}")
            checker.done()
        if kind != self._kind or len(self._page) >= _AT_ONCE:
            await self.flush()
            self._kind = kind
            self._first_line = number
        self._page.append(record)
        if kind == "memory" and (record.get("supersedes") or record.get("merged_into")):
            self._links.append({key: record.get(key) for key in ("id", "supersedes", "merged_into")})

    async def flush(self) -> None:
        """Write what is held.

        Raises:
            InvalidInputError: a record does not fit the schema.
        """
        page, self._page = self._page, []
        if page:
            await self._write(self._kind, page)

    async def finish(self) -> ImportReport:
        """Write what is held, then what memories say of each other, now that all are there.

        Raises:
            InvalidInputError: a record does not fit the schema.
        """
        await self.flush()
        self._kind = _LINK
        for start in range(0, len(self._links), _AT_ONCE):
            await self._write(_LINK, self._links[start : start + _AT_ONCE])
        return self.report()

    async def _write(self, kind: str, page: list[dict[str, Any]]) -> None:
        row = await self._context.row()
        try:
            async with self._context.transaction() as (connection, space):
                await self._context.hold(connection, space)
                made = 0
                for sql in _WRITES[kind]:
                    found = await database.rows(
                        connection, sql, space=space.id, generation=space.generation, language=space.language,
                        width=row.width, fresh=space.vector_index, batch=json.dumps(page, ensure_ascii=False),
                    )  # fmt: skip
                    made = made or len(found)
        except StoreUnavailableError:
            raise
        except DBAPIError as error:
            checker = self._context.checker()
            checker.fault(f"lines {self._first_line} and on", f"cannot be stored: {_brief(error)}")
            checker.done()
        else:
            self._new[kind] += made
            self._given[kind] += len(page)

    def report(self) -> ImportReport:
        """What came in."""
        return ImportReport(
            memories=self._new["memory"],
            skipped=sum(self._given[kind] - self._new[kind] for kind in self._given if kind != _LINK),
            associations=self._new["association"],
            patterns=self._new["pattern"],
            experiences=self._new["experience"],
            snapshots=self._new["state"] + self._new["identity"],
        )


def _brief(error: DBAPIError) -> str:
    return str(error.orig).split(":", 1)[-1].strip().splitlines()[0][:200]


_RECORDS = "jsonb_populate_recordset(NULL::echo.{table}, CAST(CAST(:batch AS text) AS jsonb))"
# Every statement takes every parameter, and PostgreSQL wants to see each used.
_UNUSED = (
    "CAST(:generation AS integer) IS NOT NULL AND CAST(:language AS text) IS NOT NULL "
    "AND CAST(:width AS integer) IS NOT NULL AND CAST(:fresh AS boolean) IS NOT NULL"
)
_MEMORIES = f"""
WITH given AS (
    SELECT r.*, to_tsvector(CAST(:language AS regconfig), r.content || ' ' || r.context) AS stems
    FROM {_RECORDS.format(table="memories")} r WHERE {_UNUSED}
), arrived AS (
    INSERT INTO echo.memories (
        space_id, id, kind, tier, state, content, context, terms, words, importance, valence, arousal, dominance,
        complexity, strength, access_count, accessed_at, occurred_at, recorded_at, changed_at, valid_from, valid_to,
        examined_at, source, session, source_ids, provenance, tags, metadata
    )
    SELECT CAST(:space AS bigint), id, kind, tier, state, content, context, stems,
        (SELECT COALESCE(sum(cardinality(t.positions)), 0) FROM unnest(stems) t),
        importance, valence, arousal, dominance, complexity, strength, access_count, accessed_at, occurred_at,
        recorded_at, changed_at, valid_from, valid_to,
        COALESCE(examined_at, CASE state WHEN 'merged' THEN changed_at END),
        source, session, source_ids, provenance, tags, metadata
    FROM given ON CONFLICT DO NOTHING
    RETURNING id, terms, words, state
), worded AS (
    INSERT INTO echo.postings (space_id, stem, memory_id, frequency, words)
    SELECT CAST(:space AS bigint), t.lexeme, a.id, cardinality(t.positions), a.words
    FROM arrived a, unnest(a.terms) t WHERE a.state = 'live'
)
SELECT id FROM arrived
"""
_VECTORS = f"""
INSERT INTO echo.embeddings (space_id, memory_id, generation, live, fresh, embedding)
SELECT CAST(:space AS bigint), g.id, CAST(:generation AS integer), m.state = 'live', CAST(:fresh AS boolean),
    CAST(g.embedding AS vector)
FROM jsonb_to_recordset(CAST(CAST(:batch AS text) AS jsonb)) AS g (id uuid, embedding text)
JOIN echo.memories m ON m.space_id = CAST(:space AS bigint) AND m.id = g.id
WHERE g.embedding IS NOT NULL AND vector_dims(CAST(g.embedding AS vector)) = CAST(:width AS integer) AND {_UNUSED}
ON CONFLICT DO NOTHING RETURNING memory_id
"""
_LINKS = f"""
UPDATE echo.memories AS m SET supersedes = g.supersedes, merged_into = g.merged_into
FROM jsonb_to_recordset(CAST(CAST(:batch AS text) AS jsonb)) AS g (id uuid, supersedes uuid, merged_into uuid)
WHERE m.space_id = CAST(:space AS bigint) AND m.id = g.id AND {_UNUSED}
    AND (g.supersedes IS NOT NULL OR g.merged_into IS NOT NULL)
RETURNING m.id
"""


def _plain(table: str, columns: str, same: str = "false", values: str = "") -> str:
    return f"""
INSERT INTO echo.{table} (space_id, {columns})
SELECT CAST(:space AS bigint), {values or columns} FROM {_RECORDS.format(table=table)} WITH ORDINALITY r
WHERE {_UNUSED} AND NOT EXISTS (
    SELECT FROM echo.{table} t WHERE t.space_id = CAST(:space AS bigint) AND {same}
)
ORDER BY r.ordinality
ON CONFLICT DO NOTHING RETURNING 1
"""


# These have numbers of the store's own, which another store gives to others.
_SAME_SNAPSHOT = "t.taken_at = r.taken_at AND t.content = r.content"
_SAME_ENTRY = "(t.memory_id, t.action, t.at) = (r.memory_id, r.action, r.at)"
_SNAPSHOT = "taken_at, coherence, content, reason"
_WRITES: dict[str, tuple[str, ...]] = {
    "memory": (_MEMORIES, _VECTORS),
    "association": (_plain("associations", "source, target, kind, weight, strengthened, created_at, activated_at"),),
    "pattern": (
        _plain(
            "patterns",
            "id, kind, signature, tier, strength, frequency, positives, confidence, first_seen, last_seen, source_ids",
        ),
    ),
    "experience": (
        _plain("experiences", "id, input, output, feedback, context, memory_ids, occurred_at, consolidated_at"),
    ),
    "state": (_plain("cognitive_states", _SNAPSHOT, _SAME_SNAPSHOT),),
    "identity": (_plain("identity_snapshots", _SNAPSHOT, _SAME_SNAPSHOT),),
    _LINK: (_LINKS,),
    "goal": (_plain("goals", "id, text, priority, progress, state, created_at, updated_at"),),
    "conversation": (
        # Exports of before name no owner.
        _plain(
            "conversations",
            "id, title, model, turns, started_at, updated_at, owner",
            values="id, title, model, turns, started_at, updated_at, COALESCE(owner, '')",
        ),
    ),
    "turn": (
        # Exports of before name no request.
        _plain(
            "turns",
            "conversation, number, role, content, at, recalled, request",
            values="conversation, number, role, content, at, recalled, COALESCE(request, '')",
        ),
    ),
    "judgement": (_plain("judgements", "turn, value, reason, revision, moved, experience, conversation, at"),),
    "log": (_plain("forgetting_log", "memory_id, action, reason, retention, at", _SAME_ENTRY),),
}
_KNOWN = [kind for kind in _WRITES if kind != _LINK]
