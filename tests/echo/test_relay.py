"""What passes through the service is what Ollama says, and who leaves or dies on the way is dealt with.

Real Ollamas with models whose answers are noise. Not shown here: the cluster's part (DNS, endpoints, grace periods).
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import httpx
import pytest

from tests.echo.conftest import Ollama, Start
from tests.echo.harness import Echo
from tests.replica_agent.harness import until
from tests.replica_agent.tap import Tap

pytestmark = pytest.mark.ollama

FIXED = {"temperature": 0, "seed": 1, "num_predict": 8, "num_thread": 1}
GENERATE = {"model": "tiny:1", "prompt": "a", "options": FIXED}
CHAT = {"model": "tiny:1", "messages": [{"role": "user", "content": "a"}], "options": FIXED}
TALK = {"model": "talker:1", "prompt": "a", "options": {"num_predict": 100_000}}
OPENAI = {
    "model": "tiny:1",
    "messages": [{"role": "user", "content": "a"}],
    "max_tokens": 8,
    "temperature": 0,
    "seed": 1,
}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("/api/generate", GENERATE),
    ("/api/generate", {**GENERATE, "stream": False}),
    ("/api/generate", {**GENERATE, "format": "json", "stream": False}),
    ("/api/chat", CHAT),
    ("/api/chat", {**CHAT, "stream": False}),
    ("/api/show", {"model": "tiny:1"}),
    ("/v1/chat/completions", OPENAI),
    ("/v1/chat/completions", {**OPENAI, "stream": True, "stream_options": {"include_usage": True}}),
    ("/v1/completions", {"model": "tiny:1", "prompt": "a", "max_tokens": 4, "temperature": 0, "seed": 1}),
    ("/v1/messages", {**OPENAI, "stream": True}),
    ("/api/chat", {**CHAT, "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}),
    ("/api/generate", {**GENERATE, "images": ["aGk="]}),
    ("/api/embed", {"model": "tiny:1", "input": ["a", "b"]}),
    ("/api/chat", {"model": "tiny:1", "messages": 3}),
    ("/api/generate", {**GENERATE, "options": {"num_predict": "x"}}),
]
_TIMES = {"created_at", "total_duration", "load_duration", "prompt_eval_duration", "eval_duration", "created", "id"}


def timeless(value: Any) -> Any:
    """Return an answer without what differs from one time to the next."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {key: timeless(inner) for key, inner in fields.items() if key not in _TIMES}
    return [timeless(inner) for inner in cast("list[Any]", value)] if isinstance(value, list) else value


def by(field: str) -> Callable[[dict[str, Any]], str]:
    return lambda one: str(one[field])


def events(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.strip()]
    return [line if line == "[DONE]" else timeless(json.loads(line)) for line in lines]


@pytest.mark.parametrize(("path", "body"), CASES)
def test_an_answer_is_ollamas_own(echo: Echo, ollama: Ollama, path: str, body: dict[str, Any]) -> None:
    """Not only good ones: what Ollama refuses, it refuses in its own words."""
    direct = httpx.post(ollama.url + path, json=body, timeout=60, trust_env=False)
    through = echo.post(path, body)
    assert through.status_code == direct.status_code
    assert through.headers["content-type"] == direct.headers["content-type"]
    if direct.headers["content-type"].startswith(("application/x-ndjson", "text/event-stream")):
        lines = [line for line in through.text.splitlines() if not line.startswith("event:")]
        assert events("\n".join(lines)) == events(
            "\n".join(line for line in direct.text.splitlines() if not line.startswith("event:"))
        )
    else:
        assert timeless(through.json()) == timeless(direct.json())


@pytest.mark.parametrize("path", ["/api/tags", "/api/version", "/api/ps"])
def test_lists_are_as_ollama_has_them(echo: Echo, ollama: Ollama, path: str) -> None:
    for base in (echo.main, echo.ollama):
        found = echo.get(path, base=base).json()
        direct = httpx.get(ollama.url + path, trust_env=False).json()
        if "models" in direct:
            found["models"].sort(key=by("name"))
            direct["models"].sort(key=by("name"))
        assert found == direct


def test_models_as_openai_lists_them(echo: Echo, ollama: Ollama) -> None:
    direct = httpx.get(f"{ollama.url}/v1/models", trust_env=False).json()["data"]
    found = echo.get("/v1/models").json()["data"]
    assert sorted(found, key=by("id")) == sorted(direct, key=by("id"))
    assert echo.get("/v1/models/tiny:two").json()["id"] == "tiny:two"
    assert echo.get("/v1/models/none").status_code == 404


@pytest.mark.parametrize("name", ["tiny:1", "library/tiny:1", "registry.ollama.ai/library/tiny:1", "TINY:1"])
def test_a_model_is_found_by_each_of_its_spellings(echo: Echo, ollama: Ollama, name: str) -> None:
    body = {**GENERATE, "model": name, "stream": False}
    direct = httpx.post(f"{ollama.url}/api/generate", json=body, timeout=60, trust_env=False)
    assert direct.status_code == 200
    assert echo.post("/api/generate", body).status_code == 200


def test_pieces_come_as_they_are_made(echo: Echo) -> None:
    """The first token is there long before the last: nothing is gathered on the way."""
    with echo.client() as http, http.stream("POST", "/api/generate", json=TALK) as answer:
        began = time.monotonic()
        lines = answer.iter_lines()
        next(lines)
        first = time.monotonic() - began
        count = 1 + sum(1 for _ in lines)
        whole = time.monotonic() - began
    assert count > 500
    assert first < whole / 2


@pytest.mark.parametrize("where", ["main", "ollama"])
def test_ollama_stops_when_the_client_leaves(start_echo: Start, ollama: Ollama, where: str) -> None:
    with Tap(ollama.port) as tap:
        echo = start_echo({"name": "chat", "url": tap.url})
        with echo.client(getattr(echo, where)) as http, http.stream("POST", "/api/generate", json=TALK) as answer:
            lines = answer.iter_lines()
            next(lines)
            assert echo.replicas()[0]["running"] == 1
        # At a connection that is closed Ollama ends the generation.
        until(lambda: any(wire.closed for wire in tap.wires if b"/api/generate" in wire.up))
        until(lambda: echo.replicas()[0]["running"] == 0)
        until(lambda: echo.metric("request_errors_total", reason="cancelled") == 1)
        # It answers one request of a model at a time here, so this waits for the one that was left.
        assert echo.post("/api/generate", {**TALK, "options": {"num_predict": 1}}).status_code == 200


def test_who_leaves_while_waiting_gives_up_the_place(start_echo: Start, ollama: Ollama) -> None:
    echo = start_echo({"name": "chat", "url": ollama.url}, routing={"ahead": 0, "lookSeconds": 0.3})
    with echo.client() as http, http.stream("POST", "/api/generate", json=TALK) as running:
        lines = running.iter_lines()
        next(lines)
        with pytest.raises(httpx.ReadTimeout), echo.client() as other:
            other.post("/api/generate", json=TALK, timeout=0.5)
        until(lambda: echo.metric("queue_waiting") == 0)
    until(lambda: echo.metric("requests_in_flight") == 0)
    assert echo.post("/api/generate", {**GENERATE, "stream": False}).status_code == 200


def test_a_full_queue_is_told(start_echo: Start, ollama: Ollama) -> None:
    echo = start_echo({"name": "chat", "url": ollama.url}, routing={"ahead": 0, "lookSeconds": 0.3}, queue={"size": 0})
    with echo.client() as http, http.stream("POST", "/api/generate", json=TALK) as running:
        lines = running.iter_lines()
        next(lines)
        refused = echo.post("/api/generate", TALK)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert "wait already" in refused.json()["error"]
        other = echo.post("/v1/chat/completions", {**OPENAI, "model": "talker:1"})
        assert other.json()["error"]["code"] == "queue_full"


def test_a_dead_replica_is_gone_round_before_the_first_byte(
    start_echo: Start, start_ollama: Callable[[], Ollama]
) -> None:
    one, two = start_ollama(), start_ollama()
    slow = {"lookSeconds": 600.0}
    echo = start_echo({"name": "a", "url": one.url}, {"name": "b", "url": two.url}, routing=slow)
    assert [replica["up"] for replica in echo.replicas()] == [True, True]
    one.kill()
    short = {"model": "talker:1", "stream": False, "options": {"num_predict": 1}}
    for number in range(8):
        assert echo.post("/api/generate", {**short, "prompt": f"a {number}"}).status_code == 200
    assert echo.metric("retries_total") == 1
    two.kill()
    refused = echo.post("/api/generate", {**short, "prompt": "a"})
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/generate", TALK),
        ("/v1/completions", {"model": "talker:1", "prompt": "a", "stream": True, "max_tokens": 9999}),
    ],
)
def test_a_replica_that_dies_in_a_stream_is_told_in_the_stream(
    start_echo: Start, start_ollama: Callable[[], Ollama], path: str, body: dict[str, Any]
) -> None:
    server = start_ollama()
    echo = start_echo({"name": "chat", "url": server.url})
    with echo.client() as http, http.stream("POST", path, json=body) as answer:
        lines = answer.iter_lines()
        assert "error" not in next(lines)
        server.kill()
        last = [line for line in lines if line.strip()][-1]
    assert "the replica that wrote this answer is gone" in last
    found = json.loads(last.removeprefix("data: "))["error"]
    assert isinstance(found, str) == path.startswith("/api")
    until(lambda: echo.metric("request_errors_total", reason="cut") == 1)


def test_a_stream_ends_whole_when_the_service_is_told_to_stop(start_echo: Start, ollama: Ollama) -> None:
    echo = start_echo({"name": "chat", "url": ollama.url})
    with ThreadPoolExecutor(1) as pool:
        whole = pool.submit(echo.post, "/api/generate", TALK)
        until(lambda: echo.metric("requests_in_flight") == 1)
        os.kill(echo.pid, signal.SIGTERM)
        until(lambda: echo.get("/models/health").status_code == 503)
        answer = whole.result(60)
    assert json.loads(answer.text.splitlines()[-1])["done"] is True
    assert echo.exit_code() == 0


def test_a_drain_sends_new_requests_on(start_echo: Start, ollama: Ollama) -> None:
    echo = start_echo({"name": "chat", "url": ollama.url}, drain={"settleSeconds": 0.1, "limitSeconds": 20})
    with echo.client() as http, http.stream("POST", "/api/generate", json=TALK) as running:
        lines = running.iter_lines()
        next(lines)
        drained = threading.Thread(target=lambda: httpx.get(f"{echo.internal}/drain", timeout=60, trust_env=False))
        drained.start()
        until(lambda: echo.post("/api/generate", GENERATE).status_code == 503)
        refused = echo.post("/api/generate", GENERATE)
        assert (refused.headers["retry-after"], refused.headers["connection"]) == ("1", "close")
        assert drained.is_alive()
    drained.join(20)
    assert not drained.is_alive()


def test_logs_hold_neither_prompts_nor_answers_nor_keys(echo: Echo) -> None:
    secret = "Xyzzy-plugh-7531"
    echo.post("/api/generate", {**GENERATE, "prompt": secret, "system": secret, "stream": False})
    echo.post("/api/generate", {"model": secret, "prompt": secret})
    echo.post(f"/api/generate?{secret}={secret}", {**GENERATE, "prompt": secret, "options": {"num_predict": "x"}})
    with echo.client() as http:
        http.post("/api/generate", content=f'{{"prompt": "{secret}'.encode())
        http.get("/api/tags", headers={"authorization": f"Bearer {secret}"})
    until(lambda: len(echo.logged("request")) >= 3)
    text = echo.log.read_text()
    assert secret not in text
    assert echo.key not in text
    assert secret not in httpx.get(f"{echo.internal}/metrics", trust_env=False).text
    (entry,) = [one for one in echo.logged("request") if one["reason"] == "invalid_json"]
    assert entry["key"] == "user"
