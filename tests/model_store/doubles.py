"""Servers that stand where a name, a token service or a hub of models stands in the world; on loopback."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.model_store.harness import MANIFEST_TYPE, Model

App = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]


class Double:
    """An ASGI application, served by uvicorn in a thread on a free port.

    Attributes:
        host: `<name>:<port>`; the name is one of loopback's.
    """

    def __init__(self, app: App, name: str = "127.0.0.1") -> None:
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1
        )
        self._name = name
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self.host = ""

    def __enter__(self) -> Self:
        self._thread.start()
        end = time.monotonic() + 10
        while not self._server.started:
            assert self._thread.is_alive(), "the double ended"
            assert time.monotonic() < end, "the double did not start"
            time.sleep(0.01)
        self.host = f"{self._name}:{self._server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)


class NamedProxy(Double):
    """Passes everything on under another Host header, as a Service's name does in a cluster."""

    def __init__(self, upstream: str, named: str) -> None:
        self._upstream = upstream
        self._as = named
        super().__init__(Starlette(routes=[Route("/{path:path}", self._pass, methods=["GET", "HEAD"])]))

    async def _pass(self, request: Request) -> Response:
        client = httpx.AsyncClient(trust_env=False, timeout=30)
        headers = {key: value for key, value in request.headers.items() if key not in {"host", "connection"}}
        asked = client.build_request(
            request.method, f"http://{self._upstream}{request.url.path}", headers={**headers, "Host": self._as}
        )
        answer = await client.send(asked, stream=True)

        async def end() -> None:
            await answer.aclose()
            await client.aclose()

        kept = {key: value for key, value in answer.headers.items() if key not in {"connection", "date"}}
        if request.method == "HEAD":
            await end()
            return Response(None, answer.status_code, kept)
        from starlette.background import BackgroundTask  # noqa: PLC0415

        return StreamingResponse(answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(end))


class TokenRegistry(Double):
    """A registry before which a token service stands: `/token` gives one for user and password, and for a while.

    Attributes:
        logins: `user:password` of each request for a token, or None.
        realm: where it sends its users; its own `/token` unless a test says otherwise.
    """

    def __init__(self, model: Model, user: str, password: str, *, life_s: int = 300) -> None:
        self._model = model
        self.pair = f"{user}:{password}"
        self._life_s = life_s
        self._given: set[str] = set()
        self.logins: list[str | None] = []
        self.realm: str | None = None
        super().__init__(
            Starlette(
                routes=[
                    Route("/token", self._token),
                    Route("/v2/{name:path}/{kind}/{reference}", self._serve, methods=["GET", "HEAD"]),
                ]
            )
        )

    def forget_tokens(self) -> None:
        """From now on the tokens that were given count no longer."""
        self._given.clear()

    async def _token(self, request: Request) -> Response:
        header = request.headers.get("authorization", "")
        pair = base64.b64decode(header[6:]).decode() if header.startswith("Basic ") else None
        self.logins.append(pair)
        if pair != self.pair:
            return JSONResponse({"details": "incorrect username or password"}, 401)
        token = secrets.token_hex(8)
        self._given.add(token)
        return JSONResponse({"token": token, "expires_in": self._life_s})

    async def _serve(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self._given:
            realm = self.realm if self.realm is not None else f"http://{self.host}/token"
            challenge = f'Bearer realm="{realm}",service="double",scope="repository:{self._model.repository}:pull"'
            return JSONResponse({"errors": []}, 401, {"WWW-Authenticate": challenge})
        if request.path_params["kind"] == "manifests":
            return Response(self._model.manifest, 200, media_type=MANIFEST_TYPE)
        return Response(self._model.blobs[request.path_params["reference"]], 200)


class Hub(Double):
    """What hf.co does, as users and maintainers have documented it in public.

    - The registry answers under `hf.co`; a blob's address is on `huggingface.co`, signed (`?__sign=…`), and that one
      sends on to a host of its content network with another signature (ollama issues 8360, 11654; since April 2025
      with 302, ollama pull request 10197).
    - Repositories have capitals and dots (`bartowski/Llama-3.2-1B-Instruct-GGUF`); a tag is a quantization's name
      without regard to case, and `latest` is `Q4_K_M` where there is one (llama.cpp pull request 11195).
    - The manifest depends on the user agent: programs other than Ollama get other fields (the same pull request).
    - A tag that is not there is refused with 400 and a sentence; a repository that is not public with 401 and
      `{"error": "Invalid username or password."}`, without a challenge (ollama issue 8045).

    Here `hf.co` is 127.0.0.1, `huggingface.co` is localhost and the content network is 127.0.0.1 on the other port.

    Attributes:
        requests: method, host, path, and headers of each request.
        token: opens the repository; None: it is public.
    """

    def __init__(self, model: Model, *, token: str | None = None) -> None:
        self._model = model
        self.token = token
        self.signature = secrets.token_hex(16)
        self.requests: list[tuple[str, str, str, dict[str, str]]] = []
        self.refuse_signature = False
        self._network = Double(Starlette(routes=[Route("/{rest:path}", self._content, methods=["GET", "HEAD"])]))
        routes = [
            Route("/v2/{name:path}/manifests/{tag}", self._manifest, methods=["GET", "HEAD"]),
            Route("/v2/{name:path}/blobs/{digest}", self._blob, methods=["GET", "HEAD"]),
        ]
        super().__init__(Starlette(routes=routes))

    def __enter__(self) -> Self:
        self._network.__enter__()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, value, trace)
        self._network.__exit__(kind, value, trace)

    def _note(self, request: Request) -> None:
        headers = dict(request.headers)
        self.requests.append((request.method, request.headers["host"], request.url.path, headers))

    async def _manifest(self, request: Request) -> Response:
        self._note(request)
        if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
            return JSONResponse({"error": "Invalid username or password."}, 401)
        if request.path_params["name"] != self._model.repository:
            return JSONResponse({"error": "Repository not found"}, 404)
        if request.path_params["tag"].lower() not in {self._model.tag.lower(), "latest"}:
            text = 'The specified tag is not available in the repository. Please use another tag or "latest"'
            return JSONResponse({"error": text}, 400)
        if not request.headers.get("user-agent", "").startswith("ollama/"):
            return JSONResponse({"schemaVersion": 2, "ggufFile": {"rfilename": "x.gguf"}})
        return Response(self._model.manifest, 200, media_type="application/json; charset=utf-8")

    async def _blob(self, request: Request) -> Response:
        self._note(request)
        path = request.url.path
        if request.headers["host"].startswith("127.0.0.1"):
            if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
                return JSONResponse({"error": "Invalid username or password."}, 401)
            port = self.host.partition(":")[2]
            return RedirectResponse(f"http://localhost:{port}{path}?__sign={self.signature}", 307)
        signed = parse_qs(request.url.query).get("__sign") == [self.signature]
        if not signed:
            return JSONResponse({"error": "no signature"}, 403)
        digest = request.path_params["digest"]
        return RedirectResponse(f"http://{self._network.host}/xet/{digest}?X-Amz-Signature={self.signature}", 302)

    async def _content(self, request: Request) -> Response:
        self._note(request)
        signature = request.query_params.get("X-Amz-Signature")
        if self.refuse_signature or signature != self.signature:
            return Response(f"<Error><Code>AccessDenied</Code><StringToSign>{signature}</StringToSign></Error>", 403)
        data = self._model.blobs[request.url.path.rpartition("/")[2]]
        start = int(request.headers.get("range", "bytes=0-")[6:].partition("-")[0])
        headers = {"ETag": hashlib.md5(data).hexdigest()}  # noqa: S324 - as such networks have it
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return Response(data[start:], 206 if start else 200, headers)
