"""Learning after the reply, in the background: a bounded queue that never makes an answer wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from echo.memory import EchoMemoryError, EmbedderError, NewTurn, Recalled, StoreUnavailableError, UnknownSpaceError
from echo.mind import Lived
from echo.plain import fitting
from echo.remember.memories import Memories
from echo.telemetry import Origin, span
from replica_agent.logs import event

__all__ = ["Learner", "Task"]

_ATTEMPTS = 5
_PAUSE_S = 1.0
_LAST_S = 10.0
_POINTED = 16
"""Turns that the trace of a rest points to, of each space; the latest."""


@dataclass(frozen=True)
class Task:
    """One turn to keep and to learn from.

    Attributes:
        space: its name.
        lived: the turn.
        recalled: what was cited to it, with why.
        learn: learn from it; else it is only kept in its conversation.
        said: the user's words, as they are kept; those that are learned from where it is empty.
        origin: of the request's trace, where there is one.
    """

    space: str
    lived: Lived
    recalled: tuple[Recalled, ...] = ()
    learn: bool = True
    said: str = ""
    origin: Origin | None = None


@dataclass
class Learner:
    """Keeps turns in their conversations at once, and learns from them one after the other.

    Attributes:
        count: called with a word for what became of each turn: learned, full, failed; kept, unkept in a conversation.
        took: called with the seconds that one took.
        tidied: called with what was done to memories, merged or forgotten, and to how many.
        busy: turns that are being learned from.
    """

    memories: Memories
    count: Callable[[str], None] = lambda _: None
    took: Callable[[float], None] = lambda _: None
    tidied: Callable[[str, int], None] = lambda _, __: None
    busy: int = 0
    touched: set[str] = field(default_factory=set[str])
    """Spaces that learned since they were tidied last."""

    def __post_init__(self) -> None:
        self._origins: dict[str, deque[Origin]] = {}
        self._queue: asyncio.Queue[Task] = asyncio.Queue(self.memories.config.learning.queue)
        self._keeping: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._unkept: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Turns that wait."""
        return self._queue.qsize()

    def put(self, task: Task) -> bool:
        """Take a turn; False where too many wait, so that it is left out. Never waits."""
        if task.lived.conversation:
            self._begin_to_keep(task)
        if not task.learn:
            return True
        try:
            self._queue.put_nowait(task)
        except asyncio.QueueFull:
            self.count("full")
            return False
        return True

    async def kept(self, space: str, conversation: str) -> None:
        """Wait until what was said in a conversation here is kept, so that the next turn finds it."""
        running = self._keeping.get((space, conversation))
        if running is not None:
            await asyncio.wait([running])

    def _begin_to_keep(self, task: Task) -> None:
        # Not in the queue: the next turn may come before those of others are learned from.
        place = (task.space, task.lived.conversation)
        if len(self._unkept) >= self.memories.config.learning.queue:
            self.count("unkept")
            return
        running = asyncio.create_task(self._keep_after(self._keeping.get(place), task))
        self._keeping[place] = running
        self._unkept.add(running)

        def over(done: asyncio.Task[None]) -> None:
            self._unkept.discard(done)
            if self._keeping.get(place) is done:
                del self._keeping[place]

        running.add_done_callback(over)

    async def _keep_after(self, before: asyncio.Task[None] | None, task: Task) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            with span("keep", after=task.origin):
                async with asyncio.timeout(self.memories.config.learning.seconds):
                    await self._tried(task, self._keep)
        except Exception as error:  # noqa: BLE001 - as in `_one`
            self.count("unkept")
            event("turn_not_kept", level=logging.WARNING, key=task.lived.key, cause=type(error).__name__)
        else:
            self.count("kept")

    async def run(self) -> None:
        """Learn, for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.memories.config.learning.workers):
                group.create_task(self._work())
            group.create_task(self._tidy())

    async def finish(self, seconds: float = _LAST_S) -> None:
        """Learn from what waits, before the end; what takes longer is lost and logged."""
        end = time.monotonic() + seconds
        if self._unkept:
            _, left = await asyncio.wait(self._unkept, timeout=seconds)
            for one in left:
                one.cancel()
            if left:
                event("turns_not_kept", level=logging.WARNING, number=len(left))
        while (not self._queue.empty()) and time.monotonic() < end:
            await self._one(self._queue.get_nowait(), end - time.monotonic())
        if self.waiting:
            event("turns_lost", level=logging.WARNING, number=self.waiting)

    async def _work(self) -> None:
        while True:
            task = await self._queue.get()
            self.busy += 1
            try:
                await self._one(task, self.memories.config.learning.seconds)
            except asyncio.CancelledError:
                # The service ends: `finish` takes it up again, and what of it is stored already stays single.
                with contextlib.suppress(asyncio.QueueFull):
                    self._queue.put_nowait(task)
                raise
            finally:
                self.busy -= 1

    async def _one(self, task: Task, seconds: float) -> None:
        began = time.perf_counter()
        try:
            with span("learn", after=task.origin):
                async with asyncio.timeout(seconds):
                    await self._tried(task, self._learn)
        except Exception as error:  # noqa: BLE001 - one turn that cannot be learned from must not end those after it
            self.count("failed")
            event("turn_not_learned", level=logging.WARNING, key=task.lived.key, cause=type(error).__name__)
        else:
            self.count("learned")
            self.took(time.perf_counter() - began)

    async def _tried(self, task: Task, do: Callable[[Task], Awaitable[None]]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await do(task)
            except (StoreUnavailableError, EmbedderError) as error:
                if isinstance(error, StoreUnavailableError):
                    self.memories.rest(error)
                if attempt == _ATTEMPTS:
                    raise
                await asyncio.sleep(_PAUSE_S * 2**attempt)
            except UnknownSpaceError:
                self.memories.forget_known(task.space)
                if attempt == _ATTEMPTS:
                    raise
            else:
                return

    async def _learn(self, task: Task) -> None:
        memories, lived = self.memories, task.lived
        space = await memories.space(task.space)
        now = memories.now()
        learned = await memories.mind.learn(space, lived, now)
        self.touched.add(task.space)
        if task.origin is not None:
            self._origins.setdefault(task.space, deque(maxlen=_POINTED)).append(task.origin)
        memories.measured(task.space, learned.coherence)
        self.tidied("merged", learned.merged)
        for one in learned.memories:
            memories.hub.publish(task.space, "memory", id=str(one), what="learned")
        memories.hub.publish(task.space, "state")

    async def _keep(self, task: Task) -> None:
        memories, lived = self.memories, task.lived
        space = await memories.space(task.space)
        now = memories.now()
        at = lived.at if lived.at is not None else now
        said = task.said if task.said.strip() else lived.input
        await space.add_turns(
            lived.conversation,
            [
                NewTurn(role="user", content=fitting(said), at=at, recalled=task.recalled, request=lived.key),
                NewTurn(role="assistant", content=fitting(lived.output), at=now, request=lived.key),
            ],
            model=lived.model[:128],
            owner=lived.speaker,
        )
        memories.hub.publish(task.space, "turn", conversation=lived.conversation)

    async def _tidy(self) -> None:
        """Consolidate and forget, now and then, where something was learned."""
        minutes = self.memories.config.learning.tidy_minutes
        while minutes:
            await asyncio.sleep(minutes * 60)
            spaces, self.touched = sorted(self.touched), set()
            for name in spaces:
                try:
                    space = await self.memories.space(name)
                    with span("rest", links=self._origins.pop(name, ())):
                        rested = await self.memories.mind.rest(space, self.memories.now())
                        await space.index_fresh()
                except EchoMemoryError as error:
                    self.touched.add(name)
                    event("not_tidied", level=logging.WARNING, cause=type(error).__name__)
                    continue
                if rested is None:
                    continue
                self.memories.measured(name, rested.coherence)
                self.tidied("merged", rested.merged)
                self.tidied("forgotten", rested.forgotten)
                self.memories.hub.publish(name, "consolidated", merged=rested.merged)
                if rested.forgotten:
                    self.memories.hub.publish(name, "forgotten", number=rested.forgotten)
