"""A whole space as lines of JSON, and back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any, cast

from echo.memory import database
from echo.memory.context import Context
from echo.memory.errors import EmbeddingMismatchError
from echo.memory.importing import Importer
from echo.memory.records import ImportReport

FORMAT = "echo-memory"
VERSION = 1
_AT_ONCE = 500


async def export(context: Context) -> AsyncIterator[str]:
    """The space's lines: a header, memories, associations, patterns, experiences, snapshots, log, end."""
    # All pages of one moment, or an edge could name a memory that the export lacks.
    async with context.transaction(snapshot=True) as (connection, row):
        await database.run(connection, _PATIENCE)
        yield _line(
            "header", format=FORMAT, version=VERSION, space=row.name, model=row.embedding_model, width=row.width,
            language=row.language,
        )  # fmt: skip
        counts: dict[str, int] = {}
        for kind, sql in _PAGES.items():
            last = ""
            counts[kind] = 0
            while True:
                found = await database.rows(
                    connection, sql, space=row.id, generation=row.generation, last=last, count=_AT_ONCE
                )
                for one in found:
                    yield _line(kind, **json.loads(one.body))
                counts[kind] += len(found)
                if len(found) < _AT_ONCE:
                    break
                last = str(found[-1].place)
        yield _line("end", **counts)


async def import_lines(context: Context, lines: AsyncIterable[str] | Iterable[str]) -> ImportReport:
    """Take in an export; what is there already stays as it is."""
    importer = Importer(context)
    number = 0
    async for line in _each(lines):
        number += 1
        record = _parse(context, line, number)
        if number == 1:
            await _check_header(context, record)
        elif record["type"] == "end":
            break
        else:
            await importer.take(record, number)
    else:
        checker = context.checker()
        checker.fault(f"line {number}", "is the last one, but no `end`: the export was cut short")
        # What came is whole and stays; a repeat of the whole export goes on from there.
        await importer.finish()
        checker.done()
    return await importer.finish()


async def _check_header(context: Context, record: dict[str, Any]) -> None:
    checker = context.checker()
    if record["type"] != "header" or record.get("format") != FORMAT or record.get("version") != VERSION:
        checker.fault("line 1", f"is no header of an export in format {FORMAT} version {VERSION}")
    checker.done()
    row = await context.row()
    if (record.get("model"), record.get("width")) != (row.embedding_model, row.width):
        raise EmbeddingMismatchError(
            f"the export has vectors of {record.get('model')} ({record.get('width')} dimensions), the space "
            f"{row.name!r} has {row.embedding_model} ({row.width}): import into a space of the same model"
        )


def _parse(context: Context, line: str, number: int) -> dict[str, Any]:
    checker = context.checker()
    try:
        record: object = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict) or not isinstance(cast("dict[str, object]", record).get("type"), str):
        checker.fault(f"line {number}", "is no JSON object with a `type`")
    checker.done()
    return cast("dict[str, Any]", record)


async def _each(lines: AsyncIterable[str] | Iterable[str]) -> AsyncIterator[str]:
    if isinstance(lines, AsyncIterable):
        async for line in lines:
            yield line
    else:
        for line in lines:
            yield line


# Whoever takes the lines may be slow between two pages.
_PATIENCE = "SET LOCAL idle_in_transaction_session_timeout = '10min'"


def _line(kind: str, /, **body: Any) -> str:
    return json.dumps({"type": kind, **body}, ensure_ascii=False, sort_keys=True)


def _page(table: str, place: str, *, body: str = "to_jsonb(x) - 'space_id'", join: str = "") -> str:
    return (
        f"SELECT {place}::text AS place, ({body})::text AS body FROM echo.{table} x {join} "
        "WHERE x.space_id = CAST(:space AS bigint) AND CAST(:generation AS integer) IS NOT NULL "
        f'AND {place}::text COLLATE "C" > CAST(:last AS text) COLLATE "C" '
        f'ORDER BY {place}::text COLLATE "C" LIMIT CAST(:count AS integer)'
    )


_VECTORS = (
    "LEFT JOIN echo.embeddings e ON e.space_id = x.space_id AND e.memory_id = x.id "
    "AND e.generation = CAST(:generation AS integer)"
)
_PAGES = {
    "memory": _page(
        "memories", "x.id", join=_VECTORS,
        body="to_jsonb(x) - 'space_id' - 'terms' - 'words' || jsonb_build_object('embedding', e.embedding::text)",
    ),
    "association": _page("associations", "(x.source::text || x.target::text || x.kind)"),
    "pattern": _page("patterns", "x.id"),
    "experience": _page("experiences", "x.id"),
    "state": _page("cognitive_states", "lpad(x.id::text, 20, '0')"),
    "identity": _page("identity_snapshots", "lpad(x.id::text, 20, '0')"),
    "goal": _page("goals", "x.id"),
    "conversation": _page("conversations", "x.id"),
    "turn": _page("turns", "(x.conversation || ' ' || lpad(x.number::text, 10, '0'))"),
    "judgement": _page("judgements", "x.turn"),
    "log": _page("forgetting_log", "lpad(x.id::text, 20, '0')"),
}  # fmt: skip
