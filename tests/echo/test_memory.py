"""Requests with a memory: recall, citation, learning, conversations, events, and answers when the memory fails.

With a real Ollama, whose requests are seen on the wire, and a real PostgreSQL. What is shown of recall is which notes a
prompt gets; whether a model uses them is no part of it.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect

from tests.echo.conftest import Ollama
from tests.echo.remembering import MODEL, SHORT, Remembering, remembering, requests_in, wait_open
from tests.replica_agent.harness import until
from tests.replica_agent.tap import Tap
from tests.support.postgres import SERVICE, Postgres

pytestmark = pytest.mark.ollama

WAIT_S = 90


def chat(words: str, **more: Any) -> dict[str, Any]:
    return {
        "model": MODEL,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": words}],
        "stream": False,
        "options": SHORT,
        **more,
    }


def test_a_request_without_a_space_reaches_ollama_byte_for_byte(home: Remembering) -> None:
    home.tap.reset()
    body = b'{ "messages": [{"role":"user",  "content":"caf\\u00e9"}], "stream":false, "model":"talker:1",\n "n": 1.0 }'
    with home.client(home.stranger) as http:
        answer = http.post("/api/chat", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert "echo" not in answer.json()
    assert not [name for name in answer.headers if name.startswith("x-echo")]
    sent = [found for wire in home.tap.wires for target, found in requests_in(bytes(wire.up)) if target == "/api/chat"]
    assert sent == [body]
    assert home.asked("/api/embed") == []


def test_what_is_ours_in_a_body_never_reaches_ollama(home: Remembering) -> None:
    """Also where no space is meant, so that nothing is recalled."""
    home.tap.reset()
    with home.client(home.stranger) as http:
        answer = http.post("/api/chat", json=chat("hello", echo={"recall": True}))
        refused = http.post("/api/chat", json=chat("hello", echo={"space": "ann"}))
        wrong = http.post("/api/chat", json=chat("hello", echo={"room": "ann", "limit": 0}))
    assert (answer.status_code, answer.headers["x-echo-memory"]) == (200, "skipped")
    assert (refused.status_code, wrong.status_code) == (403, 400)
    assert "echo.room" in wrong.text
    assert "echo.limit" in wrong.text
    [asked] = home.asked("/api/chat")
    assert "echo" not in asked


def test_notes_come_before_the_users_last_words_and_are_cited(home: Remembering) -> None:
    one = home.remember(home.ann, "The zither hangs in the attic.", source="ann", at="2025-03-04T05:06:07Z")
    home.tap.reset()
    with home.client(home.ann, "ann") as http:
        answer = http.post("/api/chat", json=chat("where is the zither?"))
        told = answer.json()["echo"]
        assert answer.headers["x-echo-memory"] == "used"
        assert answer.headers["x-echo-recalled"].split(",") == [hit["id"] for hit in told["recalled"]]
        assert int(answer.headers["content-length"]) == len(answer.content)
    assert told["space"] == "ann"
    assert told["recalled"][0]["id"] == one
    assert any(why.startswith("words: ") for why in told["recalled"][0]["why"])
    [asked] = home.asked("/api/chat")
    assert asked["messages"][0] == {"role": "system", "content": "Be brief."}
    notes, _, words = asked["messages"][1]["content"].rpartition("\n\n")
    assert words == "where is the zither?"
    assert "[1] 2025-03-04, ann: The zither hangs in the attic." in notes.splitlines()
    assert set(asked) == {"model", "messages", "stream", "options"}


@pytest.mark.parametrize("api", ["ollama", "openai", "generate"])
def test_a_stream_passes_whole_and_tells_at_its_end(home: Remembering, api: str) -> None:
    one = home.remember(home.ann, f"The quern-{api} stands in the barn.")
    words = f"what of quern-{api}?"
    home.tap.reset()
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "ollama": ("/api/chat", chat(words, stream=True)),
        "openai": ("/v1/chat/completions", {**chat(words, stream=True, max_tokens=4), "options": {}}),
        "generate": ("/api/generate", {"model": MODEL, "prompt": words, "options": SHORT}),
    }
    path, body = bodies[api]
    with home.client(home.ann) as http:
        answer = http.post(path, json={**body, "echo": {"space": "ann", "limit": 1, "learn": False}})
    assert answer.headers["x-echo-recalled"] == one
    [asked] = home.asked(path)
    assert f"quern-{api} stands in the barn" in json.dumps(asked)
    if api == "openai":
        assert answer.text.endswith("data: [DONE]\n\n")
        return
    *_, last = [json.loads(line) for line in answer.text.splitlines()]
    assert last["done"] is True
    assert [hit["id"] for hit in last["echo"]["recalled"]] == [one]


def test_pictures_and_parts_keep_their_place(home: Remembering) -> None:
    home.remember(home.ann, "The gannet nests on the cliff.")
    home.tap.reset()
    parts = [{"type": "text", "text": "where is the gannet?"}]
    body = {"model": MODEL, "messages": [{"role": "user", "content": parts}], "max_tokens": 4}
    with home.client(home.ann, "ann") as http:
        answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200
    assert answer.json()["echo"]["recalled"]
    [asked] = home.asked("/v1/chat/completions")
    first, second = asked["messages"][0]["content"]
    assert "[1] " in first["text"]
    assert second == parts[0]


def test_a_turn_is_learned_from_and_kept_in_its_conversation(home: Remembering) -> None:
    """After the reply; what was recalled is told with why, and how it begins, until it is deleted."""
    one = home.remember(home.ann, "The sextant is in the blue chest.")
    with home.client(home.ann, "ann") as http:
        before = http.get("/echo/state").json()["learning"]["experiences"]
        body = chat("I lost the sextant again", echo={"conversation": "voyage", "limit": 1})
        reply = http.post("/api/chat", json=body).json()
        assert reply["echo"]["conversation"] == "voyage"
        until(lambda: http.get("/echo/conversations/voyage").status_code == 200, WAIT_S)
        kept = http.get("/echo/conversations/voyage").json()
        asked, answered = kept["turns"]
        assert (asked["role"], asked["content"]) == ("user", "I lost the sextant again")
        assert (answered["role"], answered["content"]) == ("assistant", reply["message"]["content"])
        [recalled] = asked["recalled"]
        assert (recalled["id"], recalled["excerpt"]) == (one, "The sextant is in the blue chest.")
        assert recalled["why"]
        [listed] = [each for each in http.get("/echo/conversations").json()["conversations"] if each["id"] == "voyage"]
        assert (listed["turns"], listed["title"], listed["model"]) == (2, "I lost the sextant again", MODEL)
        # It is kept at once, and learned from when it is its turn.
        until(lambda: http.get("/echo/state").json()["learning"]["experiences"] == before + 1, WAIT_S)
        [learned] = http.get("/echo/memories", params={"q": "lost the sextant"}).json()["memories"]
        assert (learned["source"], learned["session"], learned["kind"]) == ("ann", "voyage", "episodic")
        assert learned["context"].splitlines()[0].endswith(str(datetime.now(UTC).year))
        assert http.delete(f"/echo/memories/{one}").status_code == 204
        assert http.get("/echo/conversations/voyage").json()["turns"][0]["recalled"][0]["excerpt"] is None
        assert http.delete("/echo/conversations/voyage").status_code == 204
        assert http.get("/echo/conversations/voyage").status_code == 404


def messages(asked: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["role"], one["content"]) for one in asked["messages"]]


def test_a_conversation_goes_on_by_its_id(home: Remembering) -> None:
    """A client sends its new words alone, right after the answer; Ollama gets all that was said."""
    about = {"conversation": "odyssey", "recall": False, "learn": False}

    def say(words: str, **more: Any) -> tuple[str, dict[str, Any], list[tuple[str, str]]]:
        home.tap.reset()
        with home.client(home.ann, "ann") as http:
            reply = http.post("/api/chat", json=chat(words, echo={**about, **more})).json()
        [asked] = home.asked("/api/chat")
        return reply["message"]["content"], reply["echo"], messages(asked)

    system = ("system", "Be brief.")
    first, told, asked = say("I am Nobody")
    assert (asked, told["history"]) == ([system, ("user", "I am Nobody")], 0)
    second, told, asked = say("who am I?")
    said = [("user", "I am Nobody"), ("assistant", first)]
    assert (asked, told["history"]) == ([system, *said, ("user", "who am I?")], 2)
    said += [("user", "who am I?"), ("assistant", second)]
    # Not where it is not wanted, nor beyond what the model can take, nor for who keeps the conversation itself.
    _, told, asked = say("and now?", history=False)
    assert (asked, told["history"]) == ([system, ("user", "and now?")], 0)
    own = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    with home.client(home.ann, "ann") as http:

        def put(**more: Any) -> int:
            return http.post("/api/chat", json={**chat("c", echo=about), **more}).json()["echo"]["history"]

        assert put(messages=own) == 0
        assert put(options={**SHORT, "num_ctx": 16}) < 6
        assert put(messages=own, echo={**about, "history": True}) >= 6
        home.tap.reset()
        bare = chat("what of the sea?", max_tokens=4, echo=about)
        del bare["options"]
        assert http.post("/v1/chat/completions", json=bare).json()["echo"]["history"] >= 6
    [asked] = home.asked("/v1/chat/completions")
    assert messages(asked)[: len(said) + 1] == [system, *said]
    assert messages(asked)[-1] == ("user", "what of the sea?")


def test_nothing_is_learned_where_that_is_not_wanted(home: Remembering) -> None:
    """Nor from an answer that Ollama refused."""
    with home.client(home.ann, "ann") as http:
        assert http.post("/api/chat", json=chat("the ocarina is mine", echo={"learn": False})).status_code == 200
        bad = http.post("/api/chat", json={**chat("the ocarina is mine"), "format": "nonsense"})
        assert bad.status_code >= 400
        # A turn after them is learned from, so that theirs would have been by now.
        http.post("/api/chat", json=chat("the bassoon is mine"))
        until(lambda: http.get("/echo/memories", params={"q": "bassoon is mine"}).json()["memories"], WAIT_S)
        assert http.get("/echo/memories", params={"q": "ocarina is mine"}).json()["memories"] == []


def test_events_tell_what_happens(home: Remembering) -> None:
    async def listen() -> list[dict[str, Any]]:
        url = home.echo.main.replace("http", "ws") + "/echo/events?space=ann"
        offered = ["echorator", f"echorator.key.{home.ann.key}"]
        async with connect(url, subprotocols=offered, proxy=None) as socket:  # pyright: ignore[reportArgumentType]
            assert socket.subprotocol == "echorator"
            memory = await asyncio.to_thread(home.remember, home.ann, "An event.")
            found: list[dict[str, Any]] = []
            async with asyncio.timeout(WAIT_S):
                while not any(one.get("id") == memory for one in found):
                    found.append(json.loads(await socket.recv()))
            return found

    event = asyncio.run(listen())[-1]
    assert (event["type"], event["what"], event["kind"]) == ("memory", "created", "episodic")
    assert "An event." not in json.dumps(event)


def test_an_answer_comes_without_the_database_and_says_so(ollama: Ollama, postgres: Postgres, tmp_path: Path) -> None:
    """Lost while the service runs, and found again; and one that was never there."""
    url = postgres.url(postgres.create(), SERVICE)
    file = tmp_path / "url"
    with Tap(postgres.port) as way:
        file.write_text(url.replace(f":{postgres.port}/", f":{urlsplit(way.url).port}/"))
        with remembering(tmp_path / "echo", ollama, file, learning={"queue": 2, "workers": 1}) as one:
            wait_open(one)
            one.remember(one.ann, "The anvil is in the forge.")
            with one.client(one.ann, "ann") as http:
                assert http.post("/api/chat", json=chat("the anvil?")).headers["x-echo-memory"] == "used"
                way.cut()
                file.write_text("postgresql://nobody:nothing@127.0.0.1:9/none")
                way.refuse()
                until(
                    lambda: http.post("/api/chat", json=chat("the anvil?")).headers["x-echo-memory"] != "used", WAIT_S
                )
                answer = http.post("/api/chat", json=chat("the anvil?"))
                assert (answer.status_code, answer.headers["x-echo-memory"]) == (200, "unavailable")
                assert answer.json()["message"]["content"]
                assert answer.json()["echo"]["recalled"] == []
                gone = http.get("/echo/memories")
                assert (gone.status_code, gone.json()["error"]["code"]) == (503, "memory_unavailable")
                assert gone.headers["retry-after"]
                # What cannot be learned waits in a queue with a bound; what is beyond it is left out, and counted.
                for _ in range(5):
                    assert http.post("/api/chat", json=chat("more of the anvil")).status_code == 200
                until(lambda: one.echo.metric("memory_turns_total", outcome="full") > 0, WAIT_S)
                assert one.echo.metric("memory_recalls_total", outcome="unavailable") > 0
                assert one.echo.metric("memory_turns_waiting") <= 2
                file.write_text(url)
                until(lambda: http.post("/api/chat", json=chat("anvil?")).headers["x-echo-memory"] == "used", WAIT_S)
            text = one.echo.log.read_text()
            assert "anvil" not in text
            assert postgres.password not in text


def test_a_database_that_goes_while_nobody_asks_is_noticed(ollama: Ollama, postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.url(postgres.create(), SERVICE)
    file = tmp_path / "url"
    with Tap(postgres.port) as way:
        file.write_text(url.replace(f":{postgres.port}/", f":{urlsplit(way.url).port}/"))
        with remembering(tmp_path / "echo", ollama, file) as one:
            wait_open(one)
            until(lambda: one.echo.metric("memory_up") == 1, WAIT_S)
            way.cut()
            way.refuse()
            until(lambda: one.echo.metric("memory_up") == 0, WAIT_S)
            file.write_text(url)
            until(lambda: one.echo.metric("memory_up") == 1, WAIT_S)


def test_a_slow_memory_is_left_out(ollama: Ollama, postgres: Postgres, tmp_path: Path) -> None:
    """The limit is shorter than any embedding takes."""
    file = tmp_path / "url"
    file.write_text(postgres.url(postgres.create(), SERVICE))
    with remembering(tmp_path / "echo", ollama, file, recall={"seconds": 1e-6}) as one:
        wait_open(one)
        with one.client(one.ann, "ann") as http:
            answer = http.post("/api/chat", json=chat("hello"))
    assert (answer.status_code, answer.headers["x-echo-memory"]) == (200, "slow")
