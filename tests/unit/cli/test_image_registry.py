"""A tag's digest as a registry gives it: with and without an anonymous sign-in, and each way to be refused.

The registry is played. A real one is asked in tests/integration/test_prod.py.
"""

import hashlib
from collections.abc import Callable

import httpx
import pytest

from cli.image_registry import MOST_BYTES, RegistryError, digest_of, own_registry

MANIFEST = b'{"schemaVersion": 2}'
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
CHALLENGE = 'Bearer realm="https://auth.example.com/token",service="registry.example.com"'

Handler = Callable[[httpx.Request], httpx.Response]


def ask(handler: Handler) -> str:
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        return digest_of(http, "https://registry.example.com", "team/app", "1.0")


def test_the_digest_is_computed_and_not_believed() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v2/team/app/manifests/1.0"
        assert "application/vnd.oci.image.index.v1+json" in request.headers["Accept"]
        return httpx.Response(200, content=MANIFEST, headers={"Docker-Content-Digest": "sha256:" + "0" * 64})

    assert ask(handler) == DIGEST


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_an_anonymous_sign_in(key: str) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.example.com":
            assert dict(request.url.params) == {
                "service": "registry.example.com",
                "scope": "repository:team/app:pull",
            }
            return httpx.Response(200, json={key: "anonymous"})
        if request.headers.get("Authorization") == "Bearer anonymous":
            return httpx.Response(200, content=MANIFEST)
        return httpx.Response(401, headers={"WWW-Authenticate": CHALLENGE})

    assert ask(handler) == DIGEST


def _refused(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def _answer(status: int, challenge: str = "", content: bytes = b"") -> Handler:
    return lambda _: httpx.Response(status, headers={"WWW-Authenticate": challenge}, content=content)


def _private(request: httpx.Request) -> httpx.Response:
    wanted = httpx.codes.FORBIDDEN if request.url.host == "auth.example.com" else httpx.codes.UNAUTHORIZED
    return httpx.Response(wanted, headers={"WWW-Authenticate": CHALLENGE})


REFUSALS: list[tuple[Handler, str]] = [
    (_answer(404), "registry.example.com has no team/app:1.0"),
    (_answer(503), "registry.example.com answered 503 for team/app"),
    (_refused, "registry.example.com does not answer: refused"),
    (_answer(401, 'Basic realm="x"'), "it wants a sign-in for team/app, and only anonymous ones are done here"),
    # Plain HTTP would show the token to everybody on the way.
    (_answer(401, CHALLENGE.replace("https", "http")), "it wants a sign-in for team/app"),
    (_private, "auth.example.com answered 403: team/app may be private"),
    (_answer(200, content=b" " * (MOST_BYTES + 1)), "sent more than"),
]


@pytest.mark.parametrize(("handler", "told"), REFUSALS)
def test_refusals(handler: Handler, told: str) -> None:
    with pytest.raises(RegistryError, match=told):
        ask(handler)


def test_whose_registry_an_image_is_in() -> None:
    assert own_registry("ghcr.io/echorator/runtime") == "https://ghcr.io"
    assert own_registry("docker.io/ollama/ollama") == "https://registry-1.docker.io"
