"""What registries say of models' sizes, asked while the plan is made: `fit.lookup`.

A registry is asked as the model store asks it: mirrors first, credentials only where nobody listens. The weights are
those of the manifest, the rest is in the head of the GGUF file, of which no more than that is fetched. Nothing of it
goes into the state, the credentials least of all.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from components.fit_check import facts_of, pulled_name
from components.registries import PUSHED_HOST
from components.settings.models import LookedUp
from fit import gguf
from fit.facts import Facts
from model_store.config import UpstreamConfig
from model_store.credentials import shown_to
from model_store.manifests import ACCEPT, MAX_MANIFEST_BYTES
from model_store.metrics import Metrics
from model_store.upstream import EndpointFailedError, Upstream
from ollama.names import ModelName

if TYPE_CHECKING:
    from components.settings.models import ModelSettings
    from components.settings.server import ServerSettings
    from components.settings.stack import Settings

CREDENTIALS = "ECHORATOR_REGISTRY_CREDENTIALS"
"""Folder with one folder for each private registry, by its host; in it the files `username` and `password`."""

_HINT = f". The plan shows those in `${CREDENTIALS}/{{host}}`"
_WEIGHTS = ("application/vnd.ollama.image.model", "application/vnd.ollama.image.projector")
_AT_ONCE = 8
_FIRST_BYTES = 1 << 20
_MOST_BYTES = 64 << 20
"""Of a head: vocabularies of 262,144 tokens take some 16 MiB."""


class _NotToldError(Exception):
    """What the registry sent does not say it; the message tells why."""


@dataclass(frozen=True)
class _Question:
    """One model of one registry.

    Attributes:
        name: what would be pulled.
        registry: which endpoints to ask.
        shape: whether more than the weights' bytes is wanted.
    """

    name: ModelName
    registry: UpstreamConfig
    shape: bool


def looked_up(settings: Settings) -> Settings:
    """The same settings, each model with what its registry says; without asking, where they say so.

    Waits `fit.lookupSeconds` at most. What is not known by then stays as it was, with the reason beside it.
    """
    if settings.fit.lookup == "none":
        return settings
    questions = {question.name.key: question for question in _questions(settings)}
    if not questions:
        return settings
    answers = _ask(list(questions.values()), settings.fit.lookup_seconds)

    def told(model: ModelSettings, server: ServerSettings) -> ModelSettings:
        name = _wanted(model, server)
        return model if name is None else model.with_lookup(answers[name.key])

    servers = tuple(
        server.model_copy(update={"models": tuple(told(model, server) for model in server.models)})
        for server in settings.servers
    )
    return settings.model_copy(update={"servers": servers})


def _wanted(model: ModelSettings, server: ServerSettings) -> ModelName | None:
    """What to ask for; None where the settings say it all, or nothing is pulled."""
    if server.url is not None or model.facts is not None:
        return None
    name = pulled_name(model, server)[0]
    # What was pushed to the store is in no registry.
    return None if name is None or name.host == PUSHED_HOST else name


def _questions(settings: Settings) -> Iterator[_Question]:
    for server in settings.servers:
        for model in server.models:
            name = _wanted(model, server)
            if name is not None:
                yield _Question(name, _registry(settings, name.host), facts_of(model, server)[0] is None)


def _registry(settings: Settings, host: str) -> UpstreamConfig:
    upstreams = settings.model_store.upstreams if settings.model_store.enabled else ()
    mirrors = next((one.mirrors for one in upstreams if one.host.lower() == host.lower()), ())
    folder = os.environ.get(CREDENTIALS)
    own = None if not folder else Path(folder).expanduser().absolute() / host
    return UpstreamConfig.model_construct(
        host=host,
        alias="plan",
        endpoints=[*(mirror.rstrip("/") for mirror in mirrors), f"https://{host}"],
        credentials_file=own if own is not None and own.is_dir() else None,
    )


def _ask(questions: list[_Question], seconds: float) -> Mapping[str, LookedUp]:
    """Every answer there is after so many seconds, by the name's key."""
    late = LookedUp(problem=f"its registry did not say it within {seconds:g} s")
    answers = {question.name.key: late for question in questions}

    def run() -> None:
        asyncio.run(_all(questions, seconds, answers))

    # Pulumi runs the program in a loop of its own. A name server that does not answer holds up a loop's end, not us.
    thread = threading.Thread(target=run, name="model-lookup", daemon=True)
    thread.start()
    thread.join(seconds + 1)
    return dict(answers)


async def _all(questions: list[_Question], seconds: float, answers: dict[str, LookedUp]) -> None:
    upstream = Upstream(Metrics())
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(question: _Question) -> None:
        async with free:
            answers[question.name.key] = await _answer(upstream, question)

    try:
        done, late = await asyncio.wait([asyncio.create_task(one(each)) for each in questions], timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        await asyncio.gather(*done)
    finally:
        await upstream.close()


async def _answer(upstream: Upstream, question: _Question) -> LookedUp:
    """What the first endpoint says that says something."""
    problems: list[str] = []
    for endpoint in question.registry.endpoints:
        try:
            return await _Inquiry(upstream, endpoint, question).made()
        except EndpointFailedError as error:
            hint = "" if error.attempt.status != HTTPStatus.UNAUTHORIZED else _HINT.format(host=question.name.host)
            problems.append(f"{endpoint}: {error.attempt.reason}{hint}")
        except (_NotToldError, ValueError) as error:
            # A head that is none, or a host with a port that is none.
            problems.append(f"{endpoint}: {error}")
    return LookedUp(problem="; ".join(problems))


@dataclass(frozen=True)
class _Inquiry:
    """One question, put to one endpoint."""

    upstream: Upstream
    endpoint: str
    question: _Question

    async def made(self) -> LookedUp:
        """The answer, out of the manifest and, where the shape is wanted, of the weights' head."""
        most = MAX_MANIFEST_BYTES + 1
        body = bytearray()
        async with aclosing(self._parts(f"manifests/{self.question.name.tag}", {"Accept": ACCEPT}, most)) as parts:
            async for part in parts:
                body += part
        if len(body) == most:
            raise _NotToldError("it sent more than a manifest may have")
        layers = _weights(body)
        total = sum(size for _, size in layers)
        return LookedUp(weights=total, facts=await self._facts(layers[0][0], total) if self.question.shape else None)

    async def _facts(self, digest: str, total: int) -> Facts:
        """Of the head of a GGUF file; the connection is closed once it is whole."""
        body, enough = bytearray(), _FIRST_BYTES
        headers = {"Range": f"bytes=0-{_MOST_BYTES - 1}"}
        async with aclosing(self._parts(f"blobs/{digest}", headers, _MOST_BYTES)) as parts:
            async for part in parts:
                body += part
                if len(body) >= enough:
                    with suppress(gguf.ShortError):
                        return await asyncio.to_thread(gguf.read, io.BytesIO(body), total)
                    enough = 2 * len(body)
        return await asyncio.to_thread(gguf.read, io.BytesIO(body), total)

    async def _parts(self, what: str, headers: Mapping[str, str], most: int) -> AsyncGenerator[bytes]:
        """The first `most` bytes of an answer, as they come, whatever more the registry would send."""
        kind, _, reference = what.partition("/")
        asked = self.upstream.request(
            "GET",
            self.endpoint,
            f"{self.question.name.namespace}/{self.question.name.model}",
            kind=kind,
            reference=reference,
            headers=headers,
            credentials=shown_to(self.question.registry, self.endpoint),
        )
        async with asked as answer:
            if answer.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                raise await self.upstream.refusal(self.endpoint, answer)
            left = most
            async for part in answer.aiter_bytes():
                yield part[:left]
                left -= len(part)
                if left <= 0:
                    break


def _weights(body: bytearray) -> list[tuple[str, int]]:
    """Digest and bytes of each layer with weights, the language model's first."""
    try:
        document: object = json.loads(body)
        layers = cast("dict[str, Any]", document)["layers"]
        found = [(layer["mediaType"], str(layer["digest"]), layer["size"]) for layer in layers]
    except (ValueError, TypeError, KeyError) as error:
        raise _NotToldError("what it sent is no manifest of a model") from error
    kept = [one for one in found if one[0] in _WEIGHTS and type(one[2]) is int and one[2] > 0]
    kept.sort(key=lambda one: _WEIGHTS.index(one[0]))
    if not kept or kept[0][0] != _WEIGHTS[0]:
        raise _NotToldError(f"its manifest has no weights in GGUF (`{_WEIGHTS[0]}`)")
    return [(digest, size) for _, digest, size in kept]
