"""Our reading of names beside that of a real Ollama server.

Proves: for some thousand short texts over the characters that matter, and at the limits of length, we take
for legal what the server takes for legal, and shorten names as it does. Does not prove it for other versions.
"""

from __future__ import annotations

import random

import httpx
import pytest

from ollama import ConfigurationError, ModelName
from tests.ollama.conftest import Rig
from tests.support.tiny_model import create_tiny

pytestmark = [pytest.mark.ollama, pytest.mark.anyio]

LIMITS = [
    *("a" * 80, "a" * 81, "a:" + "b" * 80, "a:" + "b" * 81, "n" * 80 + "/a", "n" * 81 + "/a"),
    *("h" * 350 + "/n/a", "h" * 351 + "/n/a", "größe", "\uff41", "a\u0301", "https://h/n/a", "x://h/n/a:t", "a\n"),
]


def legal(text: str) -> bool:
    try:
        ModelName.parse(text)
    except ConfigurationError:
        return False
    return True


async def test_we_and_the_server_agree_on_what_is_legal(rig: Rig) -> None:
    noise = random.Random(20)  # noqa: S311 - texts, not secrets
    texts = ["".join(noise.choices("aA0_-.:/@ ", k=noise.randint(1, 9))) for _ in range(1000)]
    both: dict[bool, int] = {True: 0, False: 0}
    async with httpx.AsyncClient(base_url=rig.server.url, trust_env=False) as http:
        for text in [*LIMITS, *texts]:
            answer = await http.post("/api/copy", json={"source": text, "destination": "other"})
            # 404 is a legal name of no model; 500 one that the file system cannot hold (a host of 256 or more).
            assert answer.status_code in (400, 404, 500)
            assert legal(text) is (answer.status_code != 400), f"{text!r}: the server says {answer.text}"
            both[legal(text)] += 1
    assert min(both.values()) > 100, f"the texts show too little of one side: {both}"


async def test_we_and_the_server_shorten_names_alike(rig: Rig) -> None:
    texts = ["b", "Lib/c", "library/d:X", "h.io/library/e", "registry.ollama.ai/library/f", "REGISTRY.ollama.ai/g/h:1"]
    create_tiny(rig.server.url, "a:1")
    for text in texts:
        assert await rig.client.copy("a:1", text)
    assert set(await rig.names()) == {"a:1", *(ModelName.parse(text).short for text in texts)}
