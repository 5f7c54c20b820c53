"""Asynchronous tests run on asyncio alone, as the agent does."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
