"""Who gets in: every path without a key, guessed keys, roles, limits, signatures, tokens; and the WebSocket likewise.

Tokens are of a provider that the test is. The `ollama` command that signs is in tests/echo/test_clients.py.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.routing import Route

from echo.api import admin, care, conversations, health, memories, minds, ollama, openai, spaces
from echo.auth.gatehouse import OPEN
from echo.auth.keys import digest
from tests.echo.conftest import Ollama, Start
from tests.echo.harness import Echo, new_key
from tests.echo.provider import Provider
from tests.replica_agent.harness import until

pytestmark = pytest.mark.ollama

PATHS = sorted(
    {
        (method, route.path.replace("{model:path}", "tiny:1").replace("{digest}", "sha256:0"))
        for router in (
            admin.router,
            care.router,
            conversations.router,
            health.router,
            memories.router,
            minds.router,
            ollama.router,
            openai.router,
            spaces.router,
        )
        for route in router.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }
)


def test_nothing_but_health_and_the_greeting_is_open(echo: Echo) -> None:
    """Over every route there is, on both ports, and some that there are not."""
    assert len(PATHS) > 48
    more = [
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/nowhere"),
        ("POST", "/health"),
        ("GET", "/ADMIN/a"),
    ]
    found: dict[tuple[str, str], int] = {}
    for base in (echo.main, echo.ollama):
        with httpx.Client(base_url=base, trust_env=False) as http:
            for method, path in [*PATHS, *more]:
                answer = http.request(method, path)
                if path in OPEN and method in {"GET", "HEAD"}:
                    assert answer.status_code in {200, 401, 404}, (method, path)
                else:
                    found[method, path] = answer.status_code
    assert {(what, status) for what, status in found.items() if status not in {401, 429}} == set()


def test_administration_is_for_operators_alone(echo: Echo) -> None:
    paths = [(method, path) for method, path in PATHS if path.startswith("/admin")]
    assert len(paths) >= 4
    for method, path in paths:
        with echo.client() as http:
            assert http.request(method, path).status_code == 403
        with echo.client(key=echo.operator) as http:
            assert http.request(method, path).status_code == 200
    # That key is no user's.
    assert echo.post("/api/generate", {"model": "tiny:1"}, key=echo.operator).status_code == 403
    for spelling in ("//admin/keys", "/admin//keys", "/%61dmin/keys", "/api/../admin/keys", "/admin/keys/"):
        assert echo.get(spelling).status_code in {403, 404}


def test_administration_shows_neither_keys_nor_hashes(echo: Echo) -> None:
    for path in ("/admin/keys", "/admin/config", "/admin/replicas"):
        text = echo.get(path, key=echo.operator).text
        for key in (echo.key, echo.operator):
            assert key not in text
            assert digest(key) not in text
    assert echo.get("/admin/keys", key=echo.operator).json()["keys"][0]["name"] == "user"


def test_anonymous_is_a_user_and_never_an_operator(start_echo: Start, ollama: Ollama) -> None:
    echo = start_echo({"name": "chat", "url": ollama.url}, auth={"anonymous": True})
    with httpx.Client(base_url=echo.main, trust_env=False) as http:
        assert http.get("/api/tags").status_code == 200
        # What clients made for a bare Ollama send where a key belongs.
        assert http.get("/v1/models", headers={"authorization": "Bearer ollama"}).status_code == 200
        assert http.get("/admin/config").status_code == 403
    assert echo.get("/admin/config", key=echo.operator).status_code == 200


@pytest.mark.parametrize("form", ["authorization", "x-api-key"])
def test_both_forms_of_a_key(echo: Echo, form: str) -> None:
    value = f"Bearer {echo.key}" if form == "authorization" else echo.key
    assert httpx.get(f"{echo.main}/api/tags", headers={form: value}, trust_env=False).status_code == 200


def test_guessing_is_slowed_and_does_not_lock_out_who_has_a_key(start_echo: Start, ollama: Ollama) -> None:
    echo = start_echo({"name": "chat", "url": ollama.url}, auth={"failuresPerMinute": 5})
    found: list[int] = []
    with httpx.Client(base_url=echo.main, trust_env=False) as http:
        for _ in range(200):
            answer = http.get("/api/tags", headers={"authorization": f"Bearer {new_key()}"})
            found.append(answer.status_code)
        last = http.get("/api/tags")
        assert int(last.headers["retry-after"]) >= 1
    assert found[:5] == [401] * 5
    assert found.count(401) < 20
    assert set(found) == {401, 429}
    assert echo.get("/api/tags").status_code == 200
    assert echo.metric("auth_failures_total", reason="unknown_key") == 200
    assert len(echo.logged("auth_failed")) < 20


def test_a_key_has_its_limits(start_echo: Start, ollama: Ollama) -> None:
    keys = [
        {"name": "slow", "sha256": digest("slow-key"), "requestsPerMinute": 2},
        {"name": "other", "sha256": digest("other-key")},
    ]
    echo = start_echo({"name": "chat", "url": ollama.url}, keys=keys)
    body = {"model": "none"}
    codes = [echo.post("/api/chat", body, key="slow-key").status_code for _ in range(4)]
    assert codes == [404, 404, 429, 429]
    refused = echo.post("/v1/chat/completions", body, key="slow-key")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["error"]["code"] == "rate_limited"
    assert echo.post("/api/chat", body, key="other-key").status_code == 404
    assert echo.metric("limited_total", key="slow") == 3


def test_bodies_that_are_too_large_or_wrong(start_echo: Start, ollama: Ollama) -> None:
    limits = {"maxRequestBytes": 1000, "bufferedBytes": 10_000, "bodySeconds": 1}
    echo = start_echo({"name": "chat", "url": ollama.url}, limits=limits)
    with echo.client() as http:
        cases: list[tuple[object, int]] = [
            (b"x" * 2000, 413),
            (iter([b"x" * 600] * 100), 413),
            (b"", 400),
            (b"{", 400),
            (b"[]", 400),
            (b"null", 400),
            (b"{}", 400),
            (b'{"model": 3}', 400),
            (b"\xff\xfe", 400),
            (b"[" * 900, 400),
            (b'{"model": "\\ud800"}', 400),
            (b'{"model": "' + b"a" * 900 + b'"}', 404),
            (b'{"model": "../../etc/passwd"}', 404),
        ]
        for content, status in cases:
            for path in ("/api/chat", "/v1/chat/completions"):
                answer = http.post(path, content=content if isinstance(content, bytes) else iter([b"x" * 600] * 100))
                assert answer.status_code == status, (path, content, answer.text)
                error = answer.json()["error"]
                assert isinstance(error, str) if path.startswith("/api") else error["message"]
    until(lambda: echo.metric("held_bytes") == 0)


def test_a_body_that_never_comes_is_not_waited_for(start_echo: Start, ollama: Ollama) -> None:
    echo = start_echo({"name": "chat", "url": ollama.url}, limits={"bodySeconds": 0.5})

    def trickle() -> Iterator[bytes]:
        for _ in range(100):
            yield b" "
            time.sleep(0.05)

    with echo.client() as http:
        try:
            assert http.post("/api/chat", content=trickle()).status_code == 408
        except httpx.WriteError:
            # The answer came while the client was still writing.
            until(lambda: echo.metric("request_errors_total", reason="too_slow") == 1)


# -- changes while it runs ------------------------------------------------------------------------


def test_keys_and_settings_change_while_it_runs(start_echo: Start, ollama: Ollama) -> None:
    # Asking with a key that is not known yet counts as a failure each time, and how often is a matter of the machine.
    echo = start_echo({"name": "chat", "url": ollama.url}, auth={"failuresPerMinute": 1e6})
    fresh = new_key()
    assert echo.get("/api/tags", key=fresh).status_code == 401
    echo.write_keys([{"name": "fresh", "sha256": digest(fresh), "roles": ["user", "operator"]}])
    until(lambda: echo.get("/api/tags", key=fresh).status_code == 200)
    # The old one has stopped.
    assert echo.get("/api/tags").status_code == 401
    echo.write_config(limits={"maxRequestBytes": 10})
    until(lambda: echo.post("/api/chat", {"model": "tiny:1"}, key=fresh).status_code == 413)
    echo.write_config(limits={"maxRequestBytes": -1}, queue={"size": 3})
    until(lambda: echo.metric("config_bad") == 1)
    found = echo.get("/admin/config", key=fresh).json()
    assert "limits.maxRequestBytes" in found["problem"]
    # Left out as a whole.
    assert found["config"]["limits"]["maxRequestBytes"] == 10
    assert found["config"]["queue"]["size"] == 512
    echo.write_config(limits={}, queue={"size": 3})
    with echo.client(key=fresh) as http:
        assert http.post("/admin/config/reload").json() == {"applied": True, "problem": ""}
    assert echo.metric("config_bad") == 0
    assert echo.post("/api/chat", {"model": "none"}, key=fresh).status_code == 404


def test_a_server_more_needs_no_restart(start_echo: Start, ollama: Ollama) -> None:
    echo = start_echo()
    assert echo.get("/models/health").status_code == 200
    assert echo.get("/api/tags").json() == {"models": []}
    echo.write_config(servers=[{"name": "chat", "url": ollama.url}])
    until(lambda: len(echo.get("/api/tags").json()["models"]) == 3)
    echo.write_config(servers=[])
    until(lambda: echo.get("/api/tags").json() == {"models": []})


# -- tokens ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokened(provider: Provider, ollama: Ollama, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    oidc = {
        "issuer": "https://id",
        "audience": "echo",
        "jwksUrl": f"{provider.url}/keys",
        "userValues": ["staff"],
        "operatorValues": ["admins"],
    }
    servers = [{"name": "chat", "url": ollama.url}]
    with Echo(tmp_path_factory.mktemp("oidc"), servers, auth={"oidc": oidc, "failuresPerMinute": 10_000}) as echo:
        yield echo


def test_a_good_token_lets_in(tokened: Echo, provider: Provider) -> None:
    assert tokened.get("/api/tags", key=provider.token()).status_code == 200
    assert tokened.get("/admin/config", key=provider.token()).status_code == 403
    assert tokened.get("/admin/config", key=provider.token(groups=["admins"])).status_code == 200
    assert tokened.post("/api/chat", {"model": "none"}, key=provider.token()).status_code == 404
    until(lambda: any(one["key"] == "oidc:ada" for one in tokened.logged("request")))
    assert tokened.get("/api/tags").status_code == 200, "keys go on beside tokens"


def confused(token: str, secret: str) -> str:
    """Return a token's claims, signed by what everybody knows."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "k1", "typ": "JWT"}).encode()).rstrip(b"=")
    signed = head + b"." + token.split(".")[1].encode()
    signature = base64.urlsafe_b64encode(hmac.digest(secret.encode(), signed, "sha256")).rstrip(b"=")
    return (signed + b"." + signature).decode()


def test_bad_tokens_do_not(tokened: Echo, provider: Provider) -> None:
    now = int(time.time())
    good = provider.token()
    head, claims, signature = good.split(".")
    public = json.dumps(provider.public("k1"))
    bad = {
        "expired": provider.token(exp=now - 60),
        "not yet": provider.token(nbf=now + 600),
        "another issuer": provider.token(iss="https://other"),
        "another audience": provider.token(aud="other"),
        "no expiry": provider.token(exp=None),
        "no subject": provider.token(sub=None),
        "another key under that name": provider.token(key=ec.generate_private_key(ec.SECP256R1())),
        "the public key as a shared secret": confused(good, public),
        "unsigned": jwt.encode({"sub": "ada"}, "", "none", headers={"kid": "k1"}),
        "changed": f"{head}.{claims[:-2]}AA.{signature}",
        "cut": f"{head}.{claims}.",
        "nonsense": "a.b.c",
        "no group": provider.token(groups=["guests"]),
        "groups that are none": provider.token(groups={"staff": 1}),
    }
    with tokened.client() as http:
        found = {
            what: http.get("/api/tags", headers={"authorization": f"Bearer {token}"}).status_code
            for what, token in bad.items()
        }
    assert found == dict.fromkeys(bad, 401)
    text = tokened.log.read_text()
    assert not any(token in text for token in [good, *bad.values()])


def test_made_up_key_names_do_not_flood_the_provider(tokened: Echo, provider: Provider) -> None:
    tokened.get("/api/tags", key=provider.token())
    before = provider.fetched
    other = ec.generate_private_key(ec.SECP256R1())
    with tokened.client() as http:
        for number in range(50):
            token = provider.token(f"made-up-{number}", key=other)
            assert http.get("/api/tags", headers={"authorization": f"Bearer {token}"}).status_code == 401
    assert provider.fetched - before <= 2
