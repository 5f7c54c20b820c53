"""Making models on a real Ollama server while things go wrong.

Proves: wrong files and recipes are refused by name; a run, a process or a server that is killed at any step is mended
by the next, and what worked works meanwhile; runs at once end with the right models. Does not prove: a disk that fills
up while a model is made, which tests/ollama/test_faults.py has for pulls.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ollama import (
    ConfigurationError,
    EnsureFailed,
    FileLedger,
    MemoryLedger,
    ModelName,
    PullEvent,
    WantedModel,
    ensure,
    observe,
    remove_unwanted,
    wanted_of,
)
from ollama.document import Recipe, WantedEntry
from ollama.reserved import is_reserved, leftovers
from tests.ollama.conftest import QUICK, Rig
from tests.ollama.created import answer, failure_of, made, shown
from tests.ollama.tiny_folders import write_llama
from tests.replica_agent.harness import delete
from tests.support.tiny_model import PushedModel, tiny_gguf

pytestmark = [pytest.mark.ollama, pytest.mark.anyio]


async def test_a_base_that_failed_is_said_once_and_the_others_are_done(rig: Rig, one: PushedModel) -> None:
    none = WantedModel("none:1", f"{rig.proxy.host}/library/none:1", insecure=True)
    wanted = [
        made(Recipe(from_model="mid:1"), "top:1"),
        made(Recipe(from_model="none:1"), "mid:1"),
        none,
        made(Recipe(from_model="tiny:1", system="a"), "well:1"),
        rig.wanted(one),
    ]
    with pytest.raises(EnsureFailed) as caught:
        await ensure(rig.client, wanted, policy=QUICK)
    said = {failure.model: failure.message for failure in caught.value.failures}
    assert list(said) == ["top:1", "mid:1", "none:1"]
    assert said["top:1"] == "cannot be made: its base `mid:1` failed"
    assert said["mid:1"] == "cannot be made: its base `none:1` failed"
    assert all(isinstance(failure, ConfigurationError) for failure in caught.value.failures)
    assert await rig.names() == ["tiny:1", "well:1"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no `"),
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer, not the file itself"),
        (b"PK\x03\x04 a zip file, not weights", "is no GGUF file: it begins with b'PK"),
        (tiny_gguf(5)[:500], "is cut short"),
    ],
)
async def test_wrong_files_are_refused_before_they_are_sent(
    rig: Rig, tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    failure = await failure_of(rig, made(Recipe(files=str(path))))
    assert isinstance(failure, ConfigurationError)
    assert says in failure.message
    assert str(path) in failure.message
    assert list((rig.server.models / "blobs").glob("*")) == []


async def test_a_file_cut_short_in_its_weights_is_refused_by_the_server(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(tiny_gguf(5)[:-1000])
    failure = await failure_of(rig, made(Recipe(files=str(path))))
    assert isinstance(failure, ConfigurationError)
    assert await rig.names() == []


async def test_an_unknown_architecture_and_a_broken_template(rig: Rig, tmp_path: Path, one: PushedModel) -> None:
    folder = write_llama(tmp_path / "odd")
    config = folder / "config.json"
    config.write_text(config.read_text().replace("LlamaForCausalLM", "OddForCausalLM"))
    odd = await failure_of(rig, made(Recipe(files=str(folder))))
    assert isinstance(odd, ConfigurationError)
    assert 'unsupported architecture "OddForCausalLM"' in odd.message
    assert "convert others to GGUF" in odd.hint
    (folder / "tokenizer.json").unlink()
    config.write_text(config.read_text().replace("OddForCausalLM", "LlamaForCausalLM"))
    mute = await failure_of(rig, made(Recipe(files=str(folder))))
    assert isinstance(mute, ConfigurationError)
    assert "tokenizer" in mute.hint
    broken = await failure_of(rig, rig.wanted(one), made(Recipe(from_model="tiny:1", template="{{ .Prompt")))
    assert isinstance(broken, ConfigurationError)
    assert "template" in broken.message
    none = await failure_of(rig, rig.wanted(one), made(Recipe(from_model="tiny:1", quantize="q8_0")))
    assert isinstance(none, ConfigurationError)
    assert "quantization is only supported for F16 and F32" in none.message
    assert await rig.names() == ["tiny:1"]


@pytest.mark.parametrize("after", ["hashing", "uploading", "creating", "copying"])
async def test_a_run_killed_at_any_step_is_mended_by_the_next(rig: Rig, tmp_path: Path, after: str) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf(5))
    ledger = MemoryLedger()
    wanted = [made(Recipe(files=str(path), system="old"))]
    old = await ensure(rig.client, wanted, policy=QUICK, ledger=ledger)
    path.write_bytes(tiny_gguf(6))
    wanted = [made(Recipe(files=str(path), system="new"))]
    run: asyncio.Task[object]

    def kill(event: PullEvent) -> None:
        if event.phase == after:
            run.cancel()

    run = asyncio.ensure_future(ensure(rig.client, wanted, policy=QUICK, ledger=ledger, on_event=kill))
    with pytest.raises(asyncio.CancelledError):
        await run
    seen = await observe(rig.client, "mine:1")
    assert seen is not None, "what worked still does"
    if after != "copying":
        assert seen.digest == old[0].digest
    states = await ensure(rig.client, wanted, policy=QUICK, ledger=ledger)
    assert "new" in await shown(rig)
    assert states[0].digest != old[0].digest
    assert await rig.names() == ["mine:1"]


@pytest.mark.parametrize("after", ["uploading", "creating", "copying"])
async def test_a_process_killed_at_any_step_is_mended_by_the_next(rig: Rig, tmp_path: Path, after: str) -> None:
    weights, book = tmp_path / "tiny.gguf", tmp_path / "ledger.json"
    weights.write_bytes(tiny_gguf(5))
    entry = WantedEntry(name="mine:1", create=Recipe(files=str(weights), system="old"), aliases=("me:1",))
    old = await ensure(rig.client, [wanted_of(entry)], policy=QUICK, ledger=FileLedger(book))
    weights.write_bytes(tiny_gguf(6))
    entry = entry.model_copy(update={"create": Recipe(files=str(weights), system="new")})
    command = [sys.executable, "-m", "tests.ollama.killed_run", rig.server.url, str(book), after]
    run = await asyncio.create_subprocess_exec(*command, entry.model_dump_json(), stdout=asyncio.subprocess.PIPE)
    assert run.stdout is not None
    assert await asyncio.wait_for(run.stdout.readline(), 30) == b"here\n"
    run.kill()
    await run.wait()
    seen = await observe(rig.client, "mine:1")
    assert seen is not None
    assert seen.digest == old[0].digest, "what worked still does"
    ledger = FileLedger(book)
    assert ledger.fault is None
    states = await ensure(rig.client, [wanted_of(entry)], policy=QUICK, ledger=ledger)
    assert "new" in await shown(rig)
    assert await rig.names() == ["me:1", "mine:1"]
    assert {model.sha256 for model in await rig.client.tags()} == {states[0].digest}
    assert sorted(await remove_unwanted(rig.client, [], FileLedger(book))) == ["me:1", "mine:1"]
    assert await rig.names() == []


async def test_a_server_killed_in_the_middle_is_gone_on_with(rig: Rig, tmp_path: Path) -> None:
    recipe = Recipe(files=str(write_llama(tmp_path / "llama")), quantize="q8_0")
    killed = False

    def kill(event: PullEvent) -> None:
        nonlocal killed
        if event.detail == "converting model" and not killed:
            killed = True
            rig.server.stop(signal.SIGKILL)
            rig.server.start()

    policy = replace(QUICK, attempts=5)
    states = await ensure(rig.client, [made(recipe)], policy=policy, on_event=kill)
    assert killed
    assert states[0].action == "created"
    await answer(rig)
    assert await rig.names() == ["mine:1"]


async def test_leftovers_of_a_killed_process_go(rig: Rig, one: PushedModel) -> None:
    ledger = MemoryLedger()
    wanted = [rig.wanted(one), made(Recipe(from_model="tiny:1", system="a"))]
    await ensure(rig.client, wanted, policy=QUICK, ledger=ledger)
    mine = ModelName.parse("mine:1")
    for leftover in leftovers(mine):
        assert await rig.client.copy("tiny:1", leftover.full)
    states = await ensure(rig.client, wanted, policy=QUICK, ledger=ledger)
    assert [state.action for state in states] == ["present", "present"]
    assert await rig.names() == ["mine:1", "tiny:1"]


async def test_two_at_once_end_with_the_right_models(rig: Rig, one: PushedModel, tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf(5))
    wanted = [
        replace(rig.wanted(one), aliases=("other:1",)),
        made(Recipe(from_model="tiny:1", system="a"), "a:1"),
        made(Recipe(files=str(path)), "b:1", aliases=("c:1",)),
    ]
    # The server copies a manifest in place: one run may see a name of the other's while it is half written. How often
    # in a row is a matter of the machine.
    patient = replace(QUICK, attempts=10)
    for _ in range(3):
        both = await asyncio.gather(*(ensure(rig.client, wanted, policy=patient) for _ in range(2)))
        assert [state.digest for state in both[0]] == [state.digest for state in both[1]]
        listed = {model.name: model.sha256 for model in await rig.client.tags()}
        assert {name: listed[name] for name in ("tiny:1", "a:1", "b:1")} == {
            state.name: state.digest for state in both[0]
        }
        assert (listed["other:1"], listed["c:1"]) == (listed["tiny:1"], listed["b:1"])
        assert sorted(listed) == ["a:1", "b:1", "c:1", "other:1", "tiny:1"]
        for name in listed:
            assert await observe(rig.client, name) is not None
            await rig.client.delete(name)


@pytest.mark.parametrize("times", [1, 3])
async def test_what_goes_while_a_later_one_comes_is_brought_again(rig: Rig, one: PushedModel, times: int) -> None:
    wanted = [rig.wanted(one), made(Recipe(from_model="tiny:1", system="a"), "a:1")]
    deleted = 0

    def take(event: PullEvent) -> None:
        nonlocal deleted
        last = "tiny:1" if deleted else "a:1"
        if (event.model, event.phase) == (last, "ready") and deleted < times:
            deleted += 1
            delete(rig.server.url, "tiny:1")

    if times == 1:
        await ensure(rig.client, wanted, policy=QUICK, on_event=take)
        assert await rig.names() == ["a:1", "tiny:1"]
    else:
        with pytest.raises(EnsureFailed, match=r"`tiny:1`: was brought 3 times, and removed by somebody else"):
            await ensure(rig.client, wanted, policy=QUICK, on_event=take)
    assert deleted == times


async def test_twenty_models_at_once_on_one_server(rig: Rig, tmp_path: Path) -> None:
    wanted: list[WantedModel] = []
    for seed in range(20):
        path = tmp_path / f"{seed}.gguf"
        path.write_bytes(tiny_gguf(100 + seed))
        wanted.append(made(Recipe(files=str(path)), f"m{seed}:1"))
    results = await asyncio.gather(*(ensure(rig.client, [want], policy=QUICK) for want in wanted))
    digests = [states[0].digest for states in results]
    assert len(set(digests)) == 20
    # One that could not remove its scratch name while nineteen others were at work leaves that to the next run.
    found = {model.name: model.sha256 for model in await rig.client.tags()}
    listed = {name: digest for name, digest in found.items() if not is_reserved(ModelName.parse(name))}
    assert listed == {want.name: digest for want, digest in zip(wanted, digests, strict=True)}
    for name in itertools.islice(listed, 20):
        assert await observe(rig.client, name) is not None
