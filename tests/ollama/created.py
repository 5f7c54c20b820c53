"""What the tests of created models share."""

from __future__ import annotations

import re

import pytest

from ollama import EnsureFailed, OllamaError, WantedModel, ensure
from ollama.document import Recipe
from tests.ollama.conftest import QUICK, Rig


def made(recipe: Recipe, name: str = "mine:1", **more: object) -> WantedModel:
    """Return the wish for a model that is made."""
    return WantedModel(name, create=recipe, **more)  # pyright: ignore[reportArgumentType]


async def failure_of(rig: Rig, *wanted: WantedModel) -> OllamaError:
    """Ensure, and return the one failure."""
    with pytest.raises(EnsureFailed) as caught:
        await ensure(rig.client, wanted, policy=QUICK)
    (failure,) = caught.value.failures
    return failure


def creations(rig: Rig) -> int:
    """Return how many times the server was asked to make a model."""
    return len(re.findall(r'POST +"/api/create"', (rig.server.models.parent / "ollama.log").read_text()))


async def shown(rig: Rig, name: str = "mine:1") -> str:
    """Return the model's Modelfile."""
    info = await rig.client.show(name)
    assert info is not None
    return info.modelfile


async def answer(rig: Rig, name: str = "mine:1") -> None:
    """Have the model answer, which raises when it cannot be run; of random weights the answer may be empty."""
    async for _ in rig.client.generate(name, "ab", num_predict=3):
        pass
