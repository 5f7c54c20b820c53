"""Checks before any server is asked, the report of many failures, and many servers.

Proves: what is refused and how it is said; that servers do not disturb each other, on servers made up here.
What ensuring does to a real server is in tests/ollama.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine

import httpx
import pytest

from ollama import (
    ConfigurationError,
    EnsureFailed,
    OllamaClient,
    PullPolicy,
    TransientError,
    WantedModel,
    check_wanted,
    ensure,
    ensure_all,
    preflight,
)

DIGEST = "a" * 64
Answer = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]
FAST = PullPolicy(attempts=2, backoff_base_s=0, backoff_max_s=0)


def healthy(request: httpx.Request) -> httpx.Response:
    match request.url.path:
        case "/api/version":
            return httpx.Response(200, json={"version": "0.17.4"})
        case "/api/tags":
            return httpx.Response(200, json={"models": [{"name": "a:1", "digest": DIGEST, "size": 5}]})
        case "/api/show":
            assert json.loads(request.content)["model"].endswith("/a:1")
            return httpx.Response(200, json={"modelfile": ""})
        case other:
            pytest.fail(f"nothing else may be asked of a server that has everything, not {other}")


def refusing(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def client(label: str, answer: Answer = healthy) -> OllamaClient:
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://x")
    return OllamaClient(http, label)


def test_all_faults_of_what_is_wanted_at_once() -> None:
    faults = check_wanted(
        [
            WantedModel("a b", "c@d"),
            WantedModel("one:1", "x:1", digest="12ab"),
            WantedModel("ONE:1", "x:120b-cloud"),
        ]
    )
    said = "\n".join(map(str, faults))
    assert len(faults) == 5
    assert "model `a b`: name: not a model's name" in said
    assert "model `c@d`: source: Ollama cannot pull by digest" in said
    assert "model `one:1`: not a digest: `12ab`" in said
    assert "source: the tag `120b-cloud` means a model that runs on Ollama's service" in said
    assert "wanted twice, as `one:1` and as `ONE:1`" in said


@pytest.mark.anyio
async def test_nothing_is_asked_when_the_wish_is_wrong() -> None:
    def nobody(_: httpx.Request) -> httpx.Response:
        pytest.fail("the server must not be asked")

    for call in (
        ensure(client("r", nobody), [WantedModel("-", "-")]),
        ensure_all([client("r", nobody)], [WantedModel("-", "-")]),
    ):
        with pytest.raises(EnsureFailed) as caught:
            await call
        assert len(caught.value.failures) == 2
        assert not caught.value.transient


@pytest.mark.anyio
async def test_many_servers_each_for_itself() -> None:
    labels = [f"chat-{n}" for n in range(30)]
    clients = [client(label, refusing if n % 10 == 3 else healthy) for n, label in enumerate(labels)]
    with pytest.raises(EnsureFailed) as caught:
        await ensure_all(clients, [WantedModel("a:1", "s/n/a:1", digest=DIGEST)], policy=FAST, at_once=4)
    assert [failure.replica for failure in caught.value.failures] == ["chat-3", "chat-13", "chat-23"]
    assert caught.value.transient
    assert str(caught.value).startswith("3 models are not as wanted:\n- replica `chat-3`: no connection")
    assert sum(len(states) for states in caught.value.states.values()) == 27
    states = await ensure_all(clients[:3], [WantedModel("a:1", "a:1", digest=f"sha256:{DIGEST}")])
    assert {label: [state.action for state in found] for label, found in states.items()} == {
        label: ["present"] for label in labels[:3]
    }


@pytest.mark.anyio
async def test_no_more_than_so_many_at_once() -> None:
    running = most = 0

    async def slow(request: httpx.Request) -> httpx.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return healthy(request)

    await ensure_all([client(str(n), slow) for n in range(12)], [WantedModel("a:1", "a:1")], at_once=3)
    assert most == 3


@pytest.mark.anyio
async def test_replicas_need_labels_of_their_own() -> None:
    with pytest.raises(ValueError, match="labels of replicas must differ: r"):
        await ensure_all([client("r"), client("r")], [])


@pytest.mark.anyio
async def test_a_fault_of_ours_is_not_hidden_and_waits_for_the_others() -> None:
    done: list[str] = []

    def odd(_: httpx.Request) -> httpx.Response:
        raise KeyError("a bug")

    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.01)
        done.append(request.url.path)
        return healthy(request)

    with pytest.raises(KeyError, match="a bug"):
        await ensure_all([client("odd", odd), client("slow", slow)], [WantedModel("a:1", "a:1")])
    assert done == ["/api/version", "/api/tags", "/api/show"]


def saying(version: str) -> OllamaClient:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"version": version})

    return client("r", answer)


@pytest.mark.anyio
@pytest.mark.parametrize("version", ["0.14.3", "0.17.4", "1.0.0-rc1", "v0.20.0", "0.0.0", "built by hand"])
async def test_versions_that_do(version: str) -> None:
    assert await preflight(saying(version)) == version


@pytest.mark.anyio
@pytest.mark.parametrize("version", ["0.14.2", "0.5.13-rc1", "0.0.1"])
async def test_versions_that_are_too_old(version: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is too old[\s\S]*run Ollama 0\.14\.3 or newer"):
        await preflight(saying(version))


@pytest.mark.anyio
async def test_a_server_that_is_coming_up_is_waited_for() -> None:
    calls: list[int] = []

    def late(request: httpx.Request) -> httpx.Response:
        calls.append(1)
        return refusing(request) if len(calls) == 1 else healthy(request)

    assert await preflight(client("r", late), FAST) == "0.17.4"
    with pytest.raises(TransientError, match="refused"):
        await preflight(client("r", refusing), FAST)
