"""HNSW indexes: one for each large space, built beside running reads and writes.

A small space is searched one vector at a time, which is exact and quick. An index that many spaces share would be
filtered after it is scanned, and bring a small space too little; so each index holds one space alone. It is made by
the schema's owner, since the service's role may not change the schema.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from echo.driver import Connection

AT_LEAST = 10_000
"""Vectors from which on a space gets an index."""
M = 16
EF_CONSTRUCTION = 200
"""Where a thousand vectors are about as near as each other, pgvector's 64 loses one of the ten nearest in twenty, of a
million vectors three in twenty, however far a search looks. This takes about twice as long and no more room."""
_LOCK = 0x6563686F_696E6478


async def build(
    connection: Connection,
    *,
    at_least: int = AT_LEAST,
    memory: str = "1GB",
    workers: int = 2,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Build what is missing, mend what a kill left half-built; returns the names of the spaces.

    Args:
        connection: of the schema's owner, not in a transaction.
        at_least: vectors from which on a space gets an index.
        memory: what one build may take (maintenance_work_mem); a graph that does not fit is built many times slower.
        workers: processes that help with one build.
        say: told of each index.
    """
    done: list[str] = []
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute("SELECT set_config('maintenance_work_mem', $1, false)", memory)
        await connection.execute("SELECT set_config('max_parallel_maintenance_workers', $1, false)", str(workers))
        await _drop_dead(connection, say)
        for space in await connection.fetch(
            "SELECT id, name, width, generation, vector_index FROM echo.spaces ORDER BY id"
        ):
            await connection.execute("SELECT set_config('echo.space', $1, false)", str(space["id"]))
            held = int(await connection.fetchval("SELECT COALESCE(sum(memories), 0) FROM echo.counters"))
            if held < at_least:
                continue
            now = _Wanted(space["name"], space["id"], space["generation"], space["width"], held)
            done += await _bring(connection, now, say)
            await connection.execute(
                "UPDATE echo.spaces SET vector_index = true WHERE id = $1 AND generation = $2 AND NOT vector_index",
                space["id"], space["generation"],
            )  # fmt: skip
            # A space on its way to another model switches once its new vectors have an index too.
            ahead = await connection.fetchrow("SELECT generation, width, done FROM echo.reembeddings")
            if ahead is not None and ahead["done"] >= held:
                what = f"{space['name']}, its next vectors"
                ahead_of_it = _Wanted(what, space["id"], ahead["generation"], ahead["width"], held)
                done += await _bring(connection, ahead_of_it, say)
    finally:
        await connection.execute("SELECT set_config('echo.space', '', false)")
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return done


@dataclass(frozen=True)
class _Wanted:
    """An index that there is to be."""

    what: str
    space: int
    generation: int
    width: int
    held: int

    @property
    def name(self) -> str:
        return f"embeddings_hnsw_{self.space}_{self.generation}"


async def _bring(connection: Connection, wanted: _Wanted, say: Callable[[str], None]) -> list[str]:
    """Build an index, unless it is there; returns what was built."""
    if await connection.fetchval(
        "SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass('echo.' || $1)", wanted.name
    ):
        return []
    say(f"building the index of {wanted.what} ({wanted.held} memories)")
    # What a build that was cut short leaves is invalid and only costs.
    await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS echo.{wanted.name}")
    await connection.execute(_create(wanted))
    return [wanted.what]


async def _drop_dead(connection: Connection, say: Callable[[str], None]) -> None:
    """Drop the indexes of deleted spaces and of replaced vectors: every write looks at them."""
    spaces = {row["id"]: row["generation"] for row in await connection.fetch("SELECT id, generation FROM echo.spaces")}
    for row in await connection.fetch(_OURS):
        name = str(row["name"])
        space, generation = (int(part) for part in name.removeprefix("embeddings_hnsw_").split("_"))
        if space not in spaces or generation < spaces[space]:
            say(f"dropping {name}, which nothing needs")
            await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS echo.{name}")


def _create(wanted: _Wanted) -> str:
    return (
        f"CREATE INDEX CONCURRENTLY {wanted.name} ON echo.embeddings "
        f"USING hnsw ((embedding::halfvec({int(wanted.width)})) halfvec_cosine_ops) "
        f"WITH (m = {M}, ef_construction = {EF_CONSTRUCTION}) "
        f"WHERE space_id = {int(wanted.space)} AND generation = {int(wanted.generation)} AND live AND NOT fresh"
    )


_OURS = r"""
SELECT indexname AS name FROM pg_indexes
WHERE schemaname = 'echo' AND tablename = 'embeddings' AND indexname ~ '^embeddings_hnsw_\d+_\d+$' ORDER BY 1
"""
