"""Reaching a replica's Ollama through the API server's proxy to its pod, with the user's own credentials.

No ingress, no port-forward, no program but ours: one HTTP connection to the API server, which goes on to the pod.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, cast

import httpx
from lightkube.config.client_adapter import ConnectionParams
from lightkube.core.exceptions import ConfigError

from components.kube_context import KubeContext
from ollama import ConfigurationError, OllamaClient, OllamaError, SystemFault, TransientError

POLL_S = 0.5

_CALL = httpx.Timeout(30.0, connect=10.0)


@dataclass(frozen=True)
class PodState:
    """What the API server says of a pod."""

    ready: bool
    why: str = ""
    """Why it is not Ready, as far as the pod's status tells."""


class PodProxy(AbstractAsyncContextManager["PodProxy"]):
    """The pods of one namespace. Use it as an async context manager: it holds connections."""

    def __init__(self, context: KubeContext, namespace: str) -> None:
        """Prepares the connection; reads certificate files, talks to nobody.

        Raises:
            ConfigurationError: the kubeconfig's credentials cannot be used.
        """
        self._namespace = namespace
        self._server = context.server.rstrip("/")
        # Go's clients, kubectl among them, never ask a proxy for an address on this machine; httpx would.
        params = ConnectionParams(timeout=_CALL, trust_env=not context.on_loopback)
        try:
            self._params = cast("dict[str, Any]", params.httpx_params(context.config))
        except (ConfigError, OSError, AssertionError, ValueError) as error:
            raise ConfigurationError(
                None,
                None,
                f"the credentials of context `{context.name}` cannot be used: {error}",
                f"see that `kubectl --context {context.name} get pods` works",
            ) from error
        self._api = httpx.AsyncClient(**self._params)
        self._pods: list[httpx.AsyncClient] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for client in (self._api, *self._pods):
            await client.aclose()

    def http(self, pod: str, port: int) -> httpx.AsyncClient:
        """A client of what listens on `port` in `pod`; closed with this object."""
        return self._proxied(f"pods/{pod}:{port}")

    def service(self, name: str, port: str) -> httpx.AsyncClient:
        """A client of a Service, by the name of its port; closed with this object."""
        return self._proxied(f"services/{name}:{port}")

    def _proxied(self, place: str) -> httpx.AsyncClient:
        base = f"{self._server}/api/v1/namespaces/{self._namespace}/{place}/proxy"
        params: dict[str, Any] = {**self._params, "base_url": base}
        client = httpx.AsyncClient(**params)
        self._pods.append(client)
        return client

    def ollama(self, pod: str, port: int) -> OllamaClient:
        """A client of the Ollama in `pod`; closed with this object."""
        return OllamaClient(self.http(pod, port), pod)

    async def stateful_set_exists(self, name: str) -> bool:
        """Whether the StatefulSet is there; False too when its namespace is not."""
        return await self._get(f"/apis/apps/v1/namespaces/{self._namespace}/statefulsets/{name}", None) is not None

    async def pod_state(self, pod: str) -> PodState | None:
        """The state of a pod, or None when there is none of that name."""
        found = await self._get(f"/api/v1/namespaces/{self._namespace}/pods/{pod}", pod)
        return None if found is None else _state(found)

    async def wait_ready(self, pod: str, limit_s: float) -> None:
        """Returns once `pod` is Ready.

        Raises:
            TransientError: it was not within `limit_s` seconds; says what the pod's status gives as the cause.
            ConfigurationError: the user may not look at pods.
        """
        why = "there is no such pod yet"
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    try:
                        state = await self.pod_state(pod)
                    except TransientError as error:
                        why = error.message
                    else:
                        if state is not None and state.ready:
                            return
                        why = "there is no such pod yet" if state is None else state.why
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise TransientError(
                pod,
                None,
                f"not Ready within {limit_s:g} s: {why}",
                f"see `kubectl -n {self._namespace} describe pod {pod}`, then deploy again",
            ) from None

    async def _get(self, path: str, pod: str | None) -> dict[str, Any] | None:
        try:
            response = await self._api.get(path)
        except httpx.TransportError as error:
            raise TransientError(
                pod,
                None,
                f"the API server at {self._server} does not answer: {error or type(error).__name__}",
                "see that the cluster runs",
            ) from error
        if response.status_code == HTTPStatus.OK:
            return cast("dict[str, Any]", response.json())
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        raise _refused(path, pod, response)


def _refused(path: str, pod: str | None, response: httpx.Response) -> OllamaError:
    status = response.status_code
    told = f"the API server answered {status} to GET {path}: {_message(response)}"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        hint = "the user needs `get` on pods, pods/proxy and statefulsets; or see the server's `reach.mode`"
        return ConfigurationError(pod, None, told, hint)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(pod, None, told, "deploy again")
    return SystemFault(pod, None, told)


def _message(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return response.text[:200]
    return str(cast("dict[str, Any]", body).get("message", body))[:200] if isinstance(body, dict) else str(body)[:200]


def _state(pod: dict[str, Any]) -> PodState:
    if pod.get("metadata", {}).get("deletionTimestamp"):
        return PodState(ready=False, why="it is being deleted")
    status: dict[str, Any] = pod.get("status", {})
    found: list[dict[str, Any]] = status.get("conditions") or []
    conditions: dict[str, dict[str, Any]] = {one["type"]: one for one in found}
    containers: list[dict[str, Any]] = status.get("containerStatuses") or []
    if conditions.get("Ready", {}).get("status") == "True":
        return PodState(ready=True)
    for container in containers:
        waiting: dict[str, Any] | None = container.get("state", {}).get("waiting")
        if waiting:
            return PodState(ready=False, why=f"{waiting.get('reason')} {waiting.get('message', '')}".strip())
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return PodState(ready=False, why=f"{scheduled.get('reason')}: {scheduled.get('message', '')}")
    ready = conditions.get("Ready", {})
    return PodState(ready=False, why=str(ready.get("message") or f"its phase is {status.get('phase', 'unknown')}"))
