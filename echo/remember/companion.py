"""The memory's part in one request: recall before it, its place in the answer, learning after it.

Whatever fails here, the answer comes: without memory, and with a header that says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from echo.auth.principal import Principal
from echo.beside import BESIDE
from echo.engine.incoming import Incoming
from echo.engine.metrics import EchoMetrics
from echo.memory import (
    EchoMemoryError,
    Hit,
    Recalled,
    StoreUnavailableError,
    UnknownConversationError,
    UnknownSpaceError,
)
from echo.mind import Lived, Message, Preparation, Said, reasons
from echo.plain import asked, fitting
from echo.remember.memories import Memories
from echo.remember.reply import Reply
from echo.remember.rooms import HEADER, SpaceRefusedError, Wish, wish_of
from echo.remember.talk import (
    CHAT,
    OPTION,
    ROUTES,
    answered,
    context_of,
    fitting_history,
    said,
    with_history,
    with_notes,
    without_option,
)
from echo.remember.tasks import Learner, Task
from echo.telemetry import origin, span
from replica_agent.headers import Headers
from replica_agent.logs import event

__all__ = ["Companion", "Part"]

_OK = 200
_SPEAKS = frozenset({"user", "assistant"})


@dataclass
class Part:
    """What the memory does for one request.

    Attributes:
        body: that Ollama gets.
        outcome: of recall: used, nothing, skipped, slow, unavailable, failed, off.
        words: the user's last ones, as far as they are learned from ...
        whole: ... and as they are kept in the conversation.
        before: what was said before them.
        history: how many messages of before were put back.
    """

    id: str
    body: bytes
    outcome: str
    route: str = ""
    model: str = ""
    speaker: str = ""
    words: str = ""
    whole: str = ""
    wish: Wish | None = None
    before: Sequence[Said] = ()
    history: int = 0
    cited: Sequence[Hit] = ()
    reply: Reply | None = field(default=None, init=False)

    @property
    def told(self) -> dict[str, Any] | None:
        """What the answer says of it."""
        if self.wish is None:
            return None
        found: dict[str, Any] = {"space": self.wish.space, "memory": self.outcome}
        if self.wish.conversation:
            found |= {"conversation": self.wish.conversation, "history": self.history}
        found["recalled"] = [
            {"id": str(hit.memory.id), "why": reasons(hit), "score": round(hit.score, 6)} for hit in self.cited
        ]
        return found

    @property
    def prefix(self) -> bytes | None:
        """A hash of its conversation, whose beginning changes when turns drop out of it; None where it names none."""
        if self.wish is None or not self.wish.conversation:
            return None
        name = f"{self.wish.space}\0{self.wish.conversation}"
        return hashlib.blake2b(name.encode(errors="replace"), digest_size=16).digest()

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

    def __init__(
        self,
        memories: Memories | None,
        learner: Learner | None,
        metrics: EchoMetrics,
        context: Callable[[str], int],
    ) -> None:
        """Prepare it.

        Args:
            memories: of the service.
            learner: of the service.
            metrics: of the service.
            context: tells how many tokens a model of that name may have for one request.
        """
        self.memories = memories
        self.learner = learner
        self._metrics = metrics
        self._context = context

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
        memories = self.memories
        part = Part(request, body, "skipped", route, incoming.model, principal.name, wish=wish)
        end = asyncio.get_running_loop().time() + memories.config.recall.seconds
        if wish.conversation:
            with span("history") as told:
                fields = await self._resume(memories, part, wish, fields, end)
                told(messages=part.history)
        messages = said(route, fields)
        part.words, part.before = asked(messages), _before(messages, part)
        part.whole = next((one.content for one in reversed(messages) if one.role == "user" and one.content.strip()), "")
        if not wish.recall or part.outcome != "skipped":
            return part
        began = time.perf_counter()
        with span("recall") as told:
            prepared, part.outcome = await self._prepare(memories, wish, messages, end)
            notes = with_notes(route, fields, prepared.text) if prepared.text else None
            if notes is not None:
                part.body, part.cited = notes, prepared.cited
            elif part.outcome == "used":
                part.outcome = "nothing"
            told(outcome=part.outcome, memories=len(part.cited))
        self._metrics.recalls.labels(part.outcome).inc()
        self._metrics.recall_seconds.observe(time.perf_counter() - began)
        self._metrics.recalled.inc(len(part.cited))
        return part

    async def _resume(
        self, memories: Memories, part: Part, wish: Wish, fields: Mapping[str, Any], end: float
    ) -> Mapping[str, Any]:
        """Return the request with what was said in its conversation, where that is wanted and can be had.

        Raises:
            SpaceRefusedError: The conversation is somebody else's.
        """
        if memories.resting:
            part.outcome = "unavailable"
            return fields
        bounds = memories.config.history
        try:
            async with asyncio.timeout_at(end):
                if self.learner is not None:
                    await self.learner.kept(wish.space, wish.conversation)
                space = await memories.space(wish.space)
                found, turns = await space.conversation(wish.conversation, limit=max(1, bounds.messages))
        except UnknownConversationError:
            return fields
        except Exception as error:  # noqa: BLE001 - as in `_prepare`
            part.outcome = _failed(memories, wish, error)
            return fields
        if found.owner != part.speaker:
            text = f"the conversation {wish.conversation!r} is not this key's; take another name"
            raise SpaceRefusedError(HTTPStatus.FORBIDDEN, "conversation_not_allowed", text)
        wanted = wish.history if wish.history is not None else not answered(fields)
        if part.route not in CHAT or not wanted or not bounds.messages or not isinstance(fields.get("messages"), list):
            return fields
        put = fitting_history(
            [Message(role=one.role, content=one.content) for one in turns],
            fields,
            context=context_of(fields, self._context(part.model)),
            characters=bounds.characters,
            notes=memories.config.recall.characters if wish.recall else 0,
        )
        if not put:
            return fields
        part.history = len(put)
        whole = with_history(fields, put)
        part.body = without_option(whole)
        return whole

    async def _prepare(
        self, memories: Memories, wish: Wish, messages: Sequence[Message], end: float
    ) -> tuple[Preparation, str]:
        nothing = Preparation(text="")
        if memories.resting:
            return nothing, "unavailable"
        limits = memories.config.recall
        limit = wish.limit if wish.limit is not None else limits.limit
        try:
            async with asyncio.timeout_at(end):
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
            before=tuple(part.before),
            at=memories.now(),
        )
        self.learner.put(Task(wish.space, lived, cited, wish.learn, part.whole, origin()))


def _before(messages: Sequence[Message], part: Part) -> list[Said]:
    """What was said before the user's last words, and by whom."""
    last = next((i for i in range(len(messages) - 1, -1, -1) if messages[i].role == "user"), 0)
    return [
        Said(speaker=part.speaker if one.role == "user" else part.model, text=fitting(one.content))
        for one in messages[:last]
        if one.role in _SPEAKS
    ][-BESIDE:]


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
