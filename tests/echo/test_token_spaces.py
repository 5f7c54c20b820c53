"""Memory spaces of tokens: a claim's, and each subject's own, and no way from one to another.

The provider is the test's. Which claims people can change at a real one is not shown; docs/echo.md says what follows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from echo.auth.keys import digest
from tests.echo.conftest import Ollama
from tests.echo.harness import Echo, new_key
from tests.echo.provider import Provider
from tests.echo.remembering import MODEL, SHORT, WIDTH
from tests.replica_agent.harness import until
from tests.support.postgres import SERVICE, Postgres

pytestmark = pytest.mark.ollama

SECRET = "the gooseberry code is 5150"


@pytest.fixture(scope="module")
def spaced(
    provider: Provider, ollama: Ollama, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Echo, str]]:
    """A service whose tokens have spaces, and a key that may use `hall`."""
    folder = tmp_path_factory.mktemp("spaced")
    url = folder / "url"
    url.write_text(postgres.url(postgres.create(), SERVICE))
    oidc = {
        "issuer": "https://id",
        "audience": "echo",
        "jwksUrl": f"{provider.url}/keys",
        "operatorValues": ["admins"],
        "spacesClaim": "echo.spaces",
        "ownSpaceClaim": "sub",
        "spaceByDefault": True,
    }
    key = new_key()
    memory = {
        "databaseUrlFile": str(url),
        "embedder": {"model": MODEL, "width": WIDTH},
        "cognition": False,
        "recall": {"seconds": 60},
    }
    with Echo(
        folder / "echo",
        [{"name": "chat", "url": ollama.url, "slots": 4}],
        keys=[{"name": "ann", "sha256": digest(key), "spaces": ["hall"]}],
        auth={"oidc": oidc, "failuresPerMinute": 10_000},
        memory=memory,
    ) as echo:
        until(lambda: echo.metric("memory_up") == 1, 90)
        yield echo, key


def test_each_subject_has_a_space_of_its_own_and_those_of_its_claim(
    spaced: tuple[Echo, str], provider: Provider
) -> None:
    echo, key = spaced
    ada = provider.token(sub="ada", echo={"spaces": ["hall", "oidc-bob", "No name"]})
    told = echo.get("/echo/spaces", key=ada).json()
    assert told == {"spaces": ["hall", "oidc-ada"], "default": "oidc-ada"}
    with echo.client(key=ada) as http:
        made = http.post("/echo/memories", json={"content": SECRET})
        assert made.status_code == 201
        assert http.post("/echo/memories", json={"content": "in the hall"}, params={"space": "hall"}).is_success
        chat = {"model": MODEL, "stream": False, "options": SHORT, "echo": {"conversation": "diary"}}
        asked = http.post("/api/chat", json={**chat, "messages": [{"role": "user", "content": "gooseberry code?"}]})
        assert asked.headers["x-echo-recalled"] == made.json()["id"]
        until(lambda: http.get("/echo/conversations/diary").status_code == 200, 90)
        assert http.get("/echo/conversations/diary").json()["owner"] == "oidc:ada"
    # A key and a token that name the same space see the same, and a token of no space has its own alone.
    assert "in the hall" in echo.get("/echo/memories?space=hall", key=key).text
    assert echo.get("/echo/spaces", key=key).json() == {"spaces": ["hall"], "default": None}
    assert echo.get("/echo/spaces", key=provider.token(sub="bob")).json()["spaces"] == ["oidc-bob"]


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "bob"},
        {"sub": "Ada"},
        {"sub": "ada "},
        {"sub": "oidc-ada"},
        {"sub": "x", "echo": {"spaces": ["oidc-ada"]}},
        {"sub": "x", "echo": {"spaces": "oidc-ada"}},
        {"sub": "x", "echo": {"spaces": {"oidc-ada": True}}},
        {"sub": "x", "echo": ["oidc-ada"], "spaces": ["oidc-ada"]},
        {"sub": "x", "groups": ["oidc-ada", "admins"]},
    ],
    ids=str,
)
def test_no_other_token_reaches_it(spaced: tuple[Echo, str], provider: Provider, claims: dict[str, Any]) -> None:
    """By a subject that looks like it, by a claim, by a role, by name."""
    echo, key = spaced
    for shown in (provider.token(**claims), key):
        with echo.client(key=shown) as http:
            for path in ("/echo/memories", "/echo/state", "/echo/conversations", "/echo/memories/export"):
                refused = http.get(path, headers={"x-echo-space": "oidc-ada"})
                assert (refused.status_code, refused.json()["error"]["code"]) == (403, "space_not_allowed")
            body = {"model": MODEL, "stream": False, "messages": [{"role": "user", "content": "gooseberry code?"}]}
            assert http.post("/api/chat", json={**body, "echo": {"space": "oidc-ada"}}).status_code == 403
    with echo.client(key=provider.token(**claims)) as http:
        assert "5150" not in http.get("/echo/memories").text
        assert "5150" not in http.post("/echo/memories/search", json={"query": "gooseberry code"}).text


def test_a_forged_or_old_token_has_no_space(spaced: tuple[Echo, str], provider: Provider) -> None:
    echo, _ = spaced
    other = Provider()
    try:
        forged = other.token(sub="ada")
    finally:
        other.end()
    for token in (forged, provider.token(sub="ada", exp=1), provider.token(sub="a" * 256), provider.token(sub="")):
        with httpx.Client(base_url=echo.main, trust_env=False) as http:
            answer = http.get("/echo/memories", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401
