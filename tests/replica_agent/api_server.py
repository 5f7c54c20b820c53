"""A loopback double of the few API server paths that an agent uses: one ConfigMap, its watch, and Events.

It checks the token, the field selector and the resource version as the real one does. It does not show that the
real one accepts the agent's Role, objects and patches; the tests on the local cluster are for that.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

import uvicorn

Json = dict[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

NAMESPACE, CONFIG_MAP, KEY = "models", "chat-wanted", "wanted.json"
_FORGETS = 1000
_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
_EVENTS = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"


class ApiServer:
    """The double, served by uvicorn in a thread.

    Attributes:
        url: base URL.
        tokens: those that are good.
        refuse: status that every request gets; 0 for none.
        expired: answer the next watch that names a version with 410 in the stream.
        events: Events by name, as they were last written.
        gets, watches: how many there were.
    """

    def __init__(self) -> None:
        config = uvicorn.Config(
            self._app, interface="asgi3", host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="api-server", daemon=True)
        self._loop = asyncio.new_event_loop()
        self._version = 100
        self._written = self._version
        self._text: str | None = None
        self._open: list[asyncio.Queue[Json | None]] = []
        self.tokens = {"first"}
        self.refuse = 0
        self.expired = False
        self.events: dict[str, Json] = {}
        self.gets = 0
        self.watches = 0
        self.url = ""

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._server.serve())

    def publish(self, text: str | None) -> None:
        """Write the ConfigMap's list; None deletes the ConfigMap."""
        self._call(lambda: self._publish(text))

    def end_watches(self, error: Json | None = None) -> None:
        """End every watch, with an ERROR event before if one is given."""
        self._call(lambda: self._tell({"type": "ERROR", "object": error} if error is not None else None, last=True))

    def reasons(self, about: str = "") -> list[str]:
        """Return the reasons of the Events whose note has this text."""
        return [event["reason"] for event in list(self.events.values()) if about in event["note"]]

    def _call(self, what: Callable[[], None]) -> None:
        done = threading.Event()

        def run() -> None:
            what()
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(5)

    def _publish(self, text: str | None) -> None:
        kind = "DELETED" if text is None else "ADDED" if self._text is None else "MODIFIED"
        self._version += 1
        self._written = self._version
        self._text = text
        self._tell({"type": kind, "object": self._object()})

    def _tell(self, change: Json | None, *, last: bool = False) -> None:
        for queue in self._open:
            queue.put_nowait(change)
            if last and change is not None:
                queue.put_nowait(None)

    def _object(self) -> Json:
        data = {} if self._text is None else {KEY: self._text}
        metadata = {"name": CONFIG_MAP, "namespace": NAMESPACE, "resourceVersion": str(self._written)}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        token = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
        method, path = scope["method"], scope["path"]
        if self.refuse:
            await _answer(send, self.refuse, _status(self.refuse, "made by the test"))
        elif token not in self.tokens:
            await _answer(send, 401, _status(401, "Unauthorized"))
        elif method == "GET" and path == _MAPS and query.get("watch") == "true":
            await self._watch(query, send, receive)
        elif method == "GET" and path == _MAPS and query.get("fieldSelector") == f"metadata.name={CONFIG_MAP}":
            self.gets += 1
            # Others write too, all the time, so the object's own version is soon too old to watch from.
            self._version += _FORGETS
            items = [] if self._text is None else [self._object()]
            await _answer(send, 200, {"metadata": {"resourceVersion": str(self._version)}, "items": items})
        elif method in {"POST", "PATCH"} and path.startswith(_EVENTS):
            await self._event(method, path, await _body(receive), send)
        else:
            await _answer(send, 403, _status(403, f"{method} {path} is not what an agent may do"))

    async def _watch(self, query: dict[str, str], send: Send, receive: Receive) -> None:
        if query.get("fieldSelector") != f"metadata.name={CONFIG_MAP}":
            await _answer(send, 403, _status(403, "the Role allows this one object"))
            return
        self.watches += 1
        queue: asyncio.Queue[Json | None] = asyncio.Queue()
        if self.expired or int(query["resourceVersion"]) <= self._version - _FORGETS:
            self.expired = False
            queue.put_nowait({"type": "ERROR", "object": _status(410, "too old resource version")})
            queue.put_nowait(None)
        elif int(query["resourceVersion"]) < self._written:
            queue.put_nowait({"type": "MODIFIED", "object": self._object()})
        self._open.append(queue)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        left = asyncio.create_task(_leaves(receive))
        try:
            while True:
                change = asyncio.create_task(queue.get())
                await asyncio.wait({change, left}, return_when=asyncio.FIRST_COMPLETED)
                if not change.done():
                    change.cancel()
                    return
                found = change.result()
                if found is None:
                    break
                body = json.dumps(found).encode() + b"\n"
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            left.cancel()
            self._open.remove(queue)

    async def _event(self, method: str, path: str, body: bytes, send: Send) -> None:
        item: Json = json.loads(body)
        if method == "POST":
            self.events[item["metadata"]["name"]] = item
            await _answer(send, 201, item)
            return
        name = path.removeprefix(f"{_EVENTS}/")
        if name not in self.events:
            await _answer(send, 404, _status(404, "no such event"))
            return
        self.events[name] |= item
        await _answer(send, 200, self.events[name])

    def __enter__(self) -> Self:
        self._thread.start()
        end = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > end or not self._thread.is_alive():
                msg = "the API server's double did not start within 10 s"
                raise RuntimeError(msg)
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_watches()
        self._server.should_exit = True
        self._thread.join(10)
        self._loop.close()


def _status(code: int, message: str) -> Json:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


async def _leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


async def _answer(send: Send, status: int, item: Json) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(item).encode()})
