"""Bring one server to the wanted models, and look at what it has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ollama.alias import ensure_aliases
from ollama.check import check_wanted
from ollama.client import OllamaClient
from ollama.create import Creation
from ollama.errors import EnsureFailed, OllamaError
from ollama.ledger import Ledger, MemoryLedger, Tracker
from ollama.look import find, health
from ollama.names import ModelName
from ollama.order import base_of, bases_first, owners
from ollama.policy import PullPolicy, before, retry
from ollama.preflight import preflight
from ollama.proof import BlobFolder
from ollama.replace import Replacement
from ollama.state import ModelState, OnEvent, PullEvent, WantedModel, ignore
from ollama.steps import Steps


async def ensure(
    client: OllamaClient,
    wanted: Sequence[WantedModel],
    *,
    on_event: OnEvent = ignore,
    policy: PullPolicy | None = None,
    ledger: Ledger | None = None,
    blobs: BlobFolder | None = None,
) -> list[ModelState]:
    """Make every wanted model present, readable and as it is wanted, aliases included.

    A model that is as wanted costs a look. A pulled one that is missing, damaged or at another digest is pulled
    under its source's name and then given its own, so that a copy that works stays until a better one is there; a
    created one is made under a name of ours in the same way. Bases come before what is made of them. A failure of
    one model does not stop the others, but for those made of it.

    Args:
        client: the server.
        wanted: models, in any order.
        on_event: told each step.
        policy: limits.
        ledger: what we brought and made before. Without one, every created model whose digest is not pinned is
            made again to see whether it is as its recipe says.
        blobs: the server's files, where they are at hand: what a pull finds there, and Ollama takes for good, is
            hashed then.

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
    memory = ledger if ledger is not None else MemoryLedger()
    bring = _Bring(client, wanted, limits, on_event, ledger=memory, blobs=blobs)
    states: dict[int, ModelState] = {}
    failures: dict[int, OllamaError] = {}
    for at in bases_first(wanted):
        want = wanted[at]
        try:
            base = base_of(want, bring.owned)
            if base is not None and base in failures:
                raise _without_base(failures[base], client.label, want, wanted[base].name)
            async with before(deadline, client.label, want.name, f"model `{want.name}`"):
                state = await bring.model(want)
        except OllamaError as error:
            failures[at] = error.about(model=want.name)
            continue
        on_event(PullEvent(client.label, want.name, "ready", state.size_bytes, state.size_bytes))
        states[at] = state
    done = [states[at] for at in sorted(states)]
    if failures:
        raise EnsureFailed([failures[at] for at in sorted(failures)], {client.label: done})
    return done


class _Bring:
    """Brings one wanted model after the other to one server."""

    def __init__(
        self,
        client: OllamaClient,
        wanted: Sequence[WantedModel],
        policy: PullPolicy,
        on_event: OnEvent,
        *,
        ledger: Ledger,
        blobs: BlobFolder | None,
    ) -> None:
        self._client = client
        self._policy = policy
        self._on_event = on_event
        self._ledger = ledger
        self._blobs = blobs
        self.owned = owners(wanted)

    async def model(self, want: WantedModel) -> ModelState:
        """Return the state of a model once it and its aliases are as wanted."""
        steps = Steps(self._client, want.name, self._policy, self._on_event, self._blobs)
        # What we brought before counts too: a caller may ask for one model of its list at a time.
        brought = {entry.key for entry in self._ledger.entries() if entry.origin == "brought"}
        others = frozenset(brought.union(self.owned)) - {ModelName.parse(want.name).key}
        track = Tracker(self._ledger, want.name, retain=want.retain)
        work: Creation | Replacement
        if want.create is not None:
            work = Creation(steps, want, want.create, others, track)
        else:
            # One of the two is there: check_wanted has said so.
            work = Replacement(steps, want, want.source if want.source is not None else want.name, others, track)
        state = await work.ensure()
        await ensure_aliases(steps, want, state, self._ledger)
        return state


def _without_base(error: OllamaError, replica: str, want: WantedModel, base: str) -> OllamaError:
    # Of the base's own kind, so that a caller tries again exactly when that may help.
    hint = f"mend `{base}` first: its own failure says how"
    return type(error)(replica, want.name, f"cannot be made: its base `{base}` failed", hint)


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


def _say_nothing(message: str) -> None:
    """Take the reason of a wait that no display shows."""
    del message
