"""A thin, typed client of one Ollama server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from ollama.classify import classify
from ollama.errors import ConfigurationError, DamagedModelError, OllamaError, SystemFault, TransientError
from ollama.ndjson import NdjsonError, json_lines
from ollama.settings import wire_keep_alive
from ollama.wire import (
    ChatLine,
    EmbedAnswer,
    ErrorBody,
    GenerateLine,
    KubernetesStatus,
    ListedModel,
    ModelInfo,
    PsAnswer,
    PullProgress,
    RunningModel,
    TagsAnswer,
    VersionAnswer,
)

T = TypeVar("T", bound=BaseModel)

_CALL = httpx.Timeout(30.0, connect=10.0)
# A first answer waits until the model is in memory; Ollama itself gives up after 5 minutes without progress.
_ANSWER = httpx.Timeout(600.0, connect=10.0)
# A pull is watched by its progress, and says nothing while it verifies, so reading has no limit of its own.
_WATCHED = httpx.Timeout(30.0, connect=10.0, read=None, pool=None)
_NOT_OLLAMA = "see what answers at this address: it does not speak Ollama's API"


class OllamaClient:
    """One server's API.

    Every method raises an `OllamaError` that names the replica: `TransientError` for the connection and
    proxies, the other kinds by what the server says.

    Attributes:
        label: name of the replica in errors and events.
    """

    def __init__(self, http: httpx.AsyncClient, label: str) -> None:
        """Wrap `http`, whose `base_url` is the server's, perhaps behind the API server's pod proxy."""
        self._http = http
        self.label = label

    async def version(self) -> str:
        """Return the server's version, such as `0.17.4`."""
        body = await self._call("GET", "/api/version")
        return self._parse(VersionAnswer, body).version

    async def tags(self) -> list[ListedModel]:
        """Return the models that have a manifest; their weights may still be missing (see `show`)."""
        models = self._parse(TagsAnswer, await self._call("GET", "/api/tags")).models
        return models if models is not None else []

    async def ps(self) -> list[RunningModel]:
        """Return the models in memory."""
        models = self._parse(PsAnswer, await self._call("GET", "/api/ps")).models
        return models if models is not None else []

    async def show(self, name: str) -> ModelInfo | None:
        """Return a model's details, or None when it, or one of its blobs, is absent.

        Raises:
            DamagedModelError: the server cannot read the model's weights file.
        """
        # Newer servers cache this answer by digest and would vouch for weights that are gone; options make
        # them look. The option changes nothing but the echoed modelfile.
        payload = {"model": name, "options": {"seed": 0}}
        status, body = await self._exchange("POST", "/api/show", payload, model=name)
        said = _ollama_error(body) if status != HTTPStatus.OK else None
        if status == HTTPStatus.NOT_FOUND and said is not None:
            return None
        if status == HTTPStatus.INTERNAL_SERVER_ERROR and said is not None and "manifests/" not in said:
            raise DamagedModelError(self.label, name, f"the weights cannot be read: {said}", "pull the model again")
        return self._parse(ModelInfo, self._checked(status, body, name))

    async def has_blob(self, digest: str) -> bool:
        """Return whether the server has a file for `sha256:<hex>`; its content is not looked at."""
        status, body = await self._exchange("HEAD", f"/api/blobs/{digest}", None, model=None)
        if status == HTTPStatus.NOT_FOUND:
            return False
        self._checked(status, body, None)
        return True

    async def upload_blob(self, digest: str, content: AsyncIterator[bytes], size: int, *, answer_s: float) -> None:
        """Send a file that the server does not have (see `has_blob`); it checks the digest itself.

        Args:
            digest: `sha256:<hex>` of the content.
            content: the bytes, in any pieces.
            size: how many there are.
            answer_s: how long the server may take to answer once it has them all.

        Raises:
            ConfigurationError: the bytes that came have another digest.
        """
        limits = httpx.Timeout(30.0, connect=10.0, read=answer_s)
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        path = f"/api/blobs/{digest}"
        try:
            response = await self._http.post(path, content=content, headers=headers, timeout=limits)
        except httpx.HTTPError as error:
            raise self._broken(error, None) from error
        # 201 when it was new, 200 when another client sent the same meanwhile.
        if response.status_code != HTTPStatus.CREATED:
            self._checked(response.status_code, response.content, None)

    async def create(self, name: str, recipe: Mapping[str, object]) -> AsyncGenerator[PullProgress]:
        """Yield the progress of making a model; it is done only after a line `success`.

        Closing the iterator does not stop what the server does right then; it stops at its next line. A base
        that is not there would be pulled from the public registry.

        Args:
            name: of the model that is made; what had that name is replaced, its blobs included.
            recipe: `from` or `files`, `adapters`, `system` and so on, as `POST /api/create` has them.
        """
        payload = {**recipe, "model": name}
        async with aclosing(self._stream("/api/create", payload, name, PullProgress, _WATCHED)) as lines:
            async for line in lines:
                yield line

    async def load(self, name: str, *, keep_alive: str | None = None, embedding: bool = False) -> None:
        """Load a model into memory; return when it is there.

        Args:
            name: of the model.
            keep_alive: how long it stays after its last use, such as `24h` or `-1`; None is the server's own.
            embedding: it makes embeddings alone, so that the server refuses to have it write.
        """
        payload: dict[str, Any] = {"model": name}
        if keep_alive is not None:
            payload["keep_alive"] = wire_keep_alive(keep_alive)
        if embedding:
            await self._call("POST", "/api/embed", {**payload, "input": []}, model=name, limits=_ANSWER)
        else:
            await self._call("POST", "/api/generate", {**payload, "stream": False}, model=name, limits=_ANSWER)

    async def unload(self, name: str) -> None:
        """Have a model leave the memory as soon as nobody uses it."""
        payload = {"model": name, "keep_alive": 0, "stream": False}
        await self._call("POST", "/api/generate", payload, model=name)

    async def copy(self, source: str, destination: str) -> bool:
        """Give a model a second name; return whether `source` was there. Only the manifest is copied."""
        payload = {"source": source, "destination": destination}
        return await self._call("POST", "/api/copy", payload, model=source, absent=None) is not None

    async def delete(self, name: str) -> bool:
        """Remove a name and the blobs that no other name uses; return whether it was there."""
        return await self._call("DELETE", "/api/delete", {"model": name}, model=name, absent=None) is not None

    async def pull(self, source: str, *, insecure: bool = False) -> AsyncGenerator[PullProgress]:
        """Yield a pull's progress; it is done only after a line `success`. Closing the iterator cancels it.

        Args:
            source: full name, as the server is to pull it.
            insecure: speak plain HTTP to the registry.
        """
        payload = {"model": source, "insecure": insecure}
        async with aclosing(self._stream("/api/pull", payload, source, PullProgress, _WATCHED)) as lines:
            async for line in lines:
                yield line

    async def chat(self, model: str, messages: Sequence[Mapping[str, str]]) -> AsyncGenerator[str]:
        """Yield a chat's answer piece by piece; each message has a `role` and a `content`."""
        payload = {"model": model, "messages": [dict(message) for message in messages]}
        async with aclosing(self._stream("/api/chat", payload, model, ChatLine, _ANSWER)) as lines:
            async for line in lines:
                if line.message is not None and line.message.content:
                    yield line.message.content
                if line.done:
                    return
        raise self._cut(model)

    async def generate(self, model: str, prompt: str, **options: float) -> AsyncGenerator[str]:
        """Yield what the model writes after `prompt`; an empty prompt only loads it.

        Args:
            model: name.
            prompt: text.
            options: sampling parameters, such as `num_predict=8`.
        """
        payload = {"model": model, "prompt": prompt, "options": options}
        async with aclosing(self._stream("/api/generate", payload, model, GenerateLine, _ANSWER)) as lines:
            async for line in lines:
                if line.response:
                    yield line.response
                if line.done:
                    return
        raise self._cut(model)

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 for each text, in their order."""
        payload = {"model": model, "input": list(texts)}
        body = await self._call("POST", "/api/embed", payload, model=model, limits=_ANSWER)
        return self._parse(EmbedAnswer, body).embeddings

    async def _call(
        self,
        method: str,
        path: str,
        payload: dict[str, Any] | None = None,
        *,
        model: str | None = None,
        absent: bytes | None = b"",
        limits: httpx.Timeout = _CALL,
    ) -> bytes | None:
        """Return the body of a 200; `absent`, when it is None, for Ollama's own 404; else raise."""
        status, body = await self._exchange(method, path, payload, model=model, limits=limits)
        # Only Ollama's own 404 says that a model is absent: the API server answers 404 for a missing pod.
        if status == HTTPStatus.NOT_FOUND and absent is None and _ollama_error(body) is not None:
            return None
        return self._checked(status, body, model)

    async def _exchange(
        self,
        method: str,
        path: str,
        payload: dict[str, Any] | None,
        *,
        model: str | None,
        limits: httpx.Timeout = _CALL,
    ) -> tuple[int, bytes]:
        try:
            response = await self._http.request(method, path, json=payload, timeout=limits)
        except httpx.HTTPError as error:
            raise self._broken(error, model) from error
        return response.status_code, response.content

    def _checked(self, status: int, body: bytes, model: str | None) -> bytes:
        if status == HTTPStatus.OK:
            return body
        raise self._refused(status, body, model)

    async def _stream(
        self, path: str, payload: dict[str, Any], model: str, shape: type[T], limits: httpx.Timeout
    ) -> AsyncGenerator[T]:
        try:
            async with self._http.stream("POST", path, json=payload, timeout=limits) as response:
                if response.status_code != HTTPStatus.OK:
                    raise self._refused(response.status_code, await response.aread(), model)
                async for line in json_lines(response.aiter_bytes()):
                    # The status is 200 by now, so this is the only sign of a failure.
                    if "error" in line:
                        raise classify(self.label, model, _error_text(line["error"]))
                    yield self._shape(shape, line)
        except httpx.HTTPError as error:
            raise self._broken(error, model) from error
        except NdjsonError as error:
            if error.cut:
                raise TransientError(self.label, model, str(error), "nothing if it passes") from error
            raise SystemFault(self.label, model, str(error), _NOT_OLLAMA) from error

    def _refused(self, status: int, body: bytes, model: str | None) -> OllamaError:
        said = _ollama_error(body)
        if said is not None:
            return classify(self.label, model, said, status)
        try:
            proxy = KubernetesStatus.model_validate_json(body)
        except ValidationError:
            text = body[:300].decode(errors="replace").strip()
            return classify(self.label, model, text, status)
        if status == HTTPStatus.NOT_FOUND:
            hint = "nothing if the pod is being started; else see why the replica has no pod"
            return TransientError(self.label, model, f"the replica's pod is not there: {proxy.message}", hint)
        return classify(self.label, model, f"the API server says: {proxy.message}", status)

    def _broken(self, error: httpx.HTTPError, model: str | None) -> OllamaError:
        text = str(error) or type(error).__name__
        if isinstance(error, httpx.UnsupportedProtocol):
            return ConfigurationError(self.label, model, text, "give the server's URL with http:// or https://")
        if isinstance(error, httpx.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in text:
            return ConfigurationError(self.label, model, text, "give the CA that signed this server's certificate")
        if isinstance(error, httpx.TransportError):
            hint = "nothing if it passes; else see whether the replica runs and can be reached from here"
            return TransientError(self.label, model, f"no connection to the server: {text}", hint)
        return SystemFault(self.label, model, text, _NOT_OLLAMA)

    def _cut(self, model: str) -> OllamaError:
        return TransientError(self.label, model, "the answer ended before its last line", "ask again")

    def _parse(self, shape: type[T], body: bytes | None) -> T:
        try:
            return shape.model_validate_json(body if body is not None else b"")
        except ValidationError as error:
            raise self._unexpected(error) from error

    def _shape(self, shape: type[T], line: dict[str, Any]) -> T:
        try:
            return shape.model_validate(line)
        except ValidationError as error:
            raise self._unexpected(error) from error

    def _unexpected(self, error: ValidationError) -> SystemFault:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        return SystemFault(self.label, None, f"an answer not of Ollama's form: {faults}", _NOT_OLLAMA)


def _ollama_error(body: bytes) -> str | None:
    try:
        return ErrorBody.model_validate_json(body).error
    except ValidationError:
        return None


def _error_text(error: object) -> str:
    return error if isinstance(error, str) else str(error)
