"""The memory's part in one request: recall before it, its place in the answer, learning after it.

Whatever fails here, the answer comes: without memory, and with a header that says so.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from echo.auth.principal import Principal
from echo.engine.incoming import Incoming
from echo.engine.metrics import EchoMetrics
from echo.memory import EchoMemoryError, Hit, Recalled, StoreUnavailableError, UnknownSpaceError
from echo.mind import Lived, Message, Preparation, reasons
from echo.plain import asked
from echo.remember.memories import Memories
from echo.remember.reply import Reply
from echo.remember.rooms import HEADER, Wish, wish_of
from echo.remember.talk import OPTION, ROUTES, said, with_notes, without_option
from echo.remember.tasks import Learner, Task
from replica_agent.headers import Headers
from replica_agent.logs import event

__all__ = ["Companion", "Part"]

_OK = 200


@dataclass
class Part:
    """What the memory does for one request.

    Attributes:
        body: that Ollama gets.
        outcome: of recall: used, nothing, skipped, slow, unavailable, failed, off.
    """

    id: str
    body: bytes
    outcome: str
    model: str = ""
    speaker: str = ""
    words: str = ""
    wish: Wish | None = None
    cited: Sequence[Hit] = ()
    reply: Reply | None = field(default=None, init=False)

    @property
    def told(self) -> dict[str, Any] | None:
        """What the answer says of it."""
        if self.wish is None:
            return None
        found: dict[str, Any] = {"space": self.wish.space, "memory": self.outcome}
        if self.wish.conversation:
            found["conversation"] = self.wish.conversation
        found["recalled"] = [
            {"id": str(hit.memory.id), "why": reasons(hit), "score": round(hit.score, 6)} for hit in self.cited
        ]
        return found

    def begin(self, status: int, kind: str, headers: Headers) -> Headers:
        """Take the head of an answer; return the headers that the client gets."""
        more = [(b"x-echo-memory", self.outcome.encode())]
        if self.cited:
            more.append((b"x-echo-recalled", ",".join(str(hit.memory.id) for hit in self.cited).encode()))
        packed = any(name == b"content-encoding" for name, _ in headers)
        if status != _OK or packed or self.wish is None:
            return [*headers, *more]
        self.reply = reply = Reply(kind, self.told)
        return [
            *(
                (name, str(int(value) + reply.growth).encode() if name == b"content-length" else value)
                for name, value in headers
            ),
            *more,
        ]

    def take(self, piece: bytes) -> bytes:
        """Return what of a piece is to be sent on now."""
        return piece if self.reply is None else self.reply.take(piece)

    def end(self) -> bytes:
        """Return what is still to be sent."""
        return b"" if self.reply is None else self.reply.end()


class Companion:
    """The memory's part in requests.

    Attributes:
        memories: None where the service has no memory.
        learner: learns after the reply.
    """

    def __init__(self, memories: Memories | None, learner: Learner | None, metrics: EchoMetrics) -> None:
        self.memories = memories
        self.learner = learner
        self._metrics = metrics

    async def join(
        self, request: str, route: str, principal: Principal, headers: Headers, incoming: Incoming
    ) -> Part | None:
        """Recall for a request; None where it has nothing to do with a memory and goes on as it came.

        Raises:
            SpaceRefusedError: It names a space that it may not use.
        """
        if route not in ROUTES:
            return None
        fields = incoming.fields
        named = {name: value for name, value in headers if name == HEADER}
        if OPTION not in fields and not named and principal.space is None:
            return None
        wish = wish_of(principal, named, fields.get(OPTION))
        body = without_option(fields)
        if wish is None:
            return Part(request, body, "skipped")
        if self.memories is None:
            return Part(request, body, "off")
        messages = said(route, fields)
        part = Part(request, body, "skipped", incoming.model, principal.name, asked(messages), wish)
        if not wish.recall:
            return part
        began = time.perf_counter()
        prepared, part.outcome = await self._prepare(self.memories, wish, messages)
        notes = with_notes(route, fields, prepared.text) if prepared.text else None
        if notes is not None:
            part.body, part.cited = notes, prepared.cited
        elif part.outcome == "used":
            part.outcome = "nothing"
        self._metrics.recalls.labels(part.outcome).inc()
        self._metrics.recall_seconds.observe(time.perf_counter() - began)
        self._metrics.recalled.inc(len(part.cited))
        return part

    async def _prepare(self, memories: Memories, wish: Wish, messages: Sequence[Message]) -> tuple[Preparation, str]:
        nothing = Preparation(text="")
        if memories.resting:
            return nothing, "unavailable"
        limits = memories.config.recall
        limit = wish.limit if wish.limit is not None else limits.limit
        try:
            async with asyncio.timeout(limits.seconds):
                space = await memories.space(wish.space)
                prepared = await memories.mind.prepare(space, messages, memories.now(), limit=limit)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong here, the answer comes; it is counted and logged
            return nothing, _failed(memories, wish, error)
        return prepared, "used" if prepared.text else "nothing"

    def over(self, part: Part) -> None:
        """Take an answer that reached its client whole; never waits."""
        reply, wish = part.reply, part.wish
        if self.learner is None or reply is None or wish is None or not reply.whole:
            return
        if not part.words or not (wish.learn or wish.conversation):
            return
        memories = self.learner.memories
        cited = tuple(Recalled(id=hit.memory.id, score=hit.score, why=tuple(reasons(hit))) for hit in part.cited)
        lived = Lived(
            key=part.id,
            input=part.words,
            output=reply.text,
            model=part.model,
            speaker=part.speaker,
            conversation=wish.conversation,
            recalled=tuple(hit.memory.id for hit in part.cited),
            at=memories.now(),
        )
        self.learner.put(Task(wish.space, lived, cited, wish.learn))


def _failed(memories: Memories, wish: Wish, error: Exception) -> str:
    """Note why nothing was recalled; return a word for it."""
    if isinstance(error, TimeoutError):
        return "slow"
    if isinstance(error, StoreUnavailableError):
        memories.rest(error)
        return "unavailable"
    if isinstance(error, UnknownSpaceError):
        # Deleted by somebody else; it is made again with the next request.
        memories.forget_known(wish.space)
        return "unavailable"
    level = logging.WARNING if isinstance(error, EchoMemoryError) else logging.ERROR
    event("recall_failed", level=level, cause=type(error).__name__)
    return "failed"
