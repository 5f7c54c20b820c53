"""HNSW indexes: one for each large space, built beside running reads and writes.

A small space is searched one vector at a time, which is exact and quick. An index that many spaces share would be
filtered after it is scanned, and bring a small space too little; so each index holds one space alone. It is made by
the schema's owner, since the service's role may not change the schema.
"""

from __future__ import annotations

from collections.abc import Callable

from echo.driver import Connection

AT_LEAST = 10_000
"""Vectors from which on a space gets an index."""
M = 16
EF_CONSTRUCTION = 64
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
        for space in await connection.fetch(
            "SELECT id, name, width, generation, vector_index FROM echo.spaces ORDER BY id"
        ):
            name = f"embeddings_hnsw_{space['id']}_{space['generation']}"
            whole = await connection.fetchval(
                "SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass('echo.' || $1)", name
            )
            if whole and space["vector_index"]:
                continue
            await connection.execute("SELECT set_config('echo.space', $1, false)", str(space["id"]))
            held = await connection.fetchval("SELECT COALESCE(sum(memories), 0) FROM echo.counters")
            if held < at_least:
                continue
            if not whole:
                say(f"building the index of {space['name']} ({held} memories)")
                # What a build that was cut short leaves is invalid and only costs.
                await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS echo.{name}")
                await connection.execute(_create(name, space["id"], space["generation"], space["width"]))
            await connection.execute("UPDATE echo.spaces SET vector_index = true WHERE id = $1", space["id"])
            done.append(space["name"])
    finally:
        await connection.execute("SELECT set_config('echo.space', '', false)")
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return done


def _create(name: str, space: int, generation: int, width: int) -> str:
    return (
        f"CREATE INDEX CONCURRENTLY {name} ON echo.embeddings "
        f"USING hnsw ((embedding::halfvec({int(width)})) halfvec_cosine_ops) "
        f"WITH (m = {M}, ef_construction = {EF_CONSTRUCTION}) "
        f"WHERE space_id = {int(space)} AND generation = {int(generation)} AND live AND NOT fresh"
    )
