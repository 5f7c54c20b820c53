"""Put a wanted model in the place of what a server has under that name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress

from ollama.client import OllamaClient
from ollama.errors import ConfigurationError, OllamaError, SystemFault, TransientError
from ollama.look import Health, find, health
from ollama.names import DEFAULT_HOST, ModelName, parse_digest
from ollama.policy import PullPolicy, retry
from ollama.pull import pull
from ollama.state import ModelState, OnEvent, PullEvent, WantedModel
from ollama.wire import ListedModel

_PREVIOUS_NAMESPACE = "echorator-previous"


class _VanishedError(TransientError):
    """What was pulled is gone: somebody else on this server removed it, or its download proved bad."""


def previous_name(name: ModelName) -> ModelName:
    """Return the second name under which the model of `name` is kept while it is replaced."""
    stem = hashlib.sha256(name.key.encode()).hexdigest()[:32]
    return ModelName(DEFAULT_HOST, _PREVIOUS_NAMESPACE, stem, "previous")


class Replacement:
    """One model on one server, from whatever is there to what is wanted.

    What is there keeps a second name while the new one is fetched. Two things need that: a pull straight
    into the wanted name prunes the old layers before the digest can be checked, and a copy over a name
    leaves the old layers on the disk without an owner.
    """

    def __init__(
        self,
        client: OllamaClient,
        want: WantedModel,
        others: frozenset[str],
        policy: PullPolicy,
        on_event: OnEvent,
    ) -> None:
        """Prepare.

        Args:
            client: the server.
            want: the model, already checked.
            others: keys of the other names wanted on this server; none of them is ever removed.
            policy: limits.
            on_event: told each step.
        """
        self._client = client
        self._want = want
        self._others = others
        self._policy = policy
        self._on_event = on_event
        self._name = ModelName.parse(want.name)
        self._source = ModelName.parse(want.source)
        self._digest = parse_digest(want.digest) if want.digest is not None else None
        self._direct = self._name.key == self._source.key
        self._previous = previous_name(self._name)

    async def ensure(self) -> ModelState:
        """Return the model's state once it is as wanted.

        Raises:
            OllamaError: it cannot be made so.
        """
        failures = 0
        while True:
            try:
                return await self._once()
            except _VanishedError as error:
                failures += 1
                if failures >= self._policy.attempts:
                    raise TransientError(error.replica, error.model, error.message, error.hint) from error
                self._tell_waiting(error.message)
            await self._policy.pause(failures)

    async def _once(self) -> ModelState:
        listing = await retry(self._policy, self._client.tags, self._tell_waiting)
        have = find(listing, self._name.key)
        state = "missing" if have is None else await self._health(self._name)
        if have is not None and state == "good" and self._digest in (None, have.sha256):
            await self._tidy(listing)
            return ModelState(self._want.name, have.sha256, have.size)
        if have is not None and state == "damaged":
            # A pull keeps a blob that exists, so the bad file must go first.
            await retry(self._policy, lambda: self._client.delete(self._name.full), self._tell_waiting)
            have = None
        keep_previous = have is not None and have.sha256 != self._digest
        # A second name that a killed pull into this name left behind is the older, good one: it stays.
        if keep_previous and (not self._direct or find(listing, self._previous.key) is None):
            await self._copy(self._name, self._previous)
        done = False
        try:
            got = await self._fetch()
            done = True
        finally:
            await self._clean_up(listing, done=done, restore=keep_previous)
        return ModelState(self._want.name, got.sha256, got.size, "pulled" if self._direct else "copied")

    async def _fetch(self) -> ListedModel:
        await pull(
            self._client,
            self._source.full,
            insecure=self._want.insecure,
            model=self._want.name,
            policy=self._policy,
            on_event=self._on_event,
        )
        got = find(await retry(self._policy, self._client.tags, self._tell_waiting), self._source.key)
        if got is None:
            raise self._vanished("the model that was just pulled is not listed")
        if self._digest is not None and got.sha256 != self._digest:
            await self._drop_wrong()
            raise ConfigurationError(
                self._client.label,
                self._want.name,
                f"wrong digest: wanted {self._digest}, but `{self._source.full}` is {got.sha256}",
                f"set the model's digest to {got.sha256} if that is the one you want, or choose a source or tag "
                "that still has the wanted one",
            )
        match await self._health(self._source):
            case "missing":
                raise self._vanished("a file of the model that was just pulled is not there")
            case "damaged":
                raise SystemFault(
                    self._client.label,
                    self._want.name,
                    "the weights that were pulled cannot be read, or share a damaged file with another model",
                    "remove the other names of this model from the replica, and see whether its source is good",
                )
            case "good":
                pass
        if not self._direct:
            self._on_event(PullEvent(self._client.label, self._want.name, "copying", got.size, got.size))
            if not await self._copy(self._source, self._name):
                raise self._vanished("the model that was just pulled is gone before it could get its name")
        return got

    async def _drop_wrong(self) -> None:
        # Under the wanted name there is now what nobody asked for; what was there before comes back, if any.
        if self._direct:
            await retry(self._policy, lambda: self._client.delete(self._name.full), self._tell_waiting)

    async def _clean_up(self, listing: Sequence[ListedModel], *, done: bool, restore: bool) -> None:
        # Whatever stays behind when the server is gone by now is removed by the next run; the failure that
        # is on its way up says more than a failure to tidy.
        with suppress(OllamaError):
            if not done and restore and self._direct:
                await self._copy(self._previous, self._name)
            if restore:
                await self._delete(self._previous)
        with suppress(OllamaError):
            if self._is_scratch(listed_before=find(listing, self._source.key) is not None):
                await self._delete(self._source)

    async def _tidy(self, listing: Sequence[ListedModel]) -> None:
        """Remove what a run that was killed left behind."""
        if find(listing, self._previous.key) is not None:
            await self._delete(self._previous)
        if find(listing, self._source.key) is not None and self._is_scratch(listed_before=True):
            await self._delete(self._source)

    def _is_scratch(self, *, listed_before: bool) -> bool:
        """Return whether the source's own name is ours to remove.

        At another host than Ollama's it is an address, which no client asks for. At Ollama's it is a name
        like any other, and is ours only if it was not there before.
        """
        if self._direct or self._want.keep_source or self._source.key in self._others:
            return False
        return self._source.host.lower() != DEFAULT_HOST or not listed_before

    async def _health(self, name: ModelName) -> Health:
        return await retry(self._policy, lambda: health(self._client, name.full), self._tell_waiting)

    async def _copy(self, source: ModelName, destination: ModelName) -> bool:
        return await retry(self._policy, lambda: self._client.copy(source.full, destination.full), self._tell_waiting)

    async def _delete(self, name: ModelName) -> bool:
        return await retry(self._policy, lambda: self._client.delete(name.full), self._tell_waiting)

    def _vanished(self, message: str) -> _VanishedError:
        return _VanishedError(
            self._client.label,
            self._want.name,
            message,
            "see whether something else removes models from this replica",
        )

    def _tell_waiting(self, message: str) -> None:
        self._on_event(PullEvent(self._client.label, self._want.name, "waiting", detail=message))
