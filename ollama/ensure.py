"""Bring one server to the wanted models, look at what it has, remove what is no longer wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ollama.client import OllamaClient
from ollama.errors import (
    ConfigurationError,
    EnsureFailed,
    OllamaError,
)
from ollama.look import find, health
from ollama.names import ModelName, parse_digest
from ollama.policy import PullPolicy, before, retry
from ollama.preflight import preflight
from ollama.replace import Replacement, previous_name
from ollama.state import ModelState, OnEvent, PullEvent, WantedModel, ignore


async def ensure(
    client: OllamaClient,
    wanted: Sequence[WantedModel],
    *,
    on_event: OnEvent = ignore,
    policy: PullPolicy | None = None,
) -> list[ModelState]:
    """Make every wanted model present, readable and at its digest.

    A model that is as wanted costs a look and no pull. One that is missing, damaged or at another digest is
    pulled under its source's name and then given its own, so that a copy that works stays until a better
    one is there. A failure of one model does not stop the others.

    Returns:
        The states, in the order of `wanted`.

    Raises:
        EnsureFailed: with every failure, each naming the replica and the model.
    """
    limits = policy if policy is not None else PullPolicy()
    faults = check_wanted(wanted, replica=client.label)
    if faults:
        raise EnsureFailed(faults)
    deadline = asyncio.get_running_loop().time() + limits.deadline_s
    try:
        async with before(deadline, client.label, None, "reaching the server"):
            await preflight(client, limits, on_event)
    except OllamaError as error:
        raise EnsureFailed([error]) from error
    states: list[ModelState] = []
    failures: list[OllamaError] = []
    for want in wanted:
        others = frozenset(ModelName.parse(other.name).key for other in wanted if other is not want)
        try:
            async with before(deadline, client.label, want.name, f"model `{want.name}`"):
                state = await Replacement(client, want, others, limits, on_event).ensure()
        except OllamaError as error:
            failures.append(error.about(model=want.name))
            continue
        on_event(PullEvent(client.label, want.name, "ready", state.size_bytes, state.size_bytes))
        states.append(state)
    if failures:
        raise EnsureFailed(failures, {client.label: states})
    return states


async def observe(client: OllamaClient, name: str, *, policy: PullPolicy | None = None) -> ModelState | None:
    """Return a model's state, or None when it is absent or the server cannot read its files.

    A manifest alone is no proof: the server lists a model whose weights are gone.
    """
    key = ModelName.parse(name).key

    async def look() -> ModelState | None:
        listed = find(await client.tags(), key)
        if listed is None or await health(client, listed.name) != "good":
            return None
        return ModelState(name, listed.sha256, listed.size)

    return await retry(policy if policy is not None else PullPolicy(), look, _say_nothing)


async def remove(client: OllamaClient, name: str, *, policy: PullPolicy | None = None) -> bool:
    """Remove a model; return False when it was not there. Blobs that other names use stay."""
    limits = policy if policy is not None else PullPolicy()
    parsed = ModelName.parse(name)
    tries = 0

    async def once() -> bool:
        nonlocal tries
        tries += 1
        # A second try that finds nothing comes after a first whose answer was lost: that one removed it.
        return await client.delete(parsed.full) or tries > 1

    # A run killed in the middle of a replacement leaves the copy that it kept.
    await retry(limits, lambda: client.delete(previous_name(parsed).full), _say_nothing)
    return await retry(limits, once, _say_nothing)


def _say_nothing(message: str) -> None:
    """Take the reason of a wait that no display shows."""
    del message


def check_wanted(wanted: Sequence[WantedModel], replica: str | None = None) -> list[ConfigurationError]:
    """Return what is wrong with what is asked for, before any server is asked."""
    faults: list[ConfigurationError] = []
    seen: dict[str, str] = {}
    for want in wanted:
        for field, text in (("name", want.name), ("source", want.source)):
            try:
                parsed = ModelName.parse(text)
            except ConfigurationError as error:
                faults.append(ConfigurationError(replica, text, f"{field}: {error.message}", error.hint))
                continue
            if parsed.remote:
                message = f"{field}: the tag `{parsed.tag}` means a model that runs on Ollama's service, not here"
                faults.append(ConfigurationError(replica, text, message, "choose a tag that can be downloaded"))
            if field == "name":
                if parsed.key in seen:
                    message = f"wanted twice, as `{seen[parsed.key]}` and as `{text}` (case does not count)"
                    faults.append(ConfigurationError(replica, text, message, "name each model once"))
                seen.setdefault(parsed.key, text)
        if want.digest is not None:
            try:
                parse_digest(want.digest)
            except ConfigurationError as error:
                faults.append(ConfigurationError(replica, want.name, error.message, error.hint))
    return faults
