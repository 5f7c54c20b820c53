"""The few calls to the Kubernetes API that the agent makes, on httpx.

A client library would do more and weigh more: lightkube with its models takes tens of megabytes in a container that
shall stay within 64 MiB next to every replica.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import httpx

from replica_agent.config import ApiConfig

__all__ = ["ApiError", "Json", "Kube", "api_url", "fields_of", "plain_context"]

Json = dict[str, Any]

_CALL = httpx.Timeout(10.0, connect=5.0)


class ApiError(Exception):
    """The API server refused or could not be reached.

    Attributes:
        code: HTTP status, 0 when there was no answer.
    """

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(code, message)

    def __str__(self) -> str:
        return str(self.args[1])


class _Account(httpx.Auth):
    """Sends the service account's token, read anew for each request: the kubelet replaces it within the hour."""

    def __init__(self, token: Path) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["authorization"] = f"Bearer {self._token.read_text(encoding='utf-8').strip()}"
        yield request


def api_url(config: ApiConfig, environment: Mapping[str, str] = os.environ) -> str:
    """Return the API server's base URL.

    Raises:
        ApiError: Neither the config nor the environment has it.
    """
    if config.url is not None:
        return config.url
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise ApiError(0, "no API server: set api.url, or run in a pod (KUBERNETES_SERVICE_HOST and …_PORT)")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def plain_context() -> ssl.SSLContext:
    """Return a context for clients that never speak TLS; reading the system's CAs would cost them megabytes."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Kube:
    """The API server, as this pod's service account.

    Every call opens its own connection, so that a new CA, token or address is seen at once; there are few calls.
    """

    def __init__(self, config: ApiConfig) -> None:
        self._config = config
        self._url = api_url(config)

    @asynccontextmanager
    async def _client(self, limits: httpx.Timeout) -> AsyncGenerator[httpx.AsyncClient]:
        try:
            tls = self._url.startswith("https:")
            ca = self._config.account / "ca.crt"
            context = ssl.create_default_context(cafile=str(ca)) if tls else plain_context()
            async with httpx.AsyncClient(
                base_url=self._url,
                auth=_Account(self._config.account / "token"),
                verify=context,
                timeout=limits,
                trust_env=False,
            ) as client:
                yield client
        except (OSError, httpx.HTTPError) as error:
            text = str(error) or type(error).__name__
            raise ApiError(0, f"the API server at {self._url} cannot be asked: {text}") from error

    async def call(self, method: str, path: str, body: Json | None = None, *, kind: str = "application/json") -> Json:
        """Make one call and return the answer's object.

        Raises:
            ApiError: Any answer but 200 to 202, or none.
        """
        content = None if body is None else json.dumps(body).encode()
        headers = {"accept": "application/json", **({"content-type": kind} if content is not None else {})}
        async with self._client(_CALL) as client:
            response = await client.request(method, path, content=content, headers=headers)
            if response.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED}:
                raise _refusal(response.status_code, response.content)
            return _object(response.content)

    async def watch(self, path: str, params: Mapping[str, str], *, silence_s: float) -> AsyncGenerator[Json]:
        """Yield the events of a watch until the server ends it.

        Args:
            path: Of the collection.
            params: Query; `watch=true` is added.
            silence_s: Longest wait for the next event.

        Raises:
            ApiError: It was refused, broke, or said something that is not a watch's event.
        """
        limits = httpx.Timeout(5.0, read=silence_s)
        async with self._client(limits) as client:
            query = {"watch": "true", **params}
            async with client.stream("GET", path, params=query, headers={"accept": "application/json"}) as response:
                if response.status_code != HTTPStatus.OK:
                    raise _refusal(response.status_code, await response.aread())
                async for line in response.aiter_lines():
                    if line.strip():
                        yield _object(line.encode())


def _object(text: bytes) -> Json:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ApiError(0, f"the API server's answer is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ApiError(0, "the API server's answer is not an object")
    return cast("Json", found)


def fields_of(item: Json, key: str) -> Json:
    """Return an object inside an object; an empty one where there is none."""
    found = item.get(key)
    return cast("Json", found) if isinstance(found, dict) else {}


def _refusal(code: int, body: bytes) -> ApiError:
    try:
        message = str(_object(body).get("message", ""))
    except ApiError:
        message = body[:200].decode(errors="replace").strip()
    return ApiError(code, f"the API server answered {code}: {message}")
