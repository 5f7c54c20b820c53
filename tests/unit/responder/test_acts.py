"""Which acts are taken, which are refused, and that each is told as an Event; by the web hook's own door.

The API server is a double that records; tests/drill/test_stack.py shows the rights on a real one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from replica_agent.kube import ApiError, Json, Kube
from responder.app import create_app
from responder.config import ACTS, ConfigError, ResponderConfig, load

POD = {"uid": "u1", "labels": {"app.kubernetes.io/name": "ollama", "app.kubernetes.io/part-of": "echorator"}}
PULL = {"alertname": "PullStuck", "act": "restart-stuck-pull", "namespace": "models", "server": "chat", "pod": "chat-0"}
QUEUE = {"alertname": "QueueLong", "act": "scale-up", "namespace": "models", "server": "chat", "pod": "chat-0"}
FAULT = {"alertname": "GpuFault", "act": "cordon-replica", "Hostname": "node-1", "gpu": "0"}


def ask(app: Starlette, method: str, path: str, **request: Any) -> httpx.Response:
    """Ask the application as a client would."""

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://responder") as client:
            return await client.request(method, path, **request)

    return asyncio.run(asked())


class Recorder(Kube):
    """Answers reads from a table and keeps every write."""

    def __init__(self, answers: Mapping[str, Json | ApiError] | None = None) -> None:
        self.writes: list[tuple[str, str, Json | None]] = []
        self.events: list[Json] = []
        self._answers: dict[str, Json | ApiError] = {
            "/api/v1/namespaces/models/pods/chat-0": {"metadata": POD},
            "/apis/apps/v1/namespaces/models/statefulsets/chat/scale": {"spec": {"replicas": 2}},
            "/api/v1/nodes/node-1": {"spec": {}},
            **(answers or {}),
        }

    async def call(self, method: str, path: str, body: Json | None = None, *, kind: str = "application/json") -> Json:
        del kind
        if path.endswith("/events"):
            assert body is not None
            self.events.append(body)
            return {}
        if method != "GET":
            self.writes.append((method, path, body))
            return {}
        found = self._answers.get(path, ApiError(404, f"{path} is not there"))
        if isinstance(found, ApiError):
            raise found
        return found


def send(kube: Recorder, *alerts: dict[str, str], status: str = "firing", **settings: Any) -> list[str]:
    """Post alerts; return the outcomes."""
    config = ResponderConfig.model_validate({"namespace": "models", "allow": ACTS, "dryRun": False, **settings})
    message = {"version": "4", "alerts": [{"status": status, "labels": one} for one in alerts]}
    answer = ask(create_app(config, kube), "POST", "/alerts", json=message)
    assert answer.status_code == httpx.codes.OK
    return [str(one["outcome"]) for one in answer.json()]


def test_a_stuck_pull_is_restarted_by_deleting_that_pod_alone() -> None:
    kube = Recorder()
    assert send(kube, PULL) == ["done"]
    assert kube.writes == [("DELETE", "/api/v1/namespaces/models/pods/chat-0", {"preconditions": {"uid": "u1"}})]
    (told,) = kube.events
    assert told["reason"] == "Responded"
    assert told["regarding"] == {"kind": "Pod", "name": "chat-0", "apiVersion": "v1", "namespace": "models"}
    assert "PullStuck" in told["note"]


def test_one_replica_more() -> None:
    kube = Recorder()
    assert send(kube, QUEUE) == ["done"]
    path = "/apis/apps/v1/namespaces/models/statefulsets/chat/scale"
    assert kube.writes == [("PATCH", path, {"spec": {"replicas": 3}})]


def test_a_node_is_cordoned_once() -> None:
    kube = Recorder()
    assert send(kube, FAULT) == ["done"]
    assert kube.writes == [("PATCH", "/api/v1/nodes/node-1", {"spec": {"unschedulable": True}})]
    kube = Recorder({"/api/v1/nodes/node-1": {"spec": {"unschedulable": True}}})
    assert send(kube, FAULT) == ["refused"]
    assert kube.writes == []


@pytest.mark.parametrize("alert", [PULL, QUEUE, FAULT])
def test_a_dry_run_tells_and_changes_nothing(alert: dict[str, str]) -> None:
    kube = Recorder()
    assert send(kube, alert, dryRun=True) == ["dry-run"]
    assert kube.writes == []
    assert [one["reason"] for one in kube.events] == ["WouldRespond"]


def test_dry_run_is_the_default() -> None:
    assert ResponderConfig.model_validate({"namespace": "models"}).dry_run
    assert ResponderConfig.model_validate({"namespace": "models"}).allow == ()


@pytest.mark.parametrize(
    ("alert", "settings", "why"),
    [
        (PULL, {"allow": ["scale-up"]}, "not on the list: scale-up"),
        (PULL, {"allow": []}, "nothing is"),
        ({**PULL, "act": "delete-everything"}, {}, "not on the list"),
        ({**PULL, "namespace": "kube-system"}, {}, "another namespace"),
        ({**PULL, "pod": "../../secrets/x"}, {}, "does not say what it is about"),
        ({key: value for key, value in PULL.items() if key != "pod"}, {}, "does not say what it is about"),
        (QUEUE, {"maxReplicas": 2}, "at most 2 are allowed"),
    ],
)
def test_refused(alert: dict[str, str], settings: dict[str, Any], why: str) -> None:
    kube = Recorder()
    assert send(kube, alert, **settings) == ["refused"]
    assert kube.writes == []
    (told,) = kube.events
    assert why in told["note"]
    assert told["type"] == "Warning"


def test_a_pod_of_somebody_else_is_left_alone() -> None:
    kube = Recorder({"/api/v1/namespaces/models/pods/chat-0": {"metadata": {"uid": "u", "labels": {"app": "db"}}}})
    assert send(kube, PULL) == ["refused"]
    assert kube.writes == []


def test_the_same_act_is_taken_once_in_a_while() -> None:
    kube = Recorder()
    other = {**PULL, "model": "b"}
    assert send(kube, PULL, other, QUEUE) == ["done", "refused", "done"]
    assert len(kube.writes) == 2
    assert send(Recorder(), PULL, other, pauseS=0.0) == ["done", "done"]


def test_what_the_api_server_refuses_is_told() -> None:
    kube = Recorder({"/api/v1/namespaces/models/pods/chat-0": ApiError(403, "the API server answered 403: no")})
    assert send(kube, PULL) == ["failed"]
    assert [one["reason"] for one in kube.events] == ["RespondFailed"]


def test_an_alert_that_is_over_asks_for_nothing() -> None:
    kube = Recorder()
    assert send(kube, PULL, status="resolved") == []
    assert kube.events == []


def test_acts_are_counted_with_bounded_labels() -> None:
    config = ResponderConfig.model_validate({"namespace": "models", "allow": ["scale-up"]})
    app = create_app(config, Recorder())
    for act in ("scale-up", "x", "y"):
        ask(app, "POST", "/alerts", json={"alerts": [{"status": "firing", "labels": {**QUEUE, "act": act}}]})
    text = ask(app, "GET", "/metrics").text
    assert ask(app, "GET", "/healthz").status_code == httpx.codes.OK
    assert ask(app, "POST", "/alerts", content=b"{}").status_code == httpx.codes.BAD_REQUEST
    assert 'responder_acts_total{act="scale-up",outcome="dry-run"} 1.0' in text
    assert 'responder_acts_total{act="other",outcome="refused"} 2.0' in text


def test_a_bad_config_is_told(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"namespace": "models", "allow": ["rm"]}))
    with pytest.raises(ConfigError, match="allow"):
        load(file)
