"""The same models on many servers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from ollama.client import OllamaClient
from ollama.ensure import check_wanted, ensure
from ollama.errors import EnsureFailed, OllamaError
from ollama.policy import PullPolicy
from ollama.state import ModelState, OnEvent, WantedModel, ignore


async def ensure_all(
    clients: Sequence[OllamaClient],
    wanted: Sequence[WantedModel],
    *,
    on_event: OnEvent = ignore,
    policy: PullPolicy | None = None,
    at_once: int = 64,
) -> dict[str, list[ModelState]]:
    """Ensure `wanted` on every server; a failure on one does not disturb the others.

    Args:
        clients: the servers, each with a label of its own.
        wanted: models for each of them.
        on_event: told each step of each.
        policy: limits for each; its deadline begins when that server's turn comes.
        at_once: servers worked on at the same time, which bounds memory and open connections.

    Returns:
        The states by label, each list in the order of `wanted`.

    Raises:
        EnsureFailed: with every failure of every server, and what succeeded in `states`.
        ValueError: two servers have the same label, so that errors could not tell them apart.
    """
    twice = [label for label, count in Counter(client.label for client in clients).items() if count > 1]
    if twice:
        msg = f"labels of replicas must differ: {', '.join(sorted(twice))}"
        raise ValueError(msg)
    faults = check_wanted(wanted)
    if faults:
        raise EnsureFailed(faults)
    gate = asyncio.Semaphore(at_once)

    async def one(client: OllamaClient) -> list[ModelState]:
        async with gate:
            return await ensure(client, wanted, on_event=on_event, policy=policy)

    results = await asyncio.gather(*map(one, clients), return_exceptions=True)
    states: dict[str, list[ModelState]] = {}
    failures: list[OllamaError] = []
    for client, result in zip(clients, results, strict=True):
        if isinstance(result, EnsureFailed):
            failures += result.failures
            states[client.label] = list(result.states.get(client.label, []))
        elif isinstance(result, BaseException):
            raise result
        else:
            states[client.label] = result
    if failures:
        raise EnsureFailed(failures, dict(states))
    return states
