"""One place that all tests of the page share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.view.place import Place, place

MEMORIES = 120


@pytest.fixture(scope="session")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The page on a space with some memories."""
    with place(tmp_path_factory.mktemp("view"), memories=MEMORIES) as found:
        yield found
