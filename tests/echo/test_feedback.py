"""What clients say of answers: by request and by conversation, once, by whom the answer was given to, in their space.

With a real Ollama and a real PostgreSQL. The model is noise, so nothing is shown of what feedback does to answers; what
it does to memories is shown in tests/memory/test_judging.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.echo.remembering import MODEL, SHORT, Remembering
from tests.replica_agent.harness import until

pytestmark = pytest.mark.ollama

WAIT_S = 90


def ask(http: httpx.Client, words: str, **echo: Any) -> str:
    """Ask; return the request's id."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": words}], "stream": False, "options": SHORT}
    answer = http.post("/api/chat", json={**body, "echo": echo})
    assert answer.status_code == 200, answer.text
    return answer.headers["x-request-id"]


def is_learned(http: httpx.Client, request: str) -> Callable[[], bool]:
    return lambda: http.post("/echo/feedback", json={"request": request, "value": 0}).status_code == 200


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_an_answer_is_judged_by_its_request_once(home: Remembering) -> None:
    def counted() -> dict[str, float]:
        return {word: home.echo.metric("memory_judged_total", verdict=word) for word in ("good", "bad")}

    before = counted()
    with home.client(home.ann, "ann") as http:
        request = ask(http, "Is the samovar hot?")
        until(is_learned(http, request), WAIT_S)
        said = {"request": request, "value": -0.5, "reason": "it is cold"}
        first, second = (http.post("/echo/feedback", json=said) for _ in range(2))
        assert (first.status_code, first.json()["changed"], first.json()["request"]) == (200, True, request)
        assert (second.status_code, second.json()) == (200, {**first.json(), "changed": False, "patterns": 0})
        quality = http.get("/echo/state").json()["learning"]["quality"]
        assert quality is not None
        turned = http.post("/echo/feedback", json={"request": request, "value": "up"}).json()
        assert (turned["changed"], turned["value"]) == (True, 1)
        assert http.get("/echo/state").json()["learning"]["quality"] > quality
        assert counted() == {word: count + 1 for word, count in before.items()}
    assert "it is cold" not in home.echo.log.read_text()


def test_an_answer_is_judged_by_its_conversation(home: Remembering) -> None:
    """The last one, or that of a number; the conversation tells what was said of it. Also where it is not learned."""
    with home.client(home.ann, "ann") as http:
        for words in ("Is the lantern lit?", "And the stove?"):
            ask(http, words, conversation="lamps", learn=False)
        until(lambda: len(http.get("/echo/conversations/lamps").json().get("turns", [])) == 4, WAIT_S)
        last = http.post("/echo/feedback", json={"conversation": "lamps", "value": "down"})
        first = http.post("/echo/feedback", json={"conversation": "lamps", "turn": 1, "value": 0.25})
        assert (last.status_code, first.status_code) == (200, 200)
        turns = http.get("/echo/conversations/lamps").json()["turns"]
        assert [(one["number"], one["judged"]) for one in turns] == [(1, None), (2, 0.25), (3, None), (4, -1)]
        assert code(http.post("/echo/feedback", json={"conversation": "lamps", "turn": 9, "value": 1})) == (
            404,
            "not_found",
        )
        assert http.delete("/echo/conversations/lamps").status_code == 204
        gone = http.post("/echo/feedback", json={"request": last.json()["request"], "value": 1})
        assert code(gone) == (404, "not_found")


def test_nobody_judges_what_somebody_else_was_answered(home: Remembering) -> None:
    """Neither in a space that both may use, nor from another space by the request's id."""
    with home.client(home.ann, "hall") as http:
        request = ask(http, "Is the gong polished?", conversation="gong")
        until(is_learned(http, request), WAIT_S)
        until(lambda: http.get("/echo/conversations/gong").status_code == 200, WAIT_S)
    for said in ({"request": request}, {"conversation": "gong"}):
        with home.client(home.bob, "hall") as http:
            assert code(http.post("/echo/feedback", json={**said, "value": -1})) == (403, "not_yours")
        with home.client(home.bob, "bob") as http:
            assert code(http.post("/echo/feedback", json={**said, "value": -1})) == (404, "not_found")
        with home.client(home.bob, "ann") as http:
            assert code(http.post("/echo/feedback", json={**said, "value": -1})) == (403, "space_not_allowed")
    with home.client(home.ann, "hall") as http:
        assert http.get("/echo/conversations/gong").json()["turns"][1]["judged"] == 0
        # Others of these tests count what the hall has.
        assert http.delete("/echo/conversations/gong").status_code == 204


@pytest.mark.parametrize(
    "said",
    [
        {"value": 1},
        {"request": "a", "conversation": "b", "value": 1},
        {"request": "a", "turn": 1, "value": 1},
        {"request": "a", "value": 1.01},
        {"request": "a", "value": "fine"},
        {"request": "a", "value": True},
        {"request": "a"},
        {"request": "a", "value": 1, "reason": "x" * 257},
        {"request": "a", "value": 1, "mood": "good"},
        {"conversation": "b", "turn": 0, "value": 1},
    ],
)
def test_what_is_no_feedback_is_refused_with_its_faults(home: Remembering, said: dict[str, Any]) -> None:
    with home.client(home.ann, "ann") as http:
        answer = http.post("/echo/feedback", json=said)
    assert code(answer) == (422, "invalid")
    assert answer.json()["error"]["faults"]
