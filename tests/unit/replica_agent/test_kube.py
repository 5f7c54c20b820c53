"""Where the API server is, what it answers, and the token that goes along.

Not shown: TLS with a cluster's CA, and a real API server; the tests on the local cluster show those.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from replica_agent.config import ApiConfig
from replica_agent.kube import ApiError, Kube, api_url, fields_of


def config(tmp_path: Path, url: str | None = None) -> ApiConfig:
    return ApiConfig.model_validate({"configMap": "a", "key": "k", "url": url, "account": tmp_path})


def test_where_it_is(tmp_path: Path) -> None:
    inside = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert api_url(config(tmp_path), inside) == "https://10.96.0.1:443"
    assert api_url(config(tmp_path), inside | {"KUBERNETES_SERVICE_HOST": "fd00::1"}) == "https://[fd00::1]:443"
    assert api_url(config(tmp_path, "https://api:6443"), inside) == "https://api:6443"
    with pytest.raises(ApiError, match=r"set api\.url"):
        api_url(config(tmp_path), {})


def serve(monkeypatch: pytest.MonkeyPatch, answer: httpx.Response) -> list[httpx.Request]:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer

    real = httpx.AsyncClient

    def client(**more: Any) -> httpx.AsyncClient:
        more.pop("verify")
        return real(transport=httpx.MockTransport(handle), **more)

    monkeypatch.setattr(httpx, "AsyncClient", client)
    return seen


@pytest.mark.anyio
async def test_a_call_carries_the_newest_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = serve(monkeypatch, httpx.Response(200, json={"a": 1}))
    kube = Kube(config(tmp_path, "http://api:1"))
    for token in ("one", "two\n"):
        (tmp_path / "token").write_text(token)
        assert await kube.call("PATCH", "/x", {"b": 2}, kind="application/merge-patch+json") == {"a": 1}
    assert [request.headers["authorization"] for request in seen] == ["Bearer one", "Bearer two"]
    assert seen[0].headers["content-type"] == "application/merge-patch+json"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (httpx.Response(403, json={"message": "no right"}), 403, "answered 403: no right"),
        (httpx.Response(502, text="<html>"), 502, "answered 502: <html>"),
        (httpx.Response(200, text="<html>"), 0, "not JSON"),
        (httpx.Response(200, json=[]), 0, "not an object"),
    ],
)
async def test_refusals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: httpx.Response, code: int, said: str
) -> None:
    serve(monkeypatch, answer)
    (tmp_path / "token").write_text("one")
    with pytest.raises(ApiError, match=said) as caught:
        await Kube(config(tmp_path, "http://api:1")).call("GET", "/x")
    assert caught.value.code == code


@pytest.mark.anyio
async def test_a_missing_token_or_ca_is_a_failure_to_ask(tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:1", "https://127.0.0.1:1"):
        with pytest.raises(ApiError, match="cannot be asked") as caught:
            await Kube(config(tmp_path, url)).call("GET", "/x")
        assert caught.value.code == 0


def test_fields() -> None:
    assert fields_of({"a": {"b": 1}}, "a") == {"b": 1}
    assert fields_of({"a": [1]}, "a") == fields_of({}, "a") == {}
