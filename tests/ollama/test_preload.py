"""Loading wanted models into the memory of a real Ollama server.

Proves: what is wanted in memory is loaded once, for as long as asked; models that share weights share a place; those
that push each other out are told and do not take turns; embedding models load too. Does not prove: real limits of
memory, which OLLAMA_MAX_LOADED_MODELS stands for here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from ollama import EnsureFailed, OllamaClient, Preloader, PullEvent, ResourceError, WantedModel, ensure, preload
from ollama.document import Recipe
from tests.ollama.conftest import QUICK
from tests.support.ollama_process import OllamaProcess
from tests.support.tiny_model import tiny_gguf

pytestmark = [pytest.mark.ollama, pytest.mark.anyio]


@pytest.fixture
async def one_place(start_ollama: Callable[..., OllamaProcess]) -> AsyncIterator[OllamaClient]:
    """A server that holds one model in memory at a time."""
    server = start_ollama(env={"OLLAMA_MAX_LOADED_MODELS": "1"})
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        yield OllamaClient(http, "chat-0")


@pytest.fixture
async def client(start_ollama: Callable[..., OllamaProcess]) -> AsyncIterator[OllamaClient]:
    async with httpx.AsyncClient(base_url=start_ollama().url, trust_env=False) as http:
        yield OllamaClient(http, "chat-0")


def models(tmp_path: Path, *seeds: int) -> list[WantedModel]:
    found: list[WantedModel] = []
    for seed in seeds:
        path = tmp_path / f"{seed}.gguf"
        path.write_bytes(tiny_gguf(seed))
        found.append(WantedModel(f"m{seed}:1", create=Recipe(files=str(path)), preload=True))
    return found


async def loaded(client: OllamaClient) -> dict[str, str]:
    return {model.name: model.expires_at for model in await client.ps()}


async def test_loaded_once_and_for_as_long_as_asked(client: OllamaClient, tmp_path: Path) -> None:
    first, second, third = models(tmp_path, 1, 2, 3)
    wanted = [replace(first, keep_alive="-1"), replace(second, keep_alive="24h"), replace(third, preload=False)]
    await ensure(client, wanted, policy=QUICK)
    events: list[PullEvent] = []
    preloader = Preloader(client, on_event=events.append)
    assert await preloader.look(wanted) == ["m1:1", "m2:1"]
    assert [(event.model, event.phase) for event in events] == [("m1:1", "loading"), ("m2:1", "loading")]
    expires = await loaded(client)
    assert set(expires) == {"m1:1", "m2:1"}
    assert expires["m1:1"] > "2200", "for ever"
    assert expires["m2:1"] < "2200"
    assert await preloader.look(wanted) == []
    assert await loaded(client) == expires
    await client.unload("m1:1")
    # The server answers before the model has gone.
    for _ in range(200):
        if "m1:1" not in await loaded(client):
            break
        await asyncio.sleep(0.05)
    assert await preload(client, wanted) == ["m1:1"]


async def test_models_that_share_weights_share_a_place(one_place: OllamaClient, tmp_path: Path) -> None:
    (base,) = models(tmp_path, 1)
    derived = WantedModel("derived:1", create=Recipe(from_model="m1:1", system="a"), preload=True)
    wanted = [replace(base, aliases=("also:1",)), derived]
    await ensure(one_place, wanted, policy=QUICK)
    preloader = Preloader(one_place)
    assert await preloader.look(wanted) == ["m1:1", "derived:1"]
    assert set(await loaded(one_place)) == {"m1:1"}
    assert await preloader.look(wanted) == []


@pytest.mark.parametrize("why", ["no room", "other options"])
async def test_models_that_push_each_other_out_do_not_take_turns(
    one_place: OllamaClient, tmp_path: Path, why: str
) -> None:
    if why == "no room":
        wanted = models(tmp_path, 1, 2)
    else:
        recipe = Recipe(from_model="m1:1", parameters={"num_ctx": 64})
        wanted = [*models(tmp_path, 1), WantedModel("m2:1", create=recipe, preload=True)]
    await ensure(one_place, wanted, policy=QUICK)
    preloader = Preloader(one_place)
    with pytest.raises(EnsureFailed) as caught:
        await preloader.look(wanted)
    (failure,) = caught.value.failures
    assert isinstance(failure, ResourceError)
    assert (failure.replica, failure.model) == ("chat-0", "m2:1")
    assert "loading this one put `m1:1` out" in failure.message
    # The second look brings the first one back; from then on nothing moves.
    with pytest.raises(EnsureFailed):
        await preloader.look(wanted)
    for _ in range(3):
        before = await loaded(one_place)
        with pytest.raises(EnsureFailed, match="do not fit into memory together"):
            await preloader.look(wanted)
        assert await loaded(one_place) == before
    assert await preloader.look(wanted[:1]) in ([], ["m1:1"])
    assert set(await loaded(one_place)) == {"m1:1"}


async def test_a_model_that_is_not_there_is_told(client: OllamaClient) -> None:
    with pytest.raises(EnsureFailed, match="`none:1`"):
        await preload(client, [WantedModel("none:1", "none:1", preload=True)])
