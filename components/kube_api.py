"""Plain requests to the API server with the user's own credentials, for what needs no library: get, patch, delete."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from types import TracebackType
from typing import Any, Literal, cast

import httpx
from lightkube.config.client_adapter import ConnectionParams
from lightkube.core.exceptions import ConfigError

from components.kube_context import KubeContext

Object = dict[str, Any]
"""An object as the API server spells it."""

RETRY_S = 60.0
"""An API server that is being restarted is back within this."""

_CALL = httpx.Timeout(30.0, connect=10.0)
_PAUSE_S = 0.5
_PATCH = {"merge": "application/merge-patch+json", "json": "application/json-patch+json"}


class KubeApiError(Exception):
    """The API server refused: says what was asked and what it answered."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class KubeUnreachableError(Exception):
    """The API server did not answer, or only that it could not, for as long as was waited."""


class KubeApi(AbstractContextManager["KubeApi"]):
    """One cluster. Use it as a context manager: it holds connections.

    A request is sent again while the API server does not answer or is overloaded, so callers send only what may
    happen twice.
    """

    def __init__(
        self,
        context: KubeContext,
        *,
        retry_s: float = RETRY_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepares the connection; reads certificate files, talks to nobody.

        Raises:
            KubeUnreachableError: the kubeconfig's credentials cannot be used.
        """
        self._server = context.server.rstrip("/")
        self._retry_s = retry_s
        self._clock = clock
        self._sleep = sleep
        # Go's clients, kubectl among them, never ask a proxy for an address on this machine; httpx would.
        params = ConnectionParams(timeout=_CALL, trust_env=not context.on_loopback)
        try:
            self._http = httpx.Client(**cast("dict[str, Any]", params.httpx_params(context.config)))
        except (ConfigError, OSError, AssertionError, ValueError) as error:
            raise KubeUnreachableError(
                f"the credentials of context `{context.name}` cannot be used: {error}. "
                f"See that `kubectl --context {context.name} get pods` works"
            ) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str) -> Object | None:
        """The object, or list of objects, at `path`; None when there is none."""
        return self._send("GET", path)

    def text(self, path: str) -> str:
        """What is at `path` where it is no object, such as metrics."""
        found = self._answer("GET", path)
        return "" if found is None else found.text

    def create(self, path: str, body: Object, *, manager: str) -> Object | None:
        """Creates `body` in the collection at `path`; None when an object of its name is there already."""
        return self._send("POST", path, body=body, params={"fieldManager": manager}, absent=HTTPStatus.CONFLICT)

    def patch(
        self,
        path: str,
        body: object,
        *,
        manager: str,
        kind: Literal["merge", "json"] = "merge",
        dry_run: bool = False,
    ) -> Object | None:
        """Changes the object at `path`; None when there is none. With `dry_run` it is only checked."""
        params = {"fieldManager": manager, **({"dryRun": "All"} if dry_run else {})}
        return self._send("PATCH", path, body=body, params=params, content=_PATCH[kind])

    def delete(self, path: str, *, uid: str | None = None, orphan: bool = False) -> Object | None:
        """Asks for the deletion of the object at `path`; None when there is none.

        Args:
            path: of the object.
            uid: only of this one, not of another that has got its name meanwhile.
            orphan: what it owns stays.
        """
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1"}
        body["propagationPolicy"] = "Orphan" if orphan else "Background"
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        return self._send("DELETE", path, body=body)

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, str] | None = None,
        content: str = "application/json",
        absent: int = HTTPStatus.NOT_FOUND,
    ) -> Object | None:
        found = self._answer(method, path, body=body, params=params, content=content, absent=absent)
        return None if found is None else cast("Object", found.json())

    def _answer(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, str] | None = None,
        content: str = "application/json",
        absent: int = HTTPStatus.NOT_FOUND,
    ) -> httpx.Response | None:
        until = self._clock() + self._retry_s
        while True:
            try:
                response = self._http.request(
                    method,
                    path,
                    params=params,
                    json=body,
                    headers={"Content-Type": content} if body is not None else None,
                )
            except httpx.TransportError as error:
                why = f"the API server at {self._server} does not answer: {error or type(error).__name__}"
            else:
                if response.is_success:
                    return response
                if response.status_code == absent:
                    return None
                why = f"the API server answered {response.status_code} to {method} {path}: {_message(response)}"
                if response.status_code != HTTPStatus.TOO_MANY_REQUESTS and not response.is_server_error:
                    raise KubeApiError(response.status_code, why)
            if self._clock() >= until:
                raise KubeUnreachableError(f"{why}. See that the cluster runs, then try again")
            self._sleep(_PAUSE_S)


def _message(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return response.text[:400]
    return str(cast("Object", body).get("message", body))[:400] if isinstance(body, dict) else str(body)[:400]
