"""The order of work: who is next, who waits for whom, what is told once, and a fault of ours that ends nothing.

Models are brought by a stand-in that does what the test says; tests/replica_agent brings them with a real Ollama.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from ollama import ModelState, OnEvent, PullEvent, ResourceError, TransientError
from ollama.document import Pull, Recipe, WantedDocument, WantedEntry
from replica_agent.bring import Bringer, WantedModels
from replica_agent.config import Pod
from replica_agent.events import Events, Reason
from replica_agent.metrics import Metrics
from replica_agent.reconcile import Reconciler
from replica_agent.status import Status
from replica_agent.wanted import WantedList

pytestmark = pytest.mark.anyio


@dataclass
class StandIn(Bringer):
    """Brings by saying so.

    Attributes:
        faults: what is raised for a name, one after the other.
        hang: names that never end.
        order: names in the order they were begun.
        unwanted: names that are to go.
    """

    faults: dict[str, list[Exception]] = field(default_factory=dict[str, list[Exception]])
    hang: set[str] = field(default_factory=set[str])
    order: list[str] = field(default_factory=list[str])
    loads: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])
    unwanted: list[str] = field(default_factory=list[str])

    async def bring(self, wanted: WantedModels, at: int, on_event: OnEvent) -> ModelState:
        name = wanted.models[at].name
        self.order.append(name)
        on_event(PullEvent("chat-0", name, "downloading", 1, 2))
        if name in self.hang:
            await asyncio.sleep(60)
        if self.faults.get(name):
            raise self.faults[name].pop(0)
        return ModelState(name, f"sha256:{name}", 2, "pulled")

    async def load(self, wanted: WantedModels, at: int, loaded: Sequence[int]) -> None:
        self.loads.append((wanted.models[at].name, [wanted.models[place].name for place in loaded]))

    def leaving(self, wanted: WantedModels) -> tuple[str, ...]:
        del wanted
        return tuple(self.unwanted)

    async def remove(self, wanted: WantedModels) -> tuple[str, ...]:
        del wanted
        gone, self.unwanted = tuple(self.unwanted), []
        return gone


@dataclass
class Rig:
    """A reconciler that works, its stand-in for Ollama, and the reasons of the Events that it wrote."""

    bringer: StandIn
    status: Status
    loop: Reconciler
    said: list[str]

    def want(self, *entries: WantedEntry, revision: str = "r1") -> None:
        self.loop.take(WantedList(WantedDocument(models=entries), revision))

    def phases(self) -> list[str]:
        return [track.phase for track in self.status]


def model(name: str, **more: object) -> WantedEntry:
    return WantedEntry.model_validate({"name": name, "pull": Pull(source=f"store/library/{name}"), **more})


async def until(what: Callable[[], bool]) -> None:
    for _ in range(1000):
        if what():
            return
        await asyncio.sleep(0.005)
    pytest.fail("not within 5 s")


@asynccontextmanager
async def running(look_s: float = 60) -> AsyncGenerator[Rig]:
    status = Status("chat", "chat-0", ollama_up=True, ollama_life=1)
    events = Events(None, Pod("models", "chat-0"), lambda: None)
    said: list[str] = []

    def say(reason: Reason, text: str, *, warning: bool = False) -> None:
        del text, warning
        said.append(reason)

    events.say = say
    bringer = StandIn()
    loop = Reconciler(bringer, status, events, Metrics(status), look_s)
    task = asyncio.create_task(loop.run())
    try:
        yield Rig(bringer, status, loop, said)
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_in_the_order_of_the_list_and_those_that_failed_last() -> None:
    async with running() as rig:
        rig.bringer.faults["a:1"] = [TransientError("chat-0", "a:1", "cut")] * 2
        rig.want(model("a:1"), model("b:1"))
        await until(lambda: rig.phases() == ["Ready", "Ready"])
        assert rig.bringer.order == ["a:1", "b:1", "a:1", "a:1"]
        assert rig.status.admitted
        assert rig.said.count("ModelReady") == 2
        assert rig.said.count("ModelPulling") == 2


async def test_what_is_made_waits_for_its_base() -> None:
    async with running() as rig:
        rig.bringer.hang.add("base:1")
        made = WantedEntry(name="made:1", create=Recipe(from_model="base:1", system="x"))
        rig.want(made, model("base:1"))
        await until(lambda: rig.bringer.order == ["base:1"])
        await asyncio.sleep(0.05)
        assert rig.phases() == ["Pending", "Pulling"]
        rig.bringer.hang.clear()
        rig.want(made, model("base:1", retain=True), revision="r2")
        await until(lambda: rig.phases() == ["Ready", "Ready"])
        assert rig.bringer.order == ["base:1", "base:1", "made:1"]


async def test_a_newer_list_cancels_only_what_it_does_not_want_so() -> None:
    async with running() as rig:
        rig.bringer.hang.add("a:1")
        rig.want(model("a:1"), model("b:1"))
        await until(lambda: rig.bringer.order == ["a:1"])
        rig.want(model("a:1"), revision="r2")
        await asyncio.sleep(0.05)
        assert rig.bringer.order == ["a:1"]
        rig.want(model("b:1"), revision="r3")
        await until(lambda: rig.phases() == ["Ready"])
        assert rig.bringer.order == ["a:1", "b:1"]


async def test_looks_go_on_and_ollama_being_away_stops_them() -> None:
    async with running(look_s=0.02) as rig:
        rig.want(model("a:1"))
        await until(lambda: len(rig.bringer.order) > 3)
        rig.status.ollama_up = False
        await asyncio.sleep(0.05)
        count = len(rig.bringer.order)
        await asyncio.sleep(0.1)
        assert len(rig.bringer.order) <= count + 1
        rig.status.ollama_up = True
        rig.loop.look()
        await until(lambda: len(rig.bringer.order) > count + 1)


async def test_stop_and_resume() -> None:
    async with running() as rig:
        rig.bringer.hang.add("a:1")
        rig.want(model("a:1"))
        await until(lambda: rig.bringer.order == ["a:1"])
        rig.loop.stop()
        rig.bringer.hang.clear()
        await asyncio.sleep(0.05)
        assert rig.bringer.order == ["a:1"]
        rig.loop.resume()
        await until(lambda: rig.phases() == ["Ready"])


async def test_room_that_a_removal_makes_is_used_at_once() -> None:
    async with running() as rig:
        rig.bringer.unwanted = ["old:1"]
        rig.bringer.faults["a:1"] = [ResourceError("chat-0", "a:1", "no space left")]
        rig.want(model("a:1"))
        assert rig.status.leaving == ("old:1",)
        await until(lambda: rig.phases() == ["Ready"])
        assert rig.status.leaving == ()
        assert "ModelRemoved" in rig.said


async def test_preloads_once_in_each_life_of_ollama_with_those_loaded_before() -> None:
    async with running(look_s=0.02) as rig:
        rig.want(model("a:1", preload=True), model("b:1", preload=True), model("c:1"))
        await until(lambda: len(rig.bringer.order) > 8)
        assert rig.bringer.loads == [("a:1", []), ("b:1", ["a:1"])]
        rig.status.ollama_life = 2
        await until(lambda: len(rig.bringer.loads) == 4)
        (first, none), (second, loaded) = rig.bringer.loads[2:]
        assert {first, second} == {"a:1", "b:1"}
        assert (none, loaded) == ([], [first])


async def test_a_fault_of_ours_is_a_failure_of_that_model_alone() -> None:
    async with running() as rig:
        rig.bringer.faults["a:1"] = [ZeroDivisionError("oops")]
        rig.want(model("a:1"), model("b:1"))
        await until(lambda: rig.phases() == ["Failed", "Ready"])
        failure = next(iter(rig.status)).failure
        assert failure is not None
        assert failure.kind == "system"
        assert "oops" in failure.message
