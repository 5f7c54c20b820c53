"""What may be said of the echo service's memory and of the spaces of keys, and how each mistake is told."""

from typing import Any

import pytest

from tests.support.settings_cases import refusal

EMBEDDER = {"model": "all-minilm:22m", "width": 384}


def echo(**changes: Any) -> dict[str, Any]:
    return {"echo": {"enabled": True, **changes}}


CASES: list[tuple[dict[str, Any], str]] = [
    ({"memory": {}}, "echo.memory.embedder"),
    ({"memory": {"embedder": {"model": "", "width": 384}}}, "echo.memory.embedder.model: is empty"),
    ({"memory": {"embedder": {"model": "m", "width": 0}}}, "echo.memory.embedder.width: must be from 1 to 4000, not 0"),
    ({"memory": {"embedder": EMBEDDER, "port": 70000}}, "echo.memory.port: must be from 1 to 65535"),
    ({"memory": {"embedder": EMBEDDER, "urlSecret": "A"}}, "echo.memory.urlSecret: `A` is no legal name"),
    ({"keys": [{"name": "a", "spaces": ["Home"]}]}, "echo.keys[0].spaces[0]: `Home` is no name of a memory space"),
    ({"keys": [{"name": "a", "spaces": ["home"], "space": "work"}]}, "`work` is not among `spaces`"),
]


@pytest.mark.parametrize(("changes", "told"), CASES)
def test_each_mistake_is_the_only_fault(changes: dict[str, Any], told: str) -> None:
    found = refusal(echo(**changes))
    assert len(found) == 1, found
    assert told in found[0]
