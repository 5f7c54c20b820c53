"""What is done to one model on one server, each step tried again when that may help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Container, Sequence
from typing import TypeVar

from ollama.client import OllamaClient
from ollama.errors import SystemFault, TransientError
from ollama.look import Health, health
from ollama.names import ModelName
from ollama.order import key_of
from ollama.policy import PullPolicy, retry
from ollama.proof import BlobFolder
from ollama.reserved import leftovers
from ollama.state import OnEvent, Phase, PullEvent
from ollama.wire import ListedModel, ModelInfo, RunningModel

T = TypeVar("T")
SOMEBODY_ELSE = "see whether something else removes models from this replica"
"""What to do where a model goes that was there a moment ago."""


class VanishedError(TransientError):
    """What was brought is gone: somebody else on this server removed it, or its download proved bad."""


class Steps:
    """One model on one server.

    Attributes:
        client: the server.
        model: wanted name, for events and errors.
        policy: limits.
        on_event: told each step.
        blobs: the server's files, where they are at hand.
    """

    def __init__(
        self,
        client: OllamaClient,
        model: str,
        policy: PullPolicy,
        on_event: OnEvent,
        blobs: BlobFolder | None = None,
    ) -> None:
        self.client = client
        self.model = model
        self.policy = policy
        self.on_event = on_event
        self.blobs = blobs

    @property
    def label(self) -> str:
        """Name of the replica."""
        return self.client.label

    def tell(self, phase: Phase, completed: int = 0, total: int = 0, detail: str = "") -> None:
        """Report a step."""
        self.on_event(PullEvent(self.client.label, self.model, phase, completed, total, detail))

    async def tags(self) -> list[ListedModel]:
        """Return what the server lists."""
        return await self._retry(self.client.tags)

    async def health(self, name: ModelName) -> Health:
        """Return whether the server can read a model."""
        return await self._retry(lambda: health(self.client, name.full))

    async def show(self, name: ModelName) -> ModelInfo | None:
        """Return a model's details."""
        return await self._retry(lambda: self.client.show(name.full))

    async def running(self) -> list[RunningModel]:
        """Return the models in memory."""
        return await self._retry(self.client.ps)

    async def load(self, name: ModelName, *, keep_alive: str | None, embedding: bool) -> None:
        """Load a model into memory."""
        await self._retry(lambda: self.client.load(name.short, keep_alive=keep_alive, embedding=embedding))

    async def copy(self, source: ModelName, destination: ModelName) -> bool:
        """Give a model a further name; return whether `source` was there."""
        return await self._retry(lambda: self.client.copy(source.full, destination.full))

    async def delete(self, name: ModelName) -> bool:
        """Remove a name; return whether it was there."""
        return await self._retry(lambda: self.client.delete(name.full))

    async def drop_damaged(self, name: ModelName, listing: Sequence[ListedModel], others: Container[str]) -> None:
        """Remove a model whose weights cannot be read, and all that is brought back too and is as broken.

        The server takes a blob that exists for a good one, and keeps it as long as any name has it: one alias of
        the broken model would be enough for it never to be mended.

        Args:
            name: the model.
            listing: what the server lists.
            others: keys of further names that we bring.
        """
        left = {one.key for one in leftovers(name)}
        for listed in listing:
            key = key_of(listed.name)
            if key is None or (key != name.key and key not in others and key not in left):
                continue
            other = ModelName.parse(listed.name)
            if key == name.key or await self.health(other) == "damaged":
                await self.delete(other)

    async def prove(self, unhashed: Collection[str], name: ModelName) -> None:
        """Hash files that the server took for good without looking.

        Args:
            unhashed: their digests.
            name: what was pulled.

        Raises:
            VanishedError: one of them was damaged; it is removed, so that another pull brings it.
            SystemFault: one cannot be read.
        """
        if self.blobs is None or not unhashed:
            return
        self.tell("verifying", detail="files that were there before")
        try:
            damaged = await self.blobs.drop_damaged(unhashed)
        except OSError as error:
            message = f"`{error.filename}` cannot be read: {error.strerror}"
            raise SystemFault(self.label, self.model, message, "see the volume of the replica") from error
        if damaged:
            # A manifest whose files are gone would be listed.
            await self.delete(name)
            raise self.vanished(f"what an earlier pull left was damaged: {', '.join(damaged)}")

    async def until_it_stays(self, once: Callable[[], Awaitable[T]]) -> T:
        """Return what `once` returns, calling it again when what it brought vanished, up to the policy's attempts."""
        failures = 0
        while True:
            try:
                return await once()
            except VanishedError as error:
                failures += 1
                if failures >= self.policy.attempts:
                    raise TransientError(error.replica, error.model, error.message, error.hint) from error
                self._tell_waiting(error.message)
            await self.policy.pause(failures)

    def vanished(self, message: str) -> VanishedError:
        """Return the error that `until_it_stays` begins again after."""
        return VanishedError(self.label, self.model, message, SOMEBODY_ELSE)

    async def _retry(self, call: Callable[[], Awaitable[T]]) -> T:
        return await retry(self.policy, call, self._tell_waiting)

    def _tell_waiting(self, message: str) -> None:
        self.tell("waiting", detail=message)
