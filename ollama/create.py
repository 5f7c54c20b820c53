"""Make a wanted model of another one or of files, and put it in the place of what has its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ollama.document import Recipe
from ollama.errors import ConfigurationError, OllamaError, SystemFault
from ollama.files import FileStamp
from ollama.ledger import Tracker
from ollama.look import find
from ollama.making import make
from ollama.names import ModelName, parse_digest
from ollama.reserved import leftovers, made_name, making_name, previous_name
from ollama.settings import wire_parameters
from ollama.state import ModelState, WantedModel
from ollama.steps import Steps
from ollama.uploads import Stamped, stamp_weights, upload
from ollama.wire import ListedModel

_DAMAGED = 3
"""Times that what was made must prove unreadable before it is said so: another run that removes its own name takes a
file along that ours, not yet written, would share."""


@dataclass(frozen=True)
class _Inputs:
    """What goes into a model.

    Attributes:
        base: the base model as the server has it.
        files, adapter: local files.
        fingerprint: changes with any of it, and with the recipe.
    """

    base: ListedModel | None
    files: Stamped | None
    adapter: Stamped | None
    fingerprint: str

    @property
    def gguf(self) -> Stamped | None:
        """Local files that are taken in as a plain model first."""
        return self.files if self.files is not None and self.files.form == "gguf" else None

    @property
    def stamps(self) -> tuple[FileStamp, ...]:
        """Of all local files."""
        return tuple(one for part in (self.files, self.adapter) if part is not None for one in part.stamps)


class Creation:
    """One model on one server, from its recipe.

    It is made under a name of ours, looked at, and only then copied to its own name. What has that name keeps a
    second one meanwhile, so that its layers are removed with that, and not left on the disk without an owner.
    """

    def __init__(self, steps: Steps, want: WantedModel, recipe: Recipe, others: frozenset[str], track: Tracker) -> None:
        """Prepare.

        Args:
            steps: the server.
            want: the model, already checked.
            recipe: how it is made.
            others: keys of the other names wanted on this server, or brought to it by us.
            track: has what was made before; told before the first change, and when all is done.
        """
        self._steps = steps
        self._want = want
        self._recipe = recipe
        self._others = others
        self._track = track
        self._name = ModelName.parse(want.name)
        self._digest = parse_digest(want.digest) if want.digest is not None else None
        self._previous = previous_name(self._name)
        self._making, self._made = making_name(self._name), made_name(self._name)
        self._damaged = 0
        self._known: tuple[FileStamp, ...] = track.old.files if track.old is not None else ()

    async def ensure(self) -> ModelState:
        """Return the model's state once it is as wanted.

        Raises:
            OllamaError: it cannot be made so.
        """
        return await self._steps.until_it_stays(self._once)

    async def _once(self) -> ModelState:
        listing = await self._steps.tags()
        have = find(listing, self._name.key)
        inputs = await self._inputs(listing)
        state = "missing" if have is None else await self._steps.health(self._name)
        if have is not None and state == "good" and self._is_wanted(have, inputs):
            await self._tidy(listing)
            self._track.done(have.sha256, inputs.fingerprint, inputs.stamps)
            return ModelState(self._want.name, have.sha256, have.size)
        if have is not None and state == "damaged":
            # A file that exists is not sent again, so the bad one must go first.
            self._track.begin(have.sha256)
            await self._steps.drop_damaged(self._name, listing, self._others)
            have = None
        try:
            got = await self._make(inputs)
            # Made again with the same result, as when the ledger was lost: nothing on the server changes.
            same = have is not None and state == "good" and have.sha256 == got.sha256
            if not same:
                self._track.begin(have.sha256 if have is not None else None)
                await self._put(got, replaces=have is not None)
        finally:
            # What stays behind when the server is gone by now is removed by the next run.
            with suppress(OllamaError):
                await self._steps.delete(self._made)
                if inputs.gguf is not None:
                    await self._steps.delete(self._making)
        self._track.done(got.sha256, inputs.fingerprint, inputs.stamps)
        return ModelState(self._want.name, got.sha256, got.size, "present" if same else "created")

    def _is_wanted(self, have: ListedModel, inputs: _Inputs) -> bool:
        if self._digest is not None and self._digest != have.sha256:
            return False
        old = self._track.old
        if old is None or old.fingerprint is None:
            return self._digest is not None
        return (old.fingerprint, old.digest) == (inputs.fingerprint, have.sha256)

    async def _inputs(self, listing: Sequence[ListedModel]) -> _Inputs:
        recipe = self._recipe
        base = find(listing, ModelName.parse(recipe.from_model).key) if recipe.from_model is not None else None
        if recipe.from_model is not None and base is None:
            raise self._steps.vanished(f"the base model `{recipe.from_model}` is not on the replica")
        files = adapter = None
        if recipe.files is not None:
            files = await stamp_weights(self._steps, recipe.files, "model", self._known)
            self._known += files.stamps
        if recipe.adapter is not None:
            adapter = await stamp_weights(self._steps, recipe.adapter, "adapter", self._known)
            self._known += adapter.stamps
        # Where the files lie is nothing to the model: a volume may be mounted elsewhere.
        whole = {
            "recipe": recipe.model_dump(mode="json", exclude={"files", "adapter"}),
            "base": base.sha256 if base is not None else None,
            "files": files.digests if files is not None else None,
            "adapter": adapter.digests if adapter is not None else None,
        }
        text = json.dumps(whole, sort_keys=True, ensure_ascii=False)
        return _Inputs(base, files, adapter, hashlib.sha256(text.encode()).hexdigest())

    async def _make(self, inputs: _Inputs) -> ListedModel:
        await upload(self._steps, inputs.stamps)
        sent = [one.sha256 for one in inputs.stamps]
        heavy = 0
        source: dict[str, object] = {}
        if inputs.gguf is not None:
            await self._take_gguf(inputs.gguf, sent)
            heavy = inputs.gguf.size if self._recipe.quantize else 0
            source = {"from": self._making.full}
        elif inputs.files is not None:
            heavy = inputs.files.size
            source = {"files": inputs.files.digests}
        elif inputs.base is not None:
            heavy = inputs.base.size if self._recipe.quantize else 0
            source = {"from": ModelName.parse(inputs.base.name).full}
        if inputs.adapter is not None:
            source["adapters"] = inputs.adapter.digests
            heavy += inputs.adapter.size
        await make(self._steps, self._made, {**source, **self._texts()}, heavy_bytes=heavy, sent=sent)
        return await self._look()

    async def _take_gguf(self, files: Stamped, sent: Collection[str]) -> None:
        """Make a plain model of GGUF files, for the real one to be made of.

        Made at once, its manifest would name the path of the server's blobs, and several files would stand in it in
        any order, so that the same recipe would have another digest on another server. And unquantized weights
        that no model ever had would stay on the disk.
        """
        weights, *projectors = files.digests.items()
        await make(self._steps, self._making, {"files": dict([weights])}, heavy_bytes=0, sent=sent)
        for projector in projectors:
            # The server goes by what is in the file, not by how it is called here.
            recipe: dict[str, object] = {"from": self._making.full, "adapters": dict([projector])}
            await make(self._steps, self._making, recipe, heavy_bytes=0, sent=sent)

    def _texts(self) -> dict[str, object]:
        recipe = self._recipe
        parts: dict[str, object] = {
            "system": recipe.system,
            "template": recipe.template,
            "license": recipe.license,
            "quantize": recipe.quantize,
            "parameters": wire_parameters(recipe.parameters) or None,
            "messages": [message.model_dump() for message in recipe.messages] or None,
        }
        return {name: part for name, part in parts.items() if part is not None}

    async def _look(self) -> ListedModel:
        got = find(await self._steps.tags(), self._made.key)
        if got is None:
            raise self._steps.vanished("the model that was just made is not listed")
        if self._digest is not None and got.sha256 != self._digest:
            raise ConfigurationError(
                self._steps.label,
                self._want.name,
                f"wrong digest: wanted {self._digest}, but its recipe makes {got.sha256}",
                f"set the model's digest to {got.sha256} if the recipe is the one you want; the digest changes with "
                "the recipe, the base and its name, and may with the version of Ollama",
            )
        match await self._steps.health(self._made):
            case "missing":
                raise self._steps.vanished("a file of the model that was just made is not there")
            case "damaged":
                message = "the weights that it was made of cannot be read, or share a damaged file with another model"
                self._damaged += 1
                if self._damaged < _DAMAGED:
                    raise self._steps.vanished(message)
                hint = "see whether the files are whole, and remove other names of this model from the replica"
                raise SystemFault(self._steps.label, self._want.name, message, hint)
            case "good":
                return got

    async def _put(self, got: ListedModel, *, replaces: bool) -> None:
        self._steps.tell("copying", got.size, got.size)
        if replaces:
            await self._steps.copy(self._name, self._previous)
        if not await self._steps.copy(self._made, self._name):
            raise self._steps.vanished("the model that was just made is gone before it could get its name")
        if replaces:
            with suppress(OllamaError):
                await self._steps.delete(self._previous)

    async def _tidy(self, listing: Sequence[ListedModel]) -> None:
        """Remove what a run that was killed left behind."""
        for name in leftovers(self._name):
            if find(listing, name.key) is not None:
                await self._steps.delete(name)
