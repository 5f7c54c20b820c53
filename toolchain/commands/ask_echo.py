"""A question that goes through the stack's echo service, with a memory where one is meant."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.console import Console

from components.kube_context import KubeContext
from components.pod_proxy import PodProxy
from ollama import OllamaClient

SERVICE, PORT = "echo", "main"
_ANSWER = httpx.Timeout(300.0, connect=10.0)
"""A first answer loads the model from disk; on a small machine that takes a while."""
_EXCERPT = 100
_COMPLETES = "completion"
_OTHER_KEY = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class NoWayError(Exception):
    """The service gives no answer to this question; it says why, and the models can be asked without it."""


class BrokenOffError(Exception):
    """An answer that had begun broke off."""


class _Recalled(BaseModel):
    id: str
    why: list[str]


class _Memory(BaseModel):
    space: str
    memory: str
    recalled: list[_Recalled] = []


class _Message(BaseModel):
    content: str = ""


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")

    message: _Message = Field(default=_Message())
    done: bool = False
    error: str = ""
    echo: _Memory | None = None


async def ask_echo(
    context: KubeContext,
    namespace: str,
    keys: Mapping[str, str],
    *,
    question: str,
    models: Sequence[str],
    space: str | None,
    console: Console,
) -> None:
    """Ask the service through the API server; shows the answer, and what was recalled for it.

    Args:
        context: the cluster of the service.
        namespace: its own.
        keys: name to API key; the first that may ask is used.
        question: in any language the model knows.
        models: the first of them that can chat is asked.
        space: of memories; the key's own where None.
        console: gets the answer, piece by piece.

    Raises:
        NoWayError: the service gave no answer; nothing was shown.
        BrokenOffError: the answer broke off.
    """
    if not keys:
        raise NoWayError("no API key was made for it: its keys are all signatures")
    async with PodProxy(context, namespace) as proxy:
        refused = ""
        for name, key in keys.items():
            http = proxy.service(SERVICE, PORT)
            # The API server takes the header Authorization for its own, so the key goes in the other one.
            http.headers["x-api-key"] = key
            if space is not None:
                http.headers["x-echo-space"] = space
            try:
                status, text = await _ask(http, question, models, console)
            except httpx.TransportError as error:
                raise NoWayError(f"it cannot be reached: {error or type(error).__name__}") from error
            if status == HTTPStatus.OK:
                return
            refused = f"it answers {status} to the key {name!r}: {text}"
            if status not in _OTHER_KEY:
                break
        raise NoWayError(refused)


async def _ask(http: httpx.AsyncClient, question: str, models: Sequence[str], console: Console) -> tuple[int, str]:
    """Status and text of a refusal; 200 where an answer was shown."""
    tags = await http.get("/api/tags")
    if tags.status_code != HTTPStatus.OK:
        return tags.status_code, _problem(tags.content)
    client = OllamaClient(http, SERVICE)
    chosen = None
    for model in models:
        info = await client.show(model)
        if info is not None and _COMPLETES in (info.capabilities or []):
            chosen = model
            break
    if chosen is None:
        return HTTPStatus.NOT_FOUND, "it has none of the models that can chat yet"
    body = {"model": chosen, "messages": [{"role": "user", "content": question}]}
    async with http.stream("POST", "/api/chat", json=body, timeout=_ANSWER) as answer:
        if answer.status_code != HTTPStatus.OK:
            return answer.status_code, _problem(await answer.aread())
        memory = await _shown(answer, console)
    if memory is not None:
        await _recalled(http, memory, console)
    return HTTPStatus.OK, ""


async def _shown(answer: httpx.Response, console: Console) -> _Memory | None:
    try:
        async for text in answer.aiter_lines():
            line = _Line.model_validate_json(text)
            if line.error:
                raise BrokenOffError(f"the answer broke off: {line.error}")
            console.print(line.message.content, end="", markup=False)
            if line.done:
                console.print()
                return line.echo
    except (httpx.TransportError, ValidationError) as error:
        raise BrokenOffError(f"the answer broke off: {type(error).__name__}") from error
    raise BrokenOffError("the answer broke off")


async def _recalled(http: httpx.AsyncClient, memory: _Memory, console: Console) -> None:
    """Say what was recalled: how each memory begins, and why it was found."""
    if not memory.recalled:
        console.print(f"memory {memory.space!r}: {memory.memory}", style="dim", markup=False)
        return
    console.print(f"memory {memory.space!r}, recalled:", style="dim", markup=False)
    for number, one in enumerate(memory.recalled, 1):
        found = await http.get(f"/echo/memories/{one.id}", headers={"x-echo-space": memory.space})
        text = " ".join(str(found.json()["content"]).split()) if found.status_code == HTTPStatus.OK else one.id
        short = text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 1]}…"
        console.print(f"  [{number}] {short}  ({'; '.join(one.why)})", style="dim", markup=False)


def _problem(body: bytes) -> str:
    """What an error says: in Ollama's form, in ours, or in the API server's."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")[:200]
    if not isinstance(found, dict):
        return ""
    given: dict[str, Any] = found  # pyright: ignore[reportUnknownVariableType]
    said: Any = given.get("error", given.get("message", ""))
    if isinstance(said, dict):
        inner: dict[str, Any] = said  # pyright: ignore[reportUnknownVariableType]
        said = inner.get("message", "")
    return str(said)[:200]
