"""A stand-in for Ollama that costs next to nothing: ``python -m tests.support.fake_ollama PORT [ADDRESS]``.

It streams events at a given pace, each with the time at which it was sent, so that what lies between can be measured.
For load alone: what Ollama answers is shown with the real one. A prompt is a JSON object: `events` of `every_s`
seconds each, after `first_s`; `size` bytes of text in each.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, cast

import httptools

TEXT = Path(__file__).read_text(encoding="utf-8") if __name__ != "__main__" else ""
"""For a pod that runs it."""
_TAGS: dict[str, Any] = {
    "models": [{"name": "fake:1", "model": "fake:1", "digest": "0" * 64, "size": 1, "details": {}}]
}


class _Connection(asyncio.Protocol):
    """One client."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url = b""
        self._body.clear()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        path = self._url.partition(b"?")[0]
        if path == b"/api/tags":
            self._whole(_TAGS)
        elif path == b"/api/version":
            self._whole({"version": "0.0.0"})
        else:
            asked = json.loads(self._body)
            prompt = asked.get("prompt") or asked["messages"][0]["content"]
            plan = {"events": 1, "every_s": 0.0, "first_s": 0.0, "size": 8, **json.loads(prompt)}
            openai = path.startswith(b"/v1")
            if asked.get("stream", not openai):
                self._task = asyncio.get_running_loop().create_task(self._stream(plan, openai=openai))
            else:
                self._whole(_chunk(0, "x", openai=openai, last=True))

    def _whole(self, document: object) -> None:
        body = json.dumps(document).encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)

    async def _stream(self, plan: dict[str, Any], *, openai: bool) -> None:
        kind = b"text/event-stream" if openai else b"application/x-ndjson"
        loop = asyncio.get_running_loop()
        await asyncio.sleep(plan["first_s"])
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: " + kind + b"\r\ntransfer-encoding: chunked\r\n\r\n")
        text, due = "x" * plan["size"], loop.time()
        for number in range(plan["events"]):
            last = number == plan["events"] - 1
            await self._writable.wait()
            document = json.dumps(_chunk(time.perf_counter_ns(), text, openai=openai, last=last)).encode()
            event = b"data: " + document + b"\n\n" if openai else document + b"\n"
            if openai and last:
                event += b"data: [DONE]\n\n"
            self._transport.write(b"%x\r\n%b\r\n" % (len(event), event))
            due += plan["every_s"]
            await asyncio.sleep(max(0.0, due - loop.time()))
        self._transport.write(b"0\r\n\r\n")


def _chunk(sent_ns: int, text: str, *, openai: bool, last: bool) -> dict[str, Any]:
    if not openai:
        return {"model": "fake:1", "created_at": "2026-01-01T00:00:00Z", "response": text, "t": sent_ns, "done": last}
    choice = {"index": 0, "finish_reason": "stop" if last else None}
    message = {"role": "assistant", "content": f"t={sent_ns}"}
    choice |= {"delta": message, "message": message}
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "fake:1", "choices": [choice]}


async def _serve(port: int, address: str = "127.0.0.1") -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, address, port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(int(sys.argv[1]), *sys.argv[2:]))
