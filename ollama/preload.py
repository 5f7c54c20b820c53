"""Load wanted models into memory, without having them push each other out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ollama.client import OllamaClient
from ollama.errors import EnsureFailed, OllamaError, ResourceError
from ollama.look import find
from ollama.names import ModelName
from ollama.policy import PullPolicy
from ollama.state import OnEvent, WantedModel, ignore
from ollama.steps import Steps
from ollama.wire import ListedModel, RunningModel


async def preload(
    client: OllamaClient,
    wanted: Sequence[WantedModel],
    *,
    on_event: OnEvent = ignore,
    policy: PullPolicy | None = None,
) -> list[str]:
    """Load once what is to be in memory; see `Preloader.look`, which remembers what does not fit."""
    return await Preloader(client, on_event=on_event, policy=policy).look(wanted)


class Preloader:
    """Keeps wanted models in one server's memory.

    It remembers which models pushed others out, and leaves those alone from then on: loading them again at every
    look would have two models take turns on the disk, and neither would answer in time.
    """

    def __init__(self, client: OllamaClient, *, on_event: OnEvent = ignore, policy: PullPolicy | None = None) -> None:
        self._client = client
        self._on_event = on_event
        self._policy = policy if policy is not None else PullPolicy()
        self._misfits: dict[str, tuple[frozenset[str], ResourceError]] = {}
        self._guests: dict[str, frozenset[str]] = {}

    async def look(self, wanted: Sequence[WantedModel]) -> list[str]:
        """Load every model that is to be preloaded and is not in memory, one after the other.

        A model that has left the memory because its `keep_alive` passed is loaded again.

        Args:
            wanted: models that are there (see `ensure`); those without `preload` are passed over.

        Returns:
            The names that were loaded now.

        Raises:
            EnsureFailed: with every failure; a `ResourceError` for each model that pushed another wanted one out,
                or that did so before, among the same wanted models.
        """
        chosen = [want for want in wanted if want.preload]
        if not chosen:
            return []
        steps = Steps(self._client, chosen[0].name, self._policy, self._on_event)
        try:
            digests = _digests(await steps.tags(), chosen)
            running = _digests_in(await steps.running())
        except OllamaError as error:
            raise EnsureFailed([error]) from error
        together = frozenset(digests.values())
        failures: list[OllamaError] = []
        loaded: list[str] = []
        for want in chosen:
            # A name that is not there is loaded all the same, for what the server says of it.
            digest = digests.get(want.name, "")
            seen, misfit = self._misfits.get(digest, (None, None))
            if misfit is not None and seen == together and running:
                failures.append(misfit)
            elif digest not in running and not self._guests.get(digest, frozenset()) & running:
                try:
                    running = await self._bring(want, digest, digests, running)
                    loaded.append(want.name)
                except OllamaError as error:
                    if isinstance(error, ResourceError):
                        self._misfits[digest] = (together, error)
                    failures.append(error.about(model=want.name))
                    running = await self._still_running(steps, running)
        if failures:
            raise EnsureFailed(failures)
        return loaded

    async def _bring(
        self, want: WantedModel, digest: str, digests: Mapping[str, str], running: frozenset[str]
    ) -> frozenset[str]:
        steps = Steps(self._client, want.name, self._policy, self._on_event)
        await self._load(steps, want)
        now = _digests_in(await steps.running())
        gone = [name for name, other in digests.items() if other in running and other not in now]
        if gone:
            raise self._pushed_out(want.name, gone)
        if not now:
            raise self._left(want.name)
        if digest not in now:
            # The server lists weights that several models share under the one that loaded them.
            self._guests[digest] = now
        return now

    async def _still_running(self, steps: Steps, before: frozenset[str]) -> frozenset[str]:
        try:
            return _digests_in(await steps.running())
        except OllamaError:
            return before

    async def _load(self, steps: Steps, want: WantedModel) -> None:
        info = await steps.show(ModelName.parse(want.name))
        embedding = info is not None and "embedding" in info.capabilities and "completion" not in info.capabilities
        steps.tell("loading")
        await steps.load(ModelName.parse(want.name), keep_alive=want.keep_alive, embedding=embedding)

    def _pushed_out(self, name: str, gone: Sequence[str]) -> ResourceError:
        others = ", ".join(f"`{other}`" for other in gone)
        return ResourceError(
            self._client.label,
            name,
            f"the preloaded models do not fit into memory together: loading this one put {others} out",
            "give the server more memory, preload fewer models, or raise OLLAMA_MAX_LOADED_MODELS (3 for each GPU, "
            "or 3, by default); models that share their weights are held once, so give those the same num_ctx, "
            "num_batch, num_gpu and adapter",
        )

    def _left(self, name: str) -> ResourceError:
        return ResourceError(
            self._client.label,
            name,
            "was loaded and is not in memory any more",
            "see the log of the replica's Ollama server, and give a longer keep_alive",
        )


def _digests(listing: Sequence[ListedModel], chosen: Sequence[WantedModel]) -> dict[str, str]:
    found = {want.name: find(listing, ModelName.parse(want.name).key) for want in chosen}
    return {name: listed.sha256 for name, listed in found.items() if listed is not None}


def _digests_in(running: Sequence[RunningModel]) -> frozenset[str]:
    # Not by name: a model that was loaded under an alias is listed under that.
    return frozenset(f"sha256:{one.digest.removeprefix('sha256:')}" for one in running)
