"""What the reconciler asks of `ollama`, for one model of the list at a time.

One at a time, so that a source that hangs holds up its own model alone, each has its own retries, and one that is
asked for in a wrong way does not keep the others away. A model that is made of another is handed on with its base.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ollama import (
    BlobFolder,
    EnsureFailed,
    Ledger,
    ModelState,
    OllamaClient,
    OllamaError,
    OnEvent,
    Preloader,
    PullPolicy,
    TransientError,
    WantedModel,
    check_wanted,
    ensure,
    observe,
    remove_unwanted,
    unwanted,
    wanted_of,
)
from ollama.document import WantedEntry
from ollama.order import base_of, key_of, owners

__all__ = ["Bringer", "WantedModels"]


class WantedModels:
    """A whole list, with what is wrong with it.

    Attributes:
        models: in the order of the list.
        faults: by the place in the list, why an entry cannot be brought.
        kept: what is not to be removed.
    """

    def __init__(self, entries: Sequence[WantedEntry], replica: str) -> None:
        self.models = [wanted_of(entry) for entry in entries]
        self._owned = owners(self.models)
        self.faults: dict[int, OllamaError] = {}
        for fault in check_wanted(self.models, replica=replica):
            for at, want in enumerate(self.models):
                if fault.model in (want.name, want.source, *want.aliases):
                    self.faults.setdefault(at, fault)
        # Of what is asked for in a wrong way only the names count: what they mean now is not to be removed.
        self.kept = [
            replace(want, source=None, create=None) if at in self.faults else want
            for at, want in enumerate(self.models)
        ]

    def base(self, at: int) -> int | None:
        """Return the place of the model that this one is made of, or None."""
        return base_of(self.models[at], self._owned)

    def with_bases(self, at: int) -> list[WantedModel]:
        """Return a model after all that it is made of, fit to be brought without the rest of the list."""
        chain: list[int] = []
        step: int | None = at
        while step is not None and step not in chain:
            chain.append(step)
            step = self.base(step)
        return [self._alone(place) for place in reversed(chain)]

    def _alone(self, at: int) -> WantedModel:
        # `ensure` takes a source's own name away again unless it knows that somebody wants it.
        want = self.models[at]
        key = key_of(want.source) if want.source is not None else None
        return replace(want, keep_source=True) if self._owned.get(key or "", at) != at else want


class Bringer:
    """One Ollama and the memory of what was brought to it."""

    def __init__(
        self, client: OllamaClient, ledger: Ledger | None, policy: PullPolicy, blobs: BlobFolder | None = None
    ) -> None:
        """Prepare; without a ledger (a shared volume that another pod writes) nothing is ever changed."""
        self._client = client
        self._ledger = ledger
        self._policy = policy
        self._blobs = blobs
        self._preloader = Preloader(client, policy=policy)

    @property
    def read_only(self) -> bool:
        """Whether this replica only looks."""
        return self._ledger is None

    async def bring(self, wanted: WantedModels, at: int, on_event: OnEvent) -> ModelState:
        """Make one model present, or, where nothing may be changed, see that it is.

        Raises:
            OllamaError: it is not.
        """
        fault = wanted.faults.get(at)
        if fault is not None:
            raise fault
        if self._ledger is None:
            return await self._see(wanted.models[at])
        chain = wanted.with_bases(at)
        try:
            states = await ensure(
                self._client,
                chain,
                on_event=on_event,
                policy=self._policy,
                ledger=self._ledger,
                blobs=self._blobs,
            )
        except EnsureFailed as error:
            raise _of(error, wanted.models[at].name) from error
        return states[-1]

    async def _see(self, want: WantedModel) -> ModelState:
        state = await observe(self._client, want.name, policy=self._policy)
        hint = "nothing if the pod that writes the shared volume is bringing it; else see that pod's report"
        if state is None:
            raise TransientError(self._client.label, want.name, "not on the shared volume yet", hint)
        if want.digest is not None and state.digest != want.digest:
            message = f"wanted {want.digest}, but the shared volume has {state.digest}"
            raise TransientError(self._client.label, want.name, message, hint)
        for alias in want.aliases:
            if await observe(self._client, alias, policy=self._policy) is None:
                raise TransientError(self._client.label, want.name, f"its alias `{alias}` is not there yet", hint)
        return state

    async def load(self, wanted: WantedModels, at: int, loaded: Sequence[int]) -> None:
        """Load a model into memory.

        Args:
            wanted: the list.
            at: the model's place in it.
            loaded: places of those that are in memory and shall stay there.

        Raises:
            OllamaError: it could not be loaded, or not without pushing one of those out.
        """
        want = wanted.models[at]
        try:
            await self._preloader.look([want, *(wanted.models[other] for other in loaded if other != at)])
        except EnsureFailed as error:
            own = [failure for failure in error.failures if failure.model == want.name]
            # What became of the others is found when it is their turn.
            if own:
                raise own[0] from error

    def leaving(self, wanted: WantedModels) -> tuple[str, ...]:
        """Return the names that were brought and are no longer wanted."""
        if self._ledger is None:
            return ()
        entries = unwanted(wanted.kept, self._ledger)
        return tuple(entry.name for entry in entries if entry.origin != "found" and not entry.retain)

    async def remove(self, wanted: WantedModels) -> tuple[str, ...]:
        """Remove what was brought and is no longer wanted; return the names.

        Raises:
            OllamaError: something could not be removed.
        """
        if self._ledger is None:
            return ()
        try:
            return tuple(await remove_unwanted(self._client, wanted.kept, self._ledger, policy=self._policy))
        except EnsureFailed as error:
            raise error.failures[0] from error


def _of(error: EnsureFailed, name: str) -> OllamaError:
    """Return the failure that concerns a model: its own, or that of what it is made of."""
    own = [failure for failure in error.failures if failure.model == name]
    return (own or list(error.failures))[0]
