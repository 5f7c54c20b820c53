"""Challenges, tokens and redirects, over httpx's own transport interface.

Proves what is sent where; real registries answer the same requests in tests/model_store.
"""

from __future__ import annotations

import asyncio

import httpx
import pytest

from model_store.metrics import Metrics
from model_store.tokens import Challenge, parse_challenge
from model_store.upstream import EndpointFailedError, Upstream

ENDPOINT = "https://registry.test"


def ask(handler: httpx.MockTransport, times: int = 1) -> list[tuple[int, bytes]]:
    async def run() -> list[tuple[int, bytes]]:
        upstream = Upstream(Metrics(), transport=handler)
        found: list[tuple[int, bytes]] = []
        for _ in range(times):
            async with upstream.request(
                "GET", ENDPOINT, "library/m", kind="blobs", reference="sha256:x", headers={"Range": "bytes=5-"}
            ) as answer:
                found.append((answer.status_code, await answer.aread()))
        await upstream.close()
        return found

    return asyncio.run(run())


def test_token_is_fetched_once_and_stays_with_its_endpoint() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.host == "auth.test":
            assert dict(request.url.params) == {"scope": "repository:library/m:pull", "service": "reg"}
            return httpx.Response(200, json={"token": "s3cret", "expires_in": 300})
        if request.url.host == "cdn.test":
            return httpx.Response(206, content=b"bytes")
        if request.headers.get("authorization") != "Bearer s3cret":
            challenge = 'Bearer realm="https://auth.test/token",service="reg",scope="repository:library/m:pull"'
            return httpx.Response(401, headers={"www-authenticate": challenge})
        return httpx.Response(307, headers={"location": "https://cdn.test/blob?signature=1"})

    assert ask(httpx.MockTransport(handle), times=2) == [(206, b"bytes")] * 2
    hosts = [request.url.host for request in seen]
    assert hosts == ["registry.test", "auth.test", "registry.test", "cdn.test", "registry.test", "cdn.test"]
    for request in seen:
        if request.url.host in {"cdn.test", "auth.test"}:
            assert "authorization" not in request.headers
        if request.url.host == "cdn.test":
            assert request.headers["range"] == "bytes=5-"


@pytest.mark.parametrize("challenge", ["", "Basic realm=x", 'Bearer realm="file:///etc/passwd"'])
def test_other_challenges_are_named(challenge: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(401, headers={"www-authenticate": challenge}))
    with pytest.raises(EndpointFailedError, match="wants credentials") as caught:
        ask(transport)
    assert caught.value.attempt.status == 401


def test_realm_that_refuses_is_named_without_its_query() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(401)
        return httpx.Response(401, headers={"www-authenticate": f'Bearer realm="{ENDPOINT}/token?nonce=abc"'})

    with pytest.raises(EndpointFailedError, match=r"registry\.test gave no anonymous token \(HTTP 401\)") as caught:
        ask(httpx.MockTransport(handle))
    assert "abc" not in str(caught.value)


def test_endless_redirects_end() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(302, headers={"location": str(request.url)}))
    with pytest.raises(EndpointFailedError, match="redirects without end"):
        ask(transport)


def test_challenge_grammar() -> None:
    assert parse_challenge('bearer realm="https://a/t", scope="r:x:pull,push" ,service=s') == Challenge(
        "https://a/t", "s", "r:x:pull,push"
    )
