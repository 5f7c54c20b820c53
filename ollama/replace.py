"""Put a wanted model in the place of what a server has under that name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress

from ollama.errors import ConfigurationError, OllamaError, SystemFault
from ollama.ledger import Tracker
from ollama.look import find
from ollama.names import DEFAULT_HOST, ModelName, parse_digest
from ollama.pull import pull
from ollama.reserved import previous_name
from ollama.state import ModelState, WantedModel
from ollama.steps import Steps
from ollama.wire import ListedModel


class Replacement:
    """One model on one server, from whatever is there to what is wanted.

    What is there keeps a second name while the new one is fetched. Two things need that: a pull straight
    into the wanted name prunes the old layers before the digest can be checked, and a copy over a name
    leaves the old layers on the disk without an owner.
    """

    def __init__(self, steps: Steps, want: WantedModel, source: str, others: frozenset[str], track: Tracker) -> None:
        """Prepare.

        Args:
            steps: the server.
            want: the model, already checked.
            source: what is pulled.
            others: keys of the other names wanted on this server, or brought to it by us: none of them is removed,
                but for those that share damaged weights with this model.
            track: told before the first change, and when all is done.
        """
        self._steps = steps
        self._want = want
        self._others = others
        self._track = track
        self._name = ModelName.parse(want.name)
        self._source = ModelName.parse(source)
        self._digest = parse_digest(want.digest) if want.digest is not None else None
        self._direct = self._name.key == self._source.key
        self._previous = previous_name(self._name)
        self._fingerprint = hashlib.sha256(self._source.key.encode()).hexdigest()[:12]

    async def ensure(self) -> ModelState:
        """Return the model's state once it is as wanted.

        Raises:
            OllamaError: it cannot be made so.
        """
        state = await self._steps.until_it_stays(self._once)
        self._track.done(state.digest, self._fingerprint)
        return state

    async def _once(self) -> ModelState:
        listing = await self._steps.tags()
        have = find(listing, self._name.key)
        state = "missing" if have is None else await self._steps.health(self._name)
        if have is not None and state == "good" and self._is_wanted(have):
            await self._tidy(listing)
            return ModelState(self._want.name, have.sha256, have.size)
        self._track.begin(have.sha256 if have is not None else None)
        if have is not None and state == "damaged":
            # A pull keeps a blob that exists, so the bad file must go first.
            await self._steps.drop_damaged(self._name, listing, self._others)
            have = None
        keep_previous = have is not None and have.sha256 != self._digest
        # A second name that a killed pull into this name left behind is the older, good one: it stays.
        if keep_previous and (not self._direct or find(listing, self._previous.key) is None):
            await self._steps.copy(self._name, self._previous)
        done = False
        try:
            got = await self._fetch()
            done = True
        finally:
            await self._clean_up(listing, done=done, restore=keep_previous)
        return ModelState(self._want.name, got.sha256, got.size, "pulled" if self._direct else "copied")

    def _is_wanted(self, have: ListedModel) -> bool:
        if self._digest is not None:
            return have.sha256 == self._digest
        # Without a pinned digest the name alone says nothing, but what we brought before, and from where, does.
        old = self._track.old
        if old is None or old.fingerprint is None:
            return True
        return (old.fingerprint, old.digest) == (self._fingerprint, have.sha256)

    async def _fetch(self) -> ListedModel:
        unhashed = await pull(
            self._steps.client,
            self._source.full,
            insecure=self._want.insecure,
            model=self._want.name,
            policy=self._steps.policy,
            on_event=self._steps.on_event,
        )
        await self._steps.prove(unhashed, self._source)
        got = find(await self._steps.tags(), self._source.key)
        if got is None:
            raise self._steps.vanished("the model that was just pulled is not listed")
        if self._digest is not None and got.sha256 != self._digest:
            await self._drop_wrong()
            raise ConfigurationError(
                self._steps.label,
                self._want.name,
                f"wrong digest: wanted {self._digest}, but `{self._source.full}` is {got.sha256}",
                f"set the model's digest to {got.sha256} if that is the one you want, or choose a source or tag "
                "that still has the wanted one",
            )
        match await self._steps.health(self._source):
            case "missing":
                raise self._steps.vanished("a file of the model that was just pulled is not there")
            case "damaged":
                raise SystemFault(
                    self._steps.label,
                    self._want.name,
                    "the weights that were pulled cannot be read, or share a damaged file with another model",
                    "remove the other names of this model from the replica, and see whether its source is good",
                )
            case "good":
                pass
        if not self._direct:
            self._steps.tell("copying", got.size, got.size)
            if not await self._steps.copy(self._source, self._name):
                raise self._steps.vanished("the model that was just pulled is gone before it could get its name")
        return got

    async def _drop_wrong(self) -> None:
        # Under the wanted name there is now what nobody asked for; what was there before comes back, if any.
        if self._direct:
            await self._steps.delete(self._name)

    async def _clean_up(self, listing: Sequence[ListedModel], *, done: bool, restore: bool) -> None:
        # Whatever stays behind when the server is gone by now is removed by the next run; the failure that
        # is on its way up says more than a failure to tidy.
        with suppress(OllamaError):
            if not done and restore and self._direct:
                await self._steps.copy(self._previous, self._name)
            if restore:
                await self._steps.delete(self._previous)
        with suppress(OllamaError):
            if self._is_scratch(listed_before=find(listing, self._source.key) is not None):
                await self._steps.delete(self._source)

    async def _tidy(self, listing: Sequence[ListedModel]) -> None:
        """Remove what a run that was killed left behind."""
        if find(listing, self._previous.key) is not None:
            await self._steps.delete(self._previous)
        if find(listing, self._source.key) is not None and self._is_scratch(listed_before=True):
            await self._steps.delete(self._source)

    def _is_scratch(self, *, listed_before: bool) -> bool:
        """Return whether the source's own name is ours to remove.

        At another host than Ollama's it is an address, which no client asks for. At Ollama's it is a name
        like any other, and is ours only if it was not there before.
        """
        if self._direct or self._want.keep_source or self._source.key in self._others:
            return False
        return self._source.host.lower() != DEFAULT_HOST or not listed_before
