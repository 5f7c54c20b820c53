"""The gate before a real Ollama: what passes is not changed, what may not pass is refused, and clients may leave.

A relay between gate and Ollama (`tap.py`) keeps every byte, so that what a client got is compared with what this same
Ollama sent for it. Models are tiny and their answers are noise.
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.replica_agent.conftest import Rig
from tests.replica_agent.harness import Agent, create_talker, listing, names_of, until
from tests.replica_agent.tap import Tap, parse
from tests.support.tiny_model import create_tiny

pytestmark = pytest.mark.ollama

MODEL = "tiny:1"
ASK: dict[str, Any] = {"model": MODEL, "options": {"num_predict": 20}}
CHAT = [{"role": "user", "content": "ba be bi"}]


@pytest.fixture
def tap(rig: Rig) -> Iterator[Tap]:
    create_tiny(rig.ollama.url, MODEL)
    with Tap(rig.ollama.port) as running:
        yield running


@pytest.fixture
def agent(rig: Rig, tap: Tap) -> Agent:
    rig.api.publish(listing())
    running = rig.start(ollamaUrl=tap.url, maxRequestBytes=1_000_000, lookSeconds=60)
    until(running.ready)
    tap.reset()
    return running


@pytest.fixture
def client(agent: Agent) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=agent.gate, timeout=60, trust_env=False) as http_client:
        yield http_client


def talk(tokens: int) -> dict[str, Any]:
    return {"model": "talker:1", "prompt": "a", "options": {"num_predict": tokens}}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/chat", ASK | {"messages": CHAT}),
        ("POST", "/api/chat", ASK | {"messages": CHAT, "stream": False}),
        ("POST", "/api/generate", ASK | {"prompt": "ba"}),
        ("POST", "/api/generate", {"model": MODEL, "keep_alive": "1h"}),
        ("POST", "/api/embed", {"model": MODEL, "input": ["ba", "be", "bi"]}),
        ("POST", "/api/embeddings", {"model": MODEL, "prompt": "ba"}),
        ("POST", "/api/show", {"model": MODEL}),
        ("POST", "/v1/chat/completions", {"model": MODEL, "messages": CHAT, "max_tokens": 20, "stream": True}),
        ("POST", "/v1/completions", {"model": MODEL, "prompt": "ba", "max_tokens": 20, "stream": True}),
        ("POST", "/v1/embeddings", {"model": MODEL, "input": "ba"}),
        ("POST", "/v1/responses", {"model": MODEL, "input": "ba", "max_output_tokens": 5, "stream": True}),
        ("POST", "/v1/messages", {"model": MODEL, "messages": CHAT, "max_tokens": 5, "stream": True}),
        ("POST", "/api/chat", {"model": "absent:1", "messages": CHAT}),
        ("POST", "/api/chat", {"model": 7}),
        ("GET", "/", None),
        ("GET", "/api/tags?a=%2Fb&c=+&d", None),
        ("HEAD", "/api/tags", None),
        ("GET", "/api/ps", None),
        ("GET", "/v1/models", None),
        ("GET", f"/v1/models/{MODEL}", None),
        ("OPTIONS", "/api/chat", None),
    ],
)
def test_what_passes_is_not_changed(
    client: httpx.Client, tap: Tap, method: str, path: str, body: dict[str, Any] | None
) -> None:
    headers = {
        "X-Own": "a, b",
        "Authorization": "Bearer sk-1",
        "Accept-Encoding": "identity",
        "Origin": "http://localhost",
    }
    answer = client.request(method, path, json=body, headers=headers)
    on_the_wire = tap.only() if method != "HEAD" else None
    if on_the_wire is None:
        assert answer.status_code == 200
        assert int(answer.headers["content-length"]) > 0
        return
    assert answer.content == on_the_wire.answered
    assert answer.status_code == on_the_wire.status
    theirs = [one for one in on_the_wire.answer_headers if one[0].lower() not in (b"transfer-encoding", b"connection")]
    ours = [one for one in answer.headers.raw if one[0].lower() != b"transfer-encoding"]
    assert [(name.lower(), value) for name, value in ours] == [(name.lower(), value) for name, value in theirs]
    sent = answer.request
    assert (on_the_wire.method, on_the_wire.target) == (method.encode(), path.encode())
    assert on_the_wire.asked == sent.content
    kept = [(name.lower(), value) for name, value in sent.headers.raw if name.lower() not in (b"host", b"connection")]
    got = [(name.lower(), value) for name, value in on_the_wire.headers if name.lower() != b"host"]
    assert got == kept


def test_the_pieces_of_a_stream_come_one_by_one(rig: Rig, client: httpx.Client, tap: Tap) -> None:
    create_talker(rig.ollama.url)
    client.post("/api/generate", json=talk(1))
    tap.reset()
    times: list[float] = []
    body = b""
    with client.stream("POST", "/api/generate", json=talk(1500)) as answer:
        for piece in answer.iter_raw():
            times.append(time.perf_counter())
            body += piece
    assert body == tap.only().answered
    assert len(times) > 100
    assert times[-1] - times[0] > 0.5


def test_a_body_of_unknown_length_is_streamed_up(client: httpx.Client, tap: Tap) -> None:
    text = json.dumps(ASK | {"prompt": "ba", "stream": False}).encode()
    answer = client.post("/api/generate", content=(text[at : at + 10] for at in range(0, len(text), 10)))
    assert answer.status_code == 200
    seen = tap.only()
    assert seen.asked == text
    assert (b"transfer-encoding", b"chunked") in [(name.lower(), value) for name, value in seen.headers]


@pytest.mark.parametrize(
    "target",
    [
        "/api/pull",
        "/api/pull/",
        "//api//pull",
        "/api/./pull",
        "/api/chat/../pull",
        "/API/PULL",
        "/api/%70ull",
        "/api/%2570ull",
        "/api/pull?stream=false",
        "/api/pull;x",
        "/api/create",
        "/api/copy",
        "/api/push",
        "/api/delete",
        "/api/blobs/sha256:00",
        "/v1/models/../../api/pull",
        "/v1/models/..%2f..%2fapi%2fpull",
        "/v1/images/generations",
        "http://127.0.0.1/api/pull",
        "/api\\pull",
    ],
)
def test_no_spelling_of_what_manages_models_gets_through(agent: Agent, tap: Tap, target: str) -> None:
    tap.reset()
    for method in ("POST", "DELETE", "PUT"):
        connection = http.client.HTTPConnection(agent.gate.removeprefix("http://"), timeout=10)
        connection.request(method, target, body=json.dumps({"model": MODEL}), headers={"Content-Length": "18"})
        answer = connection.getresponse()
        assert answer.status in {403, 404, 405}, (method, answer.status)
        assert json.loads(answer.read())["error"]
        connection.close()
    asked = [bytes(wire.up) for wire in tap.wires if not wire.up.startswith(b"GET /api/version")]
    assert asked == []


def test_a_refusal_speaks_the_clients_dialect(client: httpx.Client) -> None:
    ollama = client.post("/api/pull", json={"model": "x"})
    assert ollama.status_code == 403
    assert "clientsMayManageModels" in ollama.json()["error"]
    openai = client.post("/v1/fine_tuning/jobs", json={})
    assert openai.status_code == 404
    assert set(openai.json()["error"]) == {"message", "type", "param", "code"}


def test_where_clients_may_manage_models_all_passes(rig: Rig, tap: Tap) -> None:
    rig.api.publish(listing())
    agent = rig.start(ollamaUrl=tap.url, clientsMayManageModels=True)
    until(agent.ready)
    answer = httpx.post(f"{agent.gate}/api/copy", json={"source": MODEL, "destination": "b:1"}, trust_env=False)
    assert answer.status_code == 200
    assert names_of(rig.ollama.url) == ["b:1", MODEL]


def test_a_client_that_leaves_stops_ollama(rig: Rig, agent: Agent, tap: Tap) -> None:
    create_talker(rig.ollama.url)
    httpx.post(f"{agent.gate}/api/generate", json=talk(1), timeout=60, trust_env=False)
    tap.reset()
    with httpx.stream("POST", f"{agent.gate}/api/generate", json=talk(100_000), trust_env=False, timeout=60) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        assert agent.report().in_flight == 1
    left = time.monotonic()
    until(lambda: agent.report().in_flight == 0, 5)
    until(lambda: any(wire.closed for wire in tap.wires if b"/api/generate" in wire.up), 5)
    assert time.monotonic() - left < 2
    assert agent.metric("request_errors_total", reason="cancelled", route="/api/generate") == 1
    # Ollama answers one request of a model at a time here, so this waits for the one that was left.
    httpx.post(f"{agent.gate}/api/generate", json=talk(1), timeout=20, trust_env=False).raise_for_status()


def test_a_client_that_leaves_before_the_first_byte_stops_it_too(rig: Rig, agent: Agent, tap: Tap) -> None:
    create_talker(rig.ollama.url)
    body = json.dumps(talk(2000) | {"stream": False}).encode()
    with socket.create_connection(("127.0.0.1", int(agent.gate.rpartition(":")[2]))) as connection:
        connection.sendall(b"POST /api/generate HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        until(lambda: agent.report().in_flight == 1, 5)
    until(lambda: agent.report().in_flight == 0, 2)
    until(lambda: any(wire.closed for wire in tap.wires if b"/api/generate" in wire.up), 2)


def test_without_ollama_the_client_is_told_in_its_dialect(rig: Rig, agent: Agent, client: httpx.Client) -> None:
    client.get("/api/tags")
    rig.ollama.stop(signal.SIGKILL)
    for path, text in (("/api/chat", ("error",)), ("/v1/chat/completions", ("error", "message"))):
        answer = client.post(path, json={"model": MODEL, "messages": CHAT})
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        said: Any = answer.json()
        for key in text:
            said = said[key]
        assert "Ollama" in said
    assert agent.metric("request_errors_total", reason="ollama_unreachable") == 2


def test_an_answer_that_breaks_off_is_seen_to_be_broken(rig: Rig, agent: Agent, tap: Tap) -> None:
    create_talker(rig.ollama.url)
    with httpx.stream("POST", f"{agent.gate}/api/generate", json=talk(10_000), trust_env=False, timeout=60) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        tap.cut()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
    until(lambda: agent.metric("request_errors_total", reason="cut") == 1)


def test_a_request_is_handed_on_once(client: httpx.Client, tap: Tap) -> None:
    client.get("/api/tags")
    tap.cut()
    time.sleep(0.2)
    tap.reset()
    assert client.get("/api/tags").status_code == 200
    assert sum(bytes(wire.up).count(b"GET /api/tags") for wire in tap.wires) == 1


def test_a_body_that_is_too_large_is_refused(client: httpx.Client, tap: Tap) -> None:
    declared = client.post("/api/generate", content=b" " * 1_000_001)
    assert declared.status_code == 413
    assert [wire for wire in tap.wires if b"/api/generate" in wire.up] == []
    streamed = client.post("/api/generate", content=(b" " * 10_000 for _ in range(200)))
    assert streamed.status_code == 413
    assert "1000000 bytes" in streamed.json()["error"]


def test_connections_are_kept(agent: Agent, tap: Tap) -> None:
    connection = http.client.HTTPConnection(agent.gate.removeprefix("http://"), timeout=10)
    sockets: list[socket.socket] = []
    for _ in range(3):
        connection.request("GET", "/api/tags")
        sockets.append(connection.sock)
        answer = connection.getresponse()
        answer.read()
        assert answer.getheader("connection") is None
    assert sockets == [sockets[0]] * 3
    asked = [wire for wire in tap.wires if b"/api/tags" in wire.up]
    assert len(asked) == 1
    assert parse(bytes(asked[0].up), bytes(asked[0].down)).status == 200
    connection.close()


def test_tokens_and_times_are_counted(rig: Rig, tap: Tap) -> None:
    rig.api.publish(listing(rig.entry(1, "counted:1", aliases=("also:1",))))
    agent = rig.start(ollamaUrl=tap.url)
    until(agent.ready)
    with httpx.Client(base_url=agent.gate, timeout=60, trust_env=False) as client:
        said = client.post("/api/chat", json=ASK | {"model": "counted:1", "messages": CHAT}).text.splitlines()
        last = json.loads(said[-1])
        request = {"model": "also:1", "messages": CHAT, "max_tokens": 20, "stream": True}
        client.post("/v1/chat/completions", json=request | {"stream_options": {"include_usage": True}})
        client.post("/api/chat", json=ASK | {"messages": CHAT})
        client.post("/api/chat", json={"model": "absent:1", "messages": CHAT})
    assert agent.metric("prompt_tokens_total", model="counted:1") == last["prompt_eval_count"] > 0
    assert agent.metric("generated_tokens_total", model="counted:1") == last["eval_count"] > 0
    assert agent.metric("generated_tokens_total", model="also:1") == last["eval_count"]
    for name in ("time_to_first_token_seconds", "generated_tokens_per_second", "request_seconds"):
        for model in ("counted:1", "also:1", "other"):
            assert agent.metric(f"{name}_count", model=model) == 1, (name, model)
    rate = last["eval_count"] / (last["eval_duration"] / 1e9)
    assert agent.metric("generated_tokens_per_second_sum", model="counted:1") == pytest.approx(rate)
    assert agent.metric("requests_total", model="other", status="404") == 1
    assert agent.metric("requests_total", route="/api/chat") == 3
    labels = {one for one in agent.get("/metrics").text.split('"') if one in {MODEL, "absent:1"}}
    assert labels == set()
