"""Models made on a real Ollama server: from a base, from GGUF, from Safetensors, with an adapter, quantized.

Proves: what a recipe says is what the server has; what is as the ledger says is not made again; a changed base,
recipe or file is; what works stays until the new one is there. Does not prove: large models,
other architectures than llama, GPUs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from ollama import (
    ConfigurationError,
    EnsureFailed,
    MemoryLedger,
    OllamaClient,
    ensure,
    observe,
)
from ollama.document import Message, Recipe
from tests.ollama.conftest import QUICK, Rig
from tests.ollama.created import answer, creations, made, shown
from tests.ollama.tiny_folders import tiny_projector, write_adapter, write_llama
from tests.support.ollama_process import OllamaProcess
from tests.support.tiny_model import PushedModel, tiny_gguf

pytestmark = [pytest.mark.ollama, pytest.mark.anyio]


async def test_from_a_base_with_all_that_a_recipe_has(rig: Rig, one: PushedModel) -> None:
    recipe = Recipe(
        from_model="tiny:1",
        system="You are Echo.",
        template="{{ .System }} {{ .Prompt }}",
        parameters={"temperature": 0, "num_ctx": 128, "stop": ("X", "Y"), "use_mmap": True},
        messages=(Message(role="user", content="hi"), Message(role="assistant", content="hello")),
        license="MIT",
    )
    ledger = MemoryLedger()
    # The order of the list does not count: the base is brought first.
    wanted = [made(recipe), rig.wanted(one)]
    states = await ensure(rig.client, wanted, policy=QUICK, on_event=rig.events.append, ledger=ledger)
    assert [(state.name, state.action) for state in states] == [("mine:1", "created"), ("tiny:1", "copied")]
    assert await rig.names() == ["mine:1", "tiny:1"]
    text = await shown(rig)
    for part in ("You are Echo.", "{{ .System }} {{ .Prompt }}", "temperature 0", "num_ctx 128", "MESSAGE user hi"):
        assert part in text
    for part in ("stop X", "stop Y", "use_mmap true", "MIT", one.weights.replace(":", "-")):
        assert part in text
    await answer(rig)
    assert {"creating", "copying", "ready"} <= {event.phase for event in rig.events if event.model == "mine:1"}

    rig.events.clear()
    again = await ensure(rig.client, wanted, policy=QUICK, on_event=rig.events.append, ledger=ledger)
    assert [state.action for state in again] == ["present", "present"]
    assert [event.phase for event in rig.events] == ["ready", "ready"]
    assert creations(rig) == 1, "nothing was made again"
    assert [state.digest for state in again] == [state.digest for state in states]


async def test_without_a_ledger_it_is_made_again_and_nothing_changes(rig: Rig, one: PushedModel) -> None:
    wanted = [rig.wanted(one), made(Recipe(from_model="tiny:1", system="a"))]
    first = await ensure(rig.client, wanted, policy=QUICK)
    again = await ensure(rig.client, wanted, policy=QUICK)
    assert [state.action for state in again] == ["present", "present"]
    assert again[1].digest == first[1].digest
    pinned = [wanted[0], replace(wanted[1], digest=first[1].digest)]
    count = len(list(rig.server.models.rglob("blobs/*")))
    await ensure(rig.client, pinned, policy=QUICK)
    assert creations(rig) == 2, "a pinned digest that is there needs no making"
    assert len(list(rig.server.models.rglob("blobs/*"))) == count


async def test_a_changed_recipe_or_base_makes_it_anew_and_leaves_no_blob_behind(
    rig: Rig, one: PushedModel, two: PushedModel
) -> None:
    ledger = MemoryLedger()
    base = rig.wanted(one)
    recipe = Recipe(from_model="tiny:1", system="first")
    first = await ensure(rig.client, [base, made(recipe)], policy=QUICK, ledger=ledger)
    second = await ensure(
        rig.client, [base, made(recipe.model_copy(update={"system": "second"}))], policy=QUICK, ledger=ledger
    )
    assert (second[1].action, second[0].action) == ("created", "present")
    assert second[1].digest != first[1].digest
    assert "second" in await shown(rig)
    recipe = recipe.model_copy(update={"system": "second"})
    third = await ensure(rig.client, [rig.wanted(two), made(recipe)], policy=QUICK, ledger=ledger)
    assert [state.action for state in third] == ["copied", "created"]
    assert two.weights.replace(":", "-") in await shown(rig)
    assert not rig.server.blob(one.weights).exists(), "nothing holds the old base's weights any more"
    assert await rig.names() == ["mine:1", "tiny:1"]
    manifests = [path for path in rig.server.models.rglob("manifests/**/*") if path.is_file()]
    used = {digest for path in manifests for digest in _digests(path)}
    assert {path.name for path in (rig.server.models / "blobs").iterdir()} == used


def _digests(manifest: Path) -> set[str]:
    text = manifest.read_text()
    return {part[:64].join(("sha256-", "")) for part in text.split('"digest":"sha256:')[1:]}


async def test_an_outside_change_is_mended(rig: Rig, one: PushedModel) -> None:
    ledger = MemoryLedger()
    wanted = [rig.wanted(one), made(Recipe(from_model="tiny:1", system="ours"))]
    states = await ensure(rig.client, wanted, policy=QUICK, ledger=ledger)
    assert [line async for line in rig.client.create("mine:1", {"from": "tiny:1", "system": "theirs"})]
    assert "theirs" in await shown(rig)
    again = await ensure(rig.client, wanted, policy=QUICK, ledger=ledger)
    assert (again[1].action, again[1].digest) == ("created", states[1].digest)
    assert "ours" in await shown(rig)


@pytest.mark.parametrize("at_once", [True, False])
async def test_weights_that_all_share_and_are_damaged_are_mended(rig: Rig, one: PushedModel, *, at_once: bool) -> None:
    ledger = MemoryLedger()
    wanted = [
        replace(rig.wanted(one), aliases=("other:1",)),
        made(Recipe(from_model="tiny:1", system="a"), aliases=("me:1",)),
    ]
    first = await ensure(rig.client, wanted, policy=QUICK, ledger=ledger)
    blob = rig.server.blob(one.weights)
    blob.write_bytes(blob.read_bytes()[:1000])
    if not at_once:
        await ensure(rig.client, wanted[:1], policy=QUICK, ledger=ledger)
    again = await ensure(rig.client, wanted, policy=QUICK, ledger=ledger)
    assert [state.digest for state in again] == [state.digest for state in first]
    assert blob.stat().st_size == one.size
    assert await rig.names() == ["me:1", "mine:1", "other:1", "tiny:1"]
    assert await observe(rig.client, "me:1") is not None


async def test_gguf_file_folder_and_the_hash_that_is_kept(rig: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    file = folder / "tiny.gguf"
    file.write_bytes(tiny_gguf(5))
    (folder / "README.md").write_text("not weights")
    ledger = MemoryLedger()
    by_folder = await ensure(
        rig.client,
        [made(Recipe(files=str(folder)), "a:1")],
        policy=QUICK,
        ledger=ledger,
        on_event=rig.events.append,
    )
    assert {"hashing", "uploading", "creating"} <= {event.phase for event in rig.events}
    assert max(event.completed for event in rig.events if event.phase == "uploading") == file.stat().st_size
    by_file = await ensure(rig.client, [made(Recipe(files=str(file)), "a:1")], policy=QUICK)
    assert (by_file[0].digest, by_file[0].action) == (by_folder[0].digest, "present")
    await answer(rig, "a:1")

    rig.events.clear()
    await ensure(
        rig.client, [made(Recipe(files=str(folder)), "a:1")], policy=QUICK, ledger=ledger, on_event=rig.events.append
    )
    assert [event.phase for event in rig.events] == ["ready"], "neither hashed nor sent again"
    file.write_bytes(tiny_gguf(6))
    changed = await ensure(rig.client, [made(Recipe(files=str(folder)), "a:1")], policy=QUICK, ledger=ledger)
    assert changed[0].action == "created"
    assert changed[0].digest != by_folder[0].digest


@pytest.mark.parametrize("shards", [1, 2])
async def test_safetensors_are_converted(rig: Rig, tmp_path: Path, shards: int) -> None:
    folder = write_llama(tmp_path / "llama", shards=shards)
    recipe = Recipe(files=str(folder), system="s", parameters={"temperature": 0.5})
    states = await ensure(rig.client, [made(recipe)], policy=QUICK, on_event=rig.events.append)
    assert states[0].action == "created"
    assert "converting model" in {event.detail for event in rig.events}
    assert "temperature 0.5" in await shown(rig)
    await answer(rig)
    assert not list(rig.server.models.glob("ollama-safetensors*"))


async def f16_gguf(rig: Rig, tmp_path: Path) -> Path:
    """Return a GGUF file with 16 bit weights: what the server itself made of Safetensors."""
    recipe = Recipe(files=str(write_llama(tmp_path / "f16")))
    await ensure(rig.client, [made(recipe, "f16:1")], policy=QUICK)
    info = await rig.client.show("f16:1")
    assert info is not None
    path = tmp_path / "f16.gguf"
    path.write_bytes(rig.server.blob(info.weight_blobs[0]).read_bytes())
    return path


@pytest.mark.parametrize("source", ["gguf", "safetensors", "base"])
async def test_quantized(rig: Rig, tmp_path: Path, source: str) -> None:
    path = await f16_gguf(rig, tmp_path)
    wanted = [made(Recipe(files=str(tmp_path / "f16")), "f16:1")]
    if source == "gguf":
        await rig.client.delete("f16:1")
        wanted = []
        recipe = Recipe(files=str(path), quantize="Q8_0")
    elif source == "safetensors":
        recipe = Recipe(files=str(tmp_path / "f16"), quantize="q8_0")
    else:
        recipe = Recipe(from_model="f16:1", quantize="q8_0")
    wanted.append(made(recipe))
    await ensure(rig.client, wanted, policy=QUICK, on_event=rig.events.append)
    assert any(event.phase == "quantizing" and event.total for event in rig.events)
    details = await rig.client.show("mine:1")
    assert details is not None
    assert details.model_info["general.file_type"] == 7, "Q8_0"
    await answer(rig)
    f16 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert rig.server.blob(f"sha256:{f16}").exists() is (source != "gguf"), "weights of no model are gone"


async def test_an_adapter(rig: Rig, tmp_path: Path, one: PushedModel) -> None:
    adapter = write_adapter(tmp_path / "lora")
    recipe = Recipe(from_model="tiny:1", adapter=str(adapter))
    ledger = MemoryLedger()
    wanted = [rig.wanted(one), made(recipe)]
    await ensure(rig.client, wanted, policy=QUICK, ledger=ledger)
    assert "ADAPTER " in await shown(rig)
    await answer(rig)
    again = await ensure(rig.client, wanted, policy=QUICK, ledger=ledger)
    assert [state.action for state in again] == ["present", "present"]
    write_adapter(tmp_path / "lora", seed=2)
    changed = await ensure(rig.client, wanted, policy=QUICK, ledger=ledger)
    assert [state.action for state in changed] == ["present", "created"]


async def test_a_wrong_pin_says_what_the_recipe_makes_and_keeps_what_was_there(rig: Rig, one: PushedModel) -> None:
    ledger = MemoryLedger()
    base = rig.wanted(one)
    first = await ensure(
        rig.client, [base, made(Recipe(from_model="tiny:1", system="old"))], policy=QUICK, ledger=ledger
    )
    want = made(Recipe(from_model="tiny:1", system="new"), digest=first[1].digest)
    with pytest.raises(EnsureFailed) as caught:
        await ensure(rig.client, [base, want], policy=QUICK, ledger=ledger)
    (failure,) = caught.value.failures
    assert isinstance(failure, ConfigurationError)
    assert f"wrong digest: wanted {first[1].digest}, but its recipe makes sha256:" in failure.message
    assert "old" in await shown(rig)
    assert await rig.names() == ["mine:1", "tiny:1"]


async def test_a_projector_beside_the_weights(start_ollama: Callable[..., OllamaProcess], tmp_path: Path) -> None:
    folder = tmp_path / "vision"
    folder.mkdir()
    (folder / "model.gguf").write_bytes(tiny_gguf(5))
    (folder / "mmproj.gguf").write_bytes(tiny_projector())
    digests: set[str] = set()
    for _ in range(2):
        async with httpx.AsyncClient(base_url=start_ollama().url, trust_env=False) as http:
            client = OllamaClient(http, "chat-1")
            states = await ensure(client, [made(Recipe(files=str(folder)))], policy=QUICK)
            info = await client.show("mine:1")
        digests.add(states[0].digest)
        assert info is not None
        assert len(info.weight_blobs) == 2
    assert len(digests) == 1


async def test_the_same_recipe_has_the_same_digest_on_two_servers(
    rig: Rig, start_ollama: Callable[..., OllamaProcess], tmp_path: Path
) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf(5))
    llama = write_llama(tmp_path / "llama", shards=2)
    sampling: dict[str, bool | int | float | str | tuple[str, ...]] = {"temperature": 0.5, "num_ctx": 128, "top_k": 3}
    wanted = [
        made(Recipe(files=str(path)), "gguf:1"),
        made(Recipe(from_model="gguf:1", system="s", parameters=sampling), "derived:1"),
        made(Recipe(files=str(llama)), "safetensors:1"),
        made(Recipe(files=str(llama), quantize="q8_0"), "quantized:1"),
    ]
    async with httpx.AsyncClient(base_url=start_ollama().url, trust_env=False) as http:
        here, there = [
            {state.name: state.digest for state in await ensure(client, wanted, policy=QUICK)}
            for client in (rig.client, OllamaClient(http, "chat-1"))
        ]
    assert here == there
