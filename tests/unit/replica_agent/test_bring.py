"""Handing one model of a list to `ollama`: faults by their entry, bases before what is made of them, kept sources.

Not shown: the bringing itself; tests/replica_agent shows that with a real Ollama.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from ollama import LedgerEntry, MemoryLedger, OllamaClient, OllamaError, PullPolicy
from ollama.document import Pull, Recipe, WantedEntry
from replica_agent.bring import Bringer, WantedModels


def pulled(name: str, source: str | None = None, **more: object) -> WantedEntry:
    pull = Pull(source=source if source is not None else f"store:5000/library/{name}", insecure=True)
    return WantedEntry.model_validate({"name": name, "pull": pull, **more})


def made(name: str, base: str) -> WantedEntry:
    return WantedEntry(name=name, create=Recipe(from_model=base, system="Be brief."))


def test_faults_belong_to_their_entries() -> None:
    wanted = WantedModels([pulled("a:1"), pulled("b c"), pulled("d:1", digest="x"), made("e:1", "absent:1")], "chat-0")
    assert sorted(wanted.faults) == [1, 2, 3]
    assert all(fault.kind == "configuration" for fault in wanted.faults.values())
    assert [want.name for want in wanted.kept] == ["a:1", "b c", "d:1", "e:1"]


def test_a_name_that_is_wanted_twice_is_a_fault() -> None:
    wanted = WantedModels([pulled("a:1"), pulled("b:1", aliases=["A:1"])], "chat-0")
    assert wanted.faults
    assert "wanted twice" in next(iter(wanted.faults.values())).message


def test_bases_come_along_and_first() -> None:
    wanted = WantedModels([made("c:1", "b:1"), made("b:1", "a:1"), pulled("a:1")], "chat-0")
    assert wanted.faults == {}
    assert [want.name for want in wanted.with_bases(0)] == ["a:1", "b:1", "c:1"]
    assert [want.name for want in wanted.with_bases(2)] == ["a:1"]
    assert [wanted.base(at) for at in range(3)] == [1, 2, None]


def test_a_source_that_is_wanted_under_its_own_name_is_kept() -> None:
    wanted = WantedModels([pulled("mine:1", "smollm2:135m"), pulled("smollm2:135m", "smollm2:135m")], "chat-0")
    assert [want.keep_source for at in range(2) for want in wanted.with_bases(at)] == [True, False]


@pytest.fixture
async def client() -> AsyncIterator[OllamaClient]:
    listed = {"models": [{"name": "a:1", "digest": "0" * 64, "size": 5}]}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=listed if request.url.path == "/api/tags" else {"modelfile": ""})

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://ollama") as http:
        yield OllamaClient(http, "chat-0")


@pytest.mark.anyio
async def test_without_a_ledger_it_only_looks(client: OllamaClient) -> None:
    bringer = Bringer(client, None, PullPolicy(attempts=1))
    zeros, ones = f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"
    wanted = WantedModels(
        [pulled("a:1", digest=zeros), pulled("b:1"), pulled("A:1", digest=ones), pulled("c:1")], "chat-0"
    )
    wanted.faults.clear()
    assert (await bringer.bring(wanted, 0, lambda _: None)).digest == zeros
    for at, said in ((1, "not on the shared volume yet"), (2, f"has {zeros}")):
        with pytest.raises(OllamaError, match=said) as caught:
            await bringer.bring(wanted, at, lambda _: None)
        assert caught.value.kind == "transient"
    assert bringer.leaving(wanted) == ()
    assert await bringer.remove(wanted) == ()


@pytest.mark.anyio
async def test_a_fault_is_raised_before_anything_is_asked(client: OllamaClient) -> None:
    bringer = Bringer(client, MemoryLedger(), PullPolicy(attempts=1))
    with pytest.raises(OllamaError, match="not a model's name"):
        await bringer.bring(WantedModels([pulled("b c")], "chat-0"), 0, lambda _: None)


@pytest.mark.anyio
async def test_only_what_was_brought_and_is_not_retained_leaves(client: OllamaClient) -> None:
    ledger = MemoryLedger(
        [
            LedgerEntry("a:1", "brought"),
            LedgerEntry("old:1", "brought"),
            LedgerEntry("theirs:1", "found"),
            LedgerEntry("kept:1", "brought", retain=True),
        ]
    )
    bringer = Bringer(client, ledger, PullPolicy(attempts=1))
    assert bringer.leaving(WantedModels([pulled("a:1")], "chat-0")) == ("old:1",)
