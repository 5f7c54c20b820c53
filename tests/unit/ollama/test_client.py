"""Edge cases of the client that a real server shows rarely: proxies, cut streams, foreign answers.

Proves: how each is read, over httpx's mock transport. Does not prove that servers send these; tests/ollama
talks to a real one.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from ollama import (
    ConfigurationError,
    DamagedModelError,
    OllamaClient,
    OllamaError,
    PullProgress,
    SystemFault,
    TransientError,
)

pytestmark = pytest.mark.anyio

Answer = Callable[[httpx.Request], httpx.Response]


def answering(answer: Answer, base_url: str = "http://replica") -> OllamaClient:
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url=base_url)
    return OllamaClient(http, "chat-0")


def saying(status: int, body: object) -> OllamaClient:
    return answering(lambda _: httpx.Response(status, json=body))


def streaming(*pieces: bytes, breaks: bool = False) -> OllamaClient:
    class Stream(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece
            if breaks:
                message = "peer closed connection without sending complete message body"
                raise httpx.RemoteProtocolError(message)

    return answering(lambda _: httpx.Response(200, stream=Stream()))


async def pulled(client: OllamaClient) -> list[PullProgress]:
    return [line async for line in client.pull("tiny:1")]


STATUS_404: dict[str, Any] = {
    "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404,
    "message": 'pods "chat-0" not found',
}  # fmt: skip


async def test_the_path_stays_behind_a_pod_proxy() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return httpx.Response(200, json={"version": "0.17.4", "new": 1})

    proxy = "/api/v1/namespaces/ns/pods/chat-0:11434/proxy"
    assert await answering(answer, f"https://api{proxy}/").version() == "0.17.4"
    assert seen == [f"{proxy}/api/version"]


async def test_only_ollamas_own_404_means_absent() -> None:
    absent = saying(404, {"error": "model 'x' not found"})
    assert await absent.show("x") is None
    assert await absent.delete("x") is False
    assert await absent.copy("x", "y") is False
    no_pod = saying(404, STATUS_404)
    for call in (no_pod.show("x"), no_pod.delete("x"), no_pod.copy("x", "y")):
        with pytest.raises(TransientError, match="the replica's pod is not there"):
            await call
    with pytest.raises(OllamaError) as caught:
        await saying(404, "404 page not found").delete("x")
    assert caught.value.kind == "system"


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (403, 'pods "chat-0" is forbidden: User "ci" cannot get resource "pods/proxy"', ConfigurationError),
        (503, "error trying to reach service: dial tcp: connect: connection refused", TransientError),
        (500, "etcdserver: something", SystemFault),
    ],
)
async def test_the_api_server_speaks(status: int, message: str, kind: type[OllamaError]) -> None:
    with pytest.raises(kind, match="chat-0"):
        await saying(status, {**STATUS_404, "code": status, "message": message}).tags()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("All connection attempts failed"), TransientError),
        (httpx.ReadTimeout(""), TransientError),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), ConfigurationError),
        (httpx.UnsupportedProtocol("Request URL is missing a protocol"), ConfigurationError),
        (httpx.DecodingError("bad gzip"), SystemFault),
    ],
)
async def test_transport_failures(error: httpx.HTTPError, kind: type[OllamaError]) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    for call in (answering(answer).version(), pulled(answering(answer))):
        with pytest.raises(kind) as caught:
            await call
        assert caught.value.message.strip()


async def test_an_error_after_200_is_raised() -> None:
    lines = b'{"status":"pulling manifest"}\n{"error":"pull model manifest: file does not exist"}\n'
    with pytest.raises(ConfigurationError, match="file does not exist"):
        await pulled(streaming(lines))
    with pytest.raises(SystemFault, match="odd"):
        await pulled(streaming(b'{"error":{"code":1,"message":"odd"}}\n'))


async def test_streams_that_break() -> None:
    with pytest.raises(TransientError, match="peer closed"):
        await pulled(streaming(b'{"status":"pulling manifest"}\n', breaks=True))
    with pytest.raises(TransientError, match="ended inside a line"):
        await pulled(streaming(b'{"status":"pul'))
    with pytest.raises(SystemFault, match="is no JSON"):
        await pulled(streaming(b"<html>\n</html>\n"))
    with pytest.raises(SystemFault, match="completed"):
        await pulled(streaming(b'{"status":"x","completed":"many"}\n'))


async def test_an_answer_that_stops_before_done_is_not_whole() -> None:
    line = json.dumps({"message": {"role": "assistant", "content": "Par\u0085is"}}, ensure_ascii=False).encode()
    said = streaming(line[:40], line[40:] + b"\n").chat("m", [])
    assert await anext(said) == "Par\u0085is"
    with pytest.raises(TransientError, match="ended before its last line"):
        await anext(said)


async def test_damaged_weights_are_not_taken_for_a_passing_failure() -> None:
    for text in ("EOF", "unexpected EOF"):
        with pytest.raises(DamagedModelError, match=text):
            await saying(500, {"error": text}).show("x")
    # Another client removed some model while the server listed them all: nothing is known of this one's weights.
    race = "stat /m/manifests/registry.ollama.ai/library/other/1: no such file or directory"
    with pytest.raises(TransientError, match="no such file"):
        await saying(500, {"error": race}).show("x")


async def test_answers_of_another_form() -> None:
    with pytest.raises(SystemFault, match=r"not of Ollama's form: version"):
        await saying(200, {"hello": 1}).version()
    with pytest.raises(SystemFault, match=r"models\.0\.digest"):
        await saying(200, {"models": [{"name": "a", "digest": "short"}]}).tags()
    assert await saying(200, {"models": None}).tags() == []


async def test_show_asks_past_the_servers_cache() -> None:
    sent: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        blobs = "".join(f"FROM /m/blobs/sha256-{digit * 64}\n" for digit in "aab")
        return httpx.Response(200, json={"modelfile": f"# FROM x\n\n{blobs}ADAPTER /m/sha256-{'c' * 64}\n"})

    info = await answering(answer).show("x")
    assert info is not None
    assert info.weight_blobs == [f"sha256:{digit * 64}" for digit in "abc"]
    assert sent[0]["options"]
