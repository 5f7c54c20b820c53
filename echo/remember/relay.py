"""Events between replicas of the service, over Redis: one channel a space, for those that somebody here listens to.

Redis may be absent or lost. Then listeners hear of their own replica alone, health says so, and those who listen are
told that they may have missed something once it is there again. Nothing waits for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections import deque
from pathlib import Path
from typing import Any, Literal, cast

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from echo.remember.hub import Hub
from replica_agent.logs import event

__all__ = ["Relay", "RelayState"]

RelayState = Literal["local", "shared", "lost"]
"""There is no Redis; it carries events; it cannot be reached."""

_CHANNEL = "echo:events:"
_BEAT = "echo:beat:"
_HELD = 1_000
"""Events that wait to be sent; the oldest make room."""
_LARGEST = 8_192
"""Bytes of an event: they hold ids and no content."""
_LOOK_S = 1.0
_AGAIN_S = 2.0
_BEAT_S = 10.0
_SILENT_S = 40.0
"""Without our own beat: a connection that is dead without saying so is opened anew."""
_ANSWER_S = 10.0
_FOLLOW_S = 2.0
_LOST_S, _LAST_S = 0.2, 3.0
"""Until a task that is to end is told again: a part, and the whole, which waits for its parts."""


class _ChangedError(Exception):
    """The file names another Redis, as it does when passwords rotate."""


class Relay:
    """Takes events of a hub to those of other replicas, and theirs to it.

    Attributes:
        hub: of this replica.
        state: whether it does.
        unsent: events that were left out, since too many waited.
    """

    def __init__(self, hub: Hub, url_file: Path | None) -> None:
        """Prepare it.

        Args:
            hub: of this replica.
            url_file: holds `rediss://USER:PASSWORD@HOST:PORT/0?ssl_ca_certs=FILE`; looked at again and again. None, or
                no such file, is no Redis.
        """
        self.state: RelayState = "local"
        self.unsent = 0
        self.hub = hub
        self._file = url_file
        self._id = secrets.token_hex(8)
        self._waiting: deque[tuple[str, str]] = deque()
        self._sendable = asyncio.Event()
        self._changed = asyncio.Event()
        self._asked: set[str] = set()
        self._followed: set[str] = set()
        self._news = asyncio.Event()
        self._heard = 0.0
        hub.on_publish = self._take
        hub.on_change = self._changed.set

    @property
    def waiting(self) -> int:
        """Events that wait to be sent."""
        return len(self._waiting)

    async def follows(self, space: str) -> bool:
        """Wait until events of a space come here from other replicas too; False where they do not, or not soon."""
        try:
            async with asyncio.timeout(_FOLLOW_S):
                while self.state == "shared" and space not in self._followed:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return self.state == "shared"

    async def run(self) -> None:
        """Carry events, for ever."""
        while True:
            url = self._url()
            if url is None:
                self._tell("local")
                await asyncio.sleep(_LOOK_S)
                continue
            cause = await self._until_it_breaks(url)
            if cause:
                if self.state != "lost":
                    event("events_not_shared", level=logging.WARNING, cause=cause)
                self._tell("lost")
                await asyncio.sleep(_AGAIN_S)

    async def _until_it_breaks(self, url: str) -> str:
        """Carry events by one Redis; return why that ended, nothing where another is to be taken."""
        carrying = asyncio.create_task(self._carry(url))
        try:
            await asyncio.wait([carrying])
        finally:
            await _ended(carrying, after=_LAST_S)
        try:
            carrying.result()
        except _ChangedError:
            return ""
        except (RedisError, OSError, ValueError) as error:
            # What they say may hold the URL, with the password in it.
            return type(error).__name__
        return ""

    def _url(self) -> str | None:
        try:
            text = "" if self._file is None else self._file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return text or None

    def _take(self, space: str, happened: dict[str, Any]) -> None:
        if self.state != "shared":
            return
        if len(self._waiting) >= _HELD:
            self._waiting.popleft()
            self.unsent += 1
        text = json.dumps({"by": self._id, "event": happened}, ensure_ascii=False, separators=(",", ":"))
        self._waiting.append((_CHANNEL + space, text))
        self._sendable.set()

    async def _carry(self, url: str) -> None:
        client: Redis = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            url,
            socket_timeout=_ANSWER_S,
            socket_connect_timeout=_ANSWER_S,
            # A connection that the library opens again by itself would lose events without a word.
            retry=Retry(NoBackoff(), 0),
        )
        try:
            ear = client.pubsub()
            try:
                await self._settle(ear)
                parts = [
                    asyncio.create_task(one)
                    for one in (self._hear(ear), self._send(client), self._follow(ear), self._watch(client, url))
                ]
                try:
                    done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    await _ended(*parts)
                for one in done:
                    one.result()
            finally:
                await ear.aclose()
        finally:
            await client.aclose()

    async def _settle(self, ear: PubSub) -> None:
        """Listen to what is listened to here, before it is said that events are shared."""
        self._followed.clear()
        self._asked = set(self.hub.spaces)
        await ear.subscribe(_BEAT + self._id, *(_CHANNEL + one for one in self._asked))
        left = len(self._asked) + 1
        end = time.monotonic() + _ANSWER_S
        while left:
            message = await _next(ear)
            if message is not None and message["type"] == "subscribe":
                left -= 1
            if time.monotonic() > end:
                raise TimeoutError
        self._heard = time.monotonic()
        self._followed |= self._asked
        event("events_shared", again=self.state != "local")
        self._tell("shared")
        self._changed.set()
        # What happened elsewhere until now was not heard here.
        self.hub.lose()

    async def _hear(self, ear: PubSub) -> None:
        while True:
            message = await _next(ear)
            if message is None:
                continue
            channel = _text(message["channel"])
            if channel.startswith(_BEAT):
                self._heard = time.monotonic()
            elif channel.startswith(_CHANNEL):
                self._told(channel.removeprefix(_CHANNEL), message)

    def _told(self, space: str, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            if space in self._asked:
                self._followed.add(space)
            self._news.set()
            return
        data = message["data"]
        if message["type"] != "message" or not isinstance(data, bytes | str) or len(data) > _LARGEST:
            return
        try:
            said: object = json.loads(data)
        except ValueError:
            return
        if not isinstance(said, dict):
            return
        fields = cast("dict[str, object]", said)
        happened = fields.get("event")
        if fields.get("by") != self._id and isinstance(happened, dict):
            found = cast("dict[str, Any]", happened)
            if isinstance(found.get("type"), str):
                self.hub.hand(space, found)

    async def _send(self, client: Redis) -> None:
        while True:
            while self._waiting:
                channel, text = self._waiting.popleft()
                await client.publish(channel, text)
            self._sendable.clear()
            await self._sendable.wait()

    async def _follow(self, ear: PubSub) -> None:
        """Have what is listened to here come here, and nothing else."""
        while True:
            self._changed.clear()
            wanted = self.hub.spaces
            fresh, stale = wanted - self._asked, self._asked - wanted
            self._asked = set(wanted)
            self._followed -= stale
            if stale:
                await ear.unsubscribe(*(_CHANNEL + one for one in stale))
            if fresh:
                await ear.subscribe(*(_CHANNEL + one for one in fresh))
            await self._changed.wait()

    async def _watch(self, client: Redis, url: str) -> None:
        beat = 0.0
        while True:
            if self._url() != url:
                raise _ChangedError
            now = time.monotonic()
            if now - self._heard > _SILENT_S:
                raise ConnectionError
            if now - beat > _BEAT_S:
                beat = now
                await client.publish(_BEAT + self._id, "")
            await asyncio.sleep(_LOOK_S)

    def _tell(self, state: RelayState) -> None:
        self.state = state
        if state != "shared":
            self._followed.clear()
            self._waiting.clear()
        self._news.set()


async def _next(ear: PubSub) -> dict[str, Any] | None:
    # Its own types are partly unknown.
    return cast("dict[str, Any] | None", await ear.get_message(timeout=_LOOK_S))  # pyright: ignore[reportUnknownMemberType]


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


async def _ended(*tasks: asyncio.Task[None], after: float = _LOST_S) -> None:
    """End tasks. More than once: `wait_for` of Python 3.11, in the library, can lose a cancellation (gh-86296).

    Args:
        tasks: to end.
        after: seconds that they have until they are told again.
    """
    while left := [one for one in tasks if not one.done()]:
        for one in left:
            one.cancel()
        await asyncio.wait(left, timeout=after)
    # Or what a task raised while it was ended is told at its own end, as never retrieved.
    for one in tasks:
        if not one.cancelled():
            one.exception()
