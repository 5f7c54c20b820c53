"""What passes the gate: the exact paths, and nothing that a server might read as one that manages models.

Not shown: Ollama's own reading of paths; tests/replica_agent shows that nothing of a refused request reaches it.
"""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica_agent.paths import dialect_of, error_body, refusal_of, route_of

ASK = [f"/api/{what}" for what in ("show", "generate", "chat", "embed", "embeddings")]
ASK_V1 = [f"/v1/{what}" for what in ("chat/completions", "completions", "embeddings", "responses", "messages")]
READ = ["/", "/api/version", "/api/tags", "/api/ps", "/v1/models", "/v1/models/smollm2:135m", "/v1/models/a%2Fb"]
MANAGE = ["pull", "push", "create", "copy", "delete", "blobs"]


@pytest.mark.parametrize("path", [*ASK, *ASK_V1])
def test_asking_passes(path: str) -> None:
    assert refusal_of("POST", path.encode()) is None
    assert refusal_of("OPTIONS", path.encode()) is None
    refusal = refusal_of("GET", path.encode())
    assert refusal is not None
    assert (refusal.status, "POST" in refusal.message) == (405, True)


@pytest.mark.parametrize("path", READ)
def test_reading_passes(path: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        assert refusal_of(method, path.encode()) is None
    for method in ("POST", "DELETE", "PUT"):
        assert refusal_of(method, path.encode()) is not None


@pytest.mark.parametrize("what", MANAGE)
def test_managing_is_refused_with_the_way_out(what: str) -> None:
    for path in (f"/api/{what}", f"//api//{what}/", f"/API/{what.upper()}", f"/api/%{ord(what[0]):02x}{what[1:]}"):
        refusal = refusal_of("POST", path.encode())
        assert refusal is not None
        assert (refusal.status, refusal.code) == (403, "models_managed")
        assert "servers[].models" in refusal.message


SPELLINGS = st.lists(
    st.sampled_from(
        ["/", "//", "/./", "/../", "api", "API", "%61pi", "v1", "models", ".", "..", "%2f", "%2e", "\\", ";"]
    )
    | st.sampled_from([*MANAGE, "PULL", "%70ull", "%2570ull", "pul%6C", "pull;a", "pull%00", "chat", "tags"]),
    min_size=1,
    max_size=12,
)


@given(SPELLINGS)
def test_no_spelling_of_managing_passes(parts: list[str]) -> None:
    path = "/" + "".join(parts)
    text = path
    for _ in range(4):
        text = unquote(text)
    lenient = [part for part in text.lower().replace("\\", "/").split("/") if part not in {"", "."}]
    managing = any(part.split(";")[0].rstrip("\0") in MANAGE for part in lenient)
    for method in ("POST", "DELETE", "PUT", "PATCH"):
        if managing:
            assert refusal_of(method, path.encode()) is not None


@given(st.binary(max_size=40))
def test_any_bytes_get_an_answer(tail: bytes) -> None:
    refusal = refusal_of("POST", b"/" + tail)
    assert (refusal is None) == (route_of(b"/" + tail) is not None and (b"/" + tail).decode() in {*ASK, *ASK_V1})


@given(st.sampled_from(["ollama", "openai", "anthropic"]), st.sampled_from([403, 404, 413, 503]), st.text())
def test_error_bodies_are_json_with_the_message(dialect: str, status: int, message: str) -> None:
    body = json.loads(error_body(dialect, status, "code", message))  # pyright: ignore[reportArgumentType]
    said = body["error"] if dialect == "ollama" else body["error"]["message"]
    assert said == message


def test_dialects() -> None:
    assert [dialect_of(path) for path in (b"/api/chat", b"/v1/chat/completions", b"/v1/messages", b"/x")] == [
        "ollama",
        "openai",
        "anthropic",
        "ollama",
    ]
    assert json.loads(error_body("anthropic", 503, "c", "m"))["error"]["type"] == "overloaded_error"
    assert json.loads(error_body("openai", 403, "c", "m"))["error"]["type"] == "invalid_request_error"
