"""The client's other calls against a real Ollama server and a tiny model of random weights.

Proves: shapes of requests and answers, that answers stream and end, and the errors of absent models.
Does not prove: that a model's answers make sense.
"""

from __future__ import annotations

import math

import pytest

from ollama import OllamaError, preflight
from tests.ollama.conftest import Rig
from tests.support.tiny_model import create_tiny

pytestmark = [pytest.mark.ollama, pytest.mark.anyio]


async def test_a_model_answers(rig: Rig) -> None:
    weights = create_tiny(rig.server.url, "tiny:1")
    written = [piece async for piece in rig.client.generate("tiny:1", "abe", num_predict=6)]
    assert 1 <= len(written) <= 6
    said = rig.client.chat("tiny:1", [{"role": "user", "content": "abe"}])
    async for piece in said:
        assert piece
        break
    await said.aclose()
    (first, second) = await rig.client.embed("tiny:1", ["abe", "fo fo"])
    assert len(first) == len(second) == 64
    assert math.isclose(math.hypot(*first), 1.0, rel_tol=1e-3)
    assert [running.name for running in await rig.client.ps()] == ["tiny:1"]
    info = await rig.client.show("tiny:1")
    assert info is not None
    assert info.weight_blobs == [weights]
    assert info.capabilities == ["completion"]
    assert await rig.client.has_blob(weights)
    assert not await rig.client.has_blob("sha256:" + "0" * 64)


async def test_absent_models(rig: Rig) -> None:
    assert await preflight(rig.client)
    assert await rig.client.tags() == []
    assert await rig.client.ps() == []
    assert await rig.client.show("none:1") is None
    assert await rig.client.copy("none:1", "other:1") is False
    assert await rig.client.delete("none:1") is False
    with pytest.raises(OllamaError, match="none:1") as caught:
        await rig.client.embed("none:1", ["x"])
    assert caught.value.kind == "configuration"
    with pytest.raises(OllamaError, match="not found"):
        await anext(rig.client.chat("none:1", []))
