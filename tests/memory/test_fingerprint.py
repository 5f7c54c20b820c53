"""What a drill compares stores by, asked of the real schema: rows, hashes, and what remembered vectors find.

Not proved: that a restored store gives the same; `make drill OF=memory` shows that.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.memory import fingerprint
from cli.memory.fingerprint import Fingerprint, differences
from echo.driver import connect
from echo.memory import MemorySpace, NewMemory
from tests.memory.conftest import Urls

pytestmark = pytest.mark.anyio

SQL = Path(fingerprint.__file__).with_suffix(".sql").read_text(encoding="utf-8")


async def take(urls: Urls) -> Fingerprint:
    connection = await connect(urls.superuser, timeout=30)
    try:
        found: dict[str, Any] = json.loads(await connection.fetchval(SQL))
        return Fingerprint.of(found)
    finally:
        await connection.close()


async def test_it_tells_what_is_there_and_what_changed(space: MemorySpace, urls: Urls) -> None:
    await space.encode([NewMemory(content=f"the {number}. thing that happened") for number in range(12)])
    before = await take(urls)
    assert before.tables["echo.memories"][0] == 12
    assert before.samples["echo.embeddings.embedding"][0] == 5
    assert differences(before, await take(urls)) == []
    connection = await connect(urls.superuser, timeout=30)
    try:
        await connection.execute("UPDATE echo.memories SET content = content || '!' WHERE content LIKE 'the 3.%'")
        # What the vectors find may change only with the vectors.
        changed = await take(urls)
        assert differences(before, changed) == ["echo.memories: 12 rows in both, with other contents"]
        await connection.execute(
            "DELETE FROM echo.embeddings WHERE ctid IN (SELECT ctid FROM echo.embeddings ORDER BY ctid LIMIT 6)"
        )
    finally:
        await connection.close()
    told = differences(before, await take(urls))
    assert "echo.embeddings: 12 rows in the source, 6 in the copy" in told
    assert "echo.embeddings.embedding: the same question finds other memories" in told
