"""Bring one server to the wanted models, and look at what it has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ollama.alias import ensure_aliases
from ollama.check import check_wanted
from ollama.client import OllamaClient
from ollama.create import Creation
from ollama.errors import EnsureFailed, OllamaError, TransientError
from ollama.ledger import Ledger, MemoryLedger, Tracker
from ollama.look import find, health
from ollama.names import ModelName
from ollama.order import base_of, bases_first, key_of, owners
from ollama.policy import PullPolicy, before, retry
from ollama.preflight import preflight
from ollama.proof import BlobFolder
from ollama.replace import Replacement
from ollama.state import ModelState, OnEvent, PullEvent, WantedModel, ignore
from ollama.steps import SOMEBODY_ELSE, Steps

_ROUNDS = 3
"""Times that the list is gone through. A model may go while a later one is brought: another run that takes its weights
for damaged, since a third is just writing them, removes whatever shares them."""


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
    todo = bases_first(wanted)
    for _ in range(_ROUNDS):
        for at in todo:
            await bring.one(at, deadline)
        todo = await bring.gone(deadline)
        if not todo:
            break
    bring.failures |= {at: _gone(client.label, wanted[at].name) for at in todo}
    done = [bring.states[at] for at in sorted(bring.states) if at not in bring.failures]
    if bring.failures:
        raise EnsureFailed([bring.failures[at] for at in sorted(bring.failures)], {client.label: done})
    return done


class _Bring:
    """Brings one wanted model after the other to one server.

    Attributes:
        states: what was brought, by place in the list.
        failures: what could not be, likewise.
    """

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
        self._wanted = wanted
        self._owned = owners(wanted)
        self.states: dict[int, ModelState] = {}
        self.failures: dict[int, OllamaError] = {}

    async def one(self, at: int, deadline: float) -> None:
        """Bring the model at a place in the list, and write down how that went."""
        want = self._wanted[at]
        label = self._client.label
        try:
            base = base_of(want, self._owned)
            if base is not None and base in self.failures:
                raise _without_base(self.failures[base], label, want, self._wanted[base].name)
            async with before(deadline, label, want.name, f"model `{want.name}`"):
                state = await self._model(want)
        except OllamaError as error:
            self.failures[at] = error.about(model=want.name)
            return
        self._on_event(PullEvent(label, want.name, "ready", state.size_bytes, state.size_bytes))
        self.states[at] = state

    async def gone(self, deadline: float) -> list[int]:
        """Return the places of models that were brought and are not listed any more, bases first."""
        # One alone was looked at just now; after a failure the caller begins again anyway.
        if self.failures or len(self.states) <= 1:
            return []
        label = self._client.label
        try:
            async with before(deadline, label, None, "looking once more"):
                listing = await retry(self._policy, self._client.tags, _say_nothing)
        except OllamaError as error:
            raise EnsureFailed([error], {label: [self.states[at] for at in sorted(self.states)]}) from error
        there = {key_of(listed.name) for listed in listing}
        return [at for at in bases_first(self._wanted) if ModelName.parse(self._wanted[at].name).key not in there]

    async def _model(self, want: WantedModel) -> ModelState:
        steps = Steps(self._client, want.name, self._policy, self._on_event, self._blobs)
        # What we brought before counts too: a caller may ask for one model of its list at a time.
        brought = {entry.key for entry in self._ledger.entries() if entry.origin == "brought"}
        others = frozenset(brought.union(self._owned)) - {ModelName.parse(want.name).key}
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


def _gone(replica: str, name: str) -> OllamaError:
    message = f"was brought {_ROUNDS} times, and removed by somebody else each time"
    return TransientError(replica, name, message, SOMEBODY_ELSE)


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
