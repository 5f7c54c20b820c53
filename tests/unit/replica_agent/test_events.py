"""Events as the API takes them: shape, limits, series, and that losing one holds up nothing.

Not shown: that a real API server takes them and `kubectl describe` shows them; the local cluster shows that.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from replica_agent import events
from replica_agent.config import ApiConfig, Pod
from replica_agent.events import CONTROLLER, Events
from replica_agent.kube import ApiError, Kube

POD = Pod("models", "chat-0", "6a1f")


class Recorder(Kube):
    """An API server that remembers what it was asked to write, and refuses when told so."""

    def __init__(self) -> None:
        super().__init__(ApiConfig.model_validate({"configMap": "a", "key": "k", "url": "http://127.0.0.1:1"}))
        self.calls: list[tuple[str, str, Any]] = []
        self.refuse = 0

    async def call(self, method: str, path: str, body: Any = None, *, kind: str = "application/json") -> Any:
        assert kind == ("application/merge-patch+json" if method == "PATCH" else "application/json")
        if self.refuse:
            raise ApiError(self.refuse, "refused")
        self.calls.append((method, path, body))
        return {}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_PAUSE_S", 0)


async def written(one: Events) -> None:
    task = asyncio.create_task(one.run())
    await asyncio.sleep(0.05)
    task.cancel()


def test_the_shape() -> None:
    body = Events(None, POD, lambda: None).body("ModelFailed", "why", warning=True)
    assert body["regarding"] == {
        "apiVersion": "v1", "kind": "Pod", "namespace": "models", "name": "chat-0", "uid": "6a1f",
    }  # fmt: skip
    assert (body["reason"], body["type"], body["note"]) == ("ModelFailed", "Warning", "why")
    assert body["action"] == "Reconciling"
    assert (body["reportingController"], body["reportingInstance"]) == (CONTROLLER, "chat-0")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", body["eventTime"])
    assert re.fullmatch(r"chat-0\.[0-9a-f]{16}", body["metadata"]["name"])
    assert "uid" not in Events(None, Pod("a", "b"), lambda: None).body("Draining", "x", warning=False)["regarding"]


@pytest.mark.parametrize("text", ["x" * 2000, "ä" * 1000, "€" * 600])
def test_notes_are_cut_to_the_limit(text: str) -> None:
    note = Events(None, POD, lambda: None).body("ModelFailed", text, warning=True)["note"]
    assert len(note.encode()) <= 1024
    assert note.endswith("…")
    assert text.startswith(note[:-1])


@pytest.mark.anyio
async def test_the_same_event_again_is_counted_in_its_series() -> None:
    kube = Recorder()
    one = Events(kube, POD, lambda: None)
    for _ in range(3):
        one.say("ModelFailed", "why", warning=True)
    one.say("ModelFailed", "something else", warning=True)
    await written(one)
    assert [method for method, _, _ in kube.calls] == ["POST", "PATCH", "PATCH", "POST"]
    assert [body["series"]["count"] for method, _, body in kube.calls if method == "PATCH"] == [2, 3]
    assert kube.calls[1][1].endswith(kube.calls[0][2]["metadata"]["name"])


@pytest.mark.anyio
async def test_what_cannot_be_written_is_counted_and_nothing_stops() -> None:
    kube, lost = Recorder(), list[int]()
    one = Events(kube, POD, lambda: lost.append(1))
    kube.refuse = 403
    one.say("ModelReady", "a")
    await written(one)
    kube.refuse = 0
    one.say("ModelReady", "b")
    await written(one)
    assert len(lost) == 1
    assert [body["note"] for _, _, body in kube.calls] == ["b"]
    for number in range(300):
        one.say("ModelReady", str(number))
    assert len(lost) == 1 + 300 - 256
