"""The loop that brings Ollama to the wanted list, one model at a time, and looks again for ever."""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from dataclasses import dataclass, field

from ollama import OllamaError, SystemFault
from ollama.state import PullEvent
from replica_agent.bring import Bringer, WantedModels
from replica_agent.events import Events
from replica_agent.logs import event
from replica_agent.metrics import Metrics
from replica_agent.status import Status, Track
from replica_agent.wanted import WantedList

__all__ = ["Reconciler"]

_RETRY_FIRST_S = 1.0
_RETRY_LONGEST_S = 60.0
_RARE = 5
"""What only a change helps is tried again after so many looks all the same: a disk may have been cleared."""
_REPORT = "see the agent's log, which has the traceback"


@dataclass
class Reconciler:
    """Brings, heals, removes, preloads.

    Attributes:
        bringer: the server.
        status: written here alone.
        events, metrics: told what happens.
        look_s: seconds between two looks at a model that is Ready.
    """

    bringer: Bringer
    status: Status
    events: Events
    metrics: Metrics
    look_s: float
    _list: WantedList | None = None
    _wanted: WantedModels | None = None
    _poked: asyncio.Event = field(default_factory=asyncio.Event)
    _running: tuple[Track, asyncio.Task[None]] | None = None
    _next_removal: float = 0.0
    _stopped: bool = False

    def take(self, wanted: WantedList) -> None:
        """Work on this list from now on; work on a model that is no longer wanted so is cancelled."""
        self._list = wanted
        self._wanted = WantedModels(wanted.document.models, self.status.replica)
        self.status.adopt(wanted.document.models, wanted.revision)
        self._next_removal = 0.0
        self.status.leaving = self.bringer.leaving(self._wanted)
        event("wanted", revision=wanted.revision, models=[entry.name for entry in wanted.document.models])
        if self._running is not None:
            track, task = self._running
            if all(track is not other for other in self.status):
                task.cancel()
        self._poked.set()

    def look(self) -> None:
        """Look at every model at once: Ollama was started anew."""
        for track in self.status:
            track.due = 0.0
        self._poked.set()

    def stop(self) -> None:
        """Cancel what runs and begin nothing new: the replica leaves."""
        self._stopped = True
        if self._running is not None:
            self._running[1].cancel()

    def resume(self) -> None:
        """Go on after a `stop`."""
        self._stopped = False
        self.look()

    async def run(self) -> None:
        """Reconcile for ever."""
        while True:
            self._poked.clear()
            if self._stopped or self._wanted is None or not self.status.ollama_up:
                await self._poked.wait()
                continue
            place = self._next(self._wanted)
            if place is not None:
                await self._attend(self._wanted, place)
            elif _time() >= self._next_removal:
                await self._remove(self._wanted)
            else:
                await self._rest()

    def _next(self, wanted: WantedModels) -> int | None:
        """Return the place of the model that is due: of those, the one that failed least."""
        tracks = list(self.status)
        due = [at for at, track in enumerate(tracks) if track.due <= _time() and self._base_is_there(wanted, at)]
        return min(due, key=lambda at: (tracks[at].failures, at), default=None)

    def _base_is_there(self, wanted: WantedModels, at: int) -> bool:
        base = wanted.base(at)
        tracks = list(self.status)
        if base is None or at in wanted.faults or tracks[base].phase == "Ready":
            return True
        tracks[at].wait_for(tracks[base])
        return False

    async def _rest(self) -> None:
        waiting = [track.due for track in self.status if track.due > _time()]
        seconds = max(0.0, min([*waiting, self._next_removal]) - _time())
        try:
            async with asyncio.timeout(seconds):
                await self._poked.wait()
        except TimeoutError:
            return

    async def _attend(self, wanted: WantedModels, at: int) -> None:
        """Bring one model; `take` or `stop` may cancel it."""
        track = list(self.status)[at]
        task = asyncio.create_task(self._bring(wanted, at, track))
        self._running = (track, task)
        try:
            await asyncio.wait({task})
        finally:
            self._running = None
            if not task.done():
                # The agent itself is ending; Ollama ends the download when its connection closes.
                task.cancel()
        if task.cancelled():
            event("cancelled", model=track.name)
            return
        fault = task.exception()
        if fault is not None:
            # A fault of ours in bringing one model must not end the gate, through which the others are served.
            where = "".join(traceback.format_exception(fault))
            event("fault", level=logging.ERROR, model=track.name, traceback=where)
            self._failed(track, SystemFault(self.status.replica, track.name, f"the agent failed: {fault!r}", _REPORT))

    async def _bring(self, wanted: WantedModels, at: int, track: Track) -> None:
        tracks = {one.name: one for one in self.status}
        drifted = False

        def on_event(step: PullEvent) -> None:
            nonlocal drifted
            stepped = tracks.get(step.model, track)
            self._count_bytes(stepped, step)
            was_ready = stepped.phase == "Ready"
            if not stepped.take(step):
                return
            if was_ready and stepped.was_ready and step.phase not in ("waiting", "retrying"):
                drifted = True
                self.metrics.drifts.labels(stepped.name).inc()
                text = f"model {stepped.name} was there and no longer is as wanted; bringing it again"
                self.events.say("ModelDrifted", text, warning=True)
            if stepped.phase in ("Pulling", "Creating") and not stepped.announced:
                stepped.announced = True
                self.events.say("ModelPulling", f"bringing model {stepped.name}")

        began = _time()
        try:
            state = await self.bringer.bring(wanted, at, on_event)
            if state.action != "present":
                self.metrics.bring_seconds.labels(track.name).observe(_time() - began)
            await self._preload(wanted, at, track)
        except OllamaError as error:
            self._failed(track, error)
            return
        self.metrics.tries.labels(track.name, state.action).inc()
        track.succeeded(state.digest, state.size_bytes)
        track.due = _time() + self.look_s * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, guards nothing
        first, track.was_ready, track.announced = not track.was_ready, True, False
        if track.enter("Ready") and (first or drifted or state.action != "present"):
            self.events.say("ModelReady", f"model {track.name} is ready at {state.digest} ({state.action})")
        self._admit()

    def _count_bytes(self, track: Track, step: PullEvent) -> None:
        # What lay there already is told with the first step of a download, and is no byte that came now.
        if step.phase == "downloading" and track.heard is not None and step.completed > track.heard:
            self.metrics.pulled.labels(track.name).inc(step.completed - track.heard)
        track.heard = step.completed if step.phase == "downloading" else None

    async def _preload(self, wanted: WantedModels, at: int, track: Track) -> None:
        # Once in each life of Ollama: after that its keep_alive decides how long the model stays.
        life = self.status.ollama_life
        if not track.entry.preload or track.loaded_in == life:
            return
        track.enter("Loading")
        loaded = [place for place, other in enumerate(self.status) if other.loaded_in == life]
        await self.bringer.load(wanted, at, loaded)
        track.loaded_in = life

    def _failed(self, track: Track, error: OllamaError) -> None:
        track.failed(error)
        self.metrics.tries.labels(track.name, error.kind).inc()
        if error.kind == "transient":
            wait = min(_RETRY_LONGEST_S, _RETRY_FIRST_S * 2.0 ** min(track.failures - 1, 20))
        else:
            wait = self.look_s * _RARE
        wait *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        track.due = _time() + wait
        event("failed", level=logging.WARNING, model=track.name, kind=error.kind, cause=error.message, again_s=wait)
        # While Ollama is away each model fails for the same reason, which the replica's report names.
        if self.status.ollama_up or error.kind != "transient":
            self.events.say("ModelFailed", f"model {track.name}: {error.message} ({error.kind})", warning=True)

    def _admit(self) -> None:
        if self.status.complete and not self.status.admitted:
            self.status.admitted = True
            event("admitted", revision=self.status.revision)

    async def _remove(self, wanted: WantedModels) -> None:
        # After all else was tried: a new model that shares blobs with one that goes finds them.
        self._admit()
        self._next_removal = _time() + self.look_s
        self.status.leaving = self.bringer.leaving(wanted)
        try:
            for name in await self.bringer.remove(wanted):
                self.metrics.removals.inc()
                self.events.say("ModelRemoved", f"model {name} is no longer wanted and was removed")
        except OllamaError as error:
            self.status.problem("removal", f"cannot remove: {error}", error.kind, error.hint)
            event("removal_failed", level=logging.WARNING, cause=str(error))
        else:
            self.status.problem("removal")
        if self.status.leaving and self.bringer.leaving(wanted) != self.status.leaving:
            # There is room now for those that found the disk full.
            for track in self.status:
                if track.failure is not None and track.failure.kind == "resource":
                    track.due = 0.0
        self.status.leaving = self.bringer.leaving(wanted)


def _time() -> float:
    return asyncio.get_running_loop().time()
