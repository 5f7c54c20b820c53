"""Say what is wrong with the models that are asked for, all at once and before any server is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ollama.document import Recipe
from ollama.errors import ConfigurationError
from ollama.names import ModelName, parse_digest
from ollama.order import cycles, key_of, owners
from ollama.reserved import is_reserved
from ollama.settings import QUANTIZE, keep_alive_fault, parameter_faults, unloads_at_once
from ollama.state import WantedModel

_TEXTS = ("system", "template", "license", "quantize")


def check_wanted(wanted: Sequence[WantedModel], replica: str | None = None) -> list[ConfigurationError]:
    """Return what is wrong with what is asked for."""
    return _Check(wanted, replica).run()


class _Check:
    def __init__(self, wanted: Sequence[WantedModel], replica: str | None) -> None:
        self._wanted = wanted
        self._replica = replica
        self._owned = owners(wanted)
        self._seen: dict[str, str] = {}
        self._faults: list[ConfigurationError] = []

    def run(self) -> list[ConfigurationError]:
        """Return all faults."""
        for want in self._wanted:
            self._name("name", want.name, is_new=True)
            if want.source is not None:
                self._name("source", want.source)
            for alias in want.aliases:
                self._name("alias", alias, is_new=True)
            self._rest(want)
        for circle in cycles(self._wanted):
            text = " -> ".join([*circle, circle[0]])
            self._say(circle[0], f"made of itself: {text}", "let one of them have another base, or files")
        return self._faults

    def _name(self, field: str, text: str, *, is_new: bool = False) -> None:
        try:
            parsed = ModelName.parse(text)
        except ConfigurationError as error:
            self._say(text, f"{field}: {error.message}", error.hint)
            return
        if parsed.remote:
            message = f"{field}: the tag `{parsed.tag}` means a model that runs on Ollama's service, not here"
            self._say(text, message, "choose a tag that can be downloaded")
        if not is_new:
            return
        if is_reserved(parsed):
            self._say(text, f"{field}: names in `{parsed.namespace}/` are for work in progress", "choose another name")
        if parsed.key in self._seen:
            message = f"wanted twice, as `{self._seen[parsed.key]}` and as `{text}` (case does not count)"
            self._say(text, message, "name each model once, and give no two models the same alias")
        self._seen.setdefault(parsed.key, text)

    def _rest(self, want: WantedModel) -> None:
        if want.digest is not None:
            try:
                parse_digest(want.digest)
            except ConfigurationError as error:
                self._say(want.name, error.message, error.hint)
        if (want.source is None) == (want.create is None):
            given = "neither" if want.create is None else "both"
            message = f"give exactly one of what is pulled and how it is created, not {given}"
            self._say(want.name, message, "set `source`, or `create` with `from` or `files`")
        if want.keep_alive is not None:
            fault = keep_alive_fault(want.keep_alive)
            if fault is not None:
                self._say(want.name, fault, "")
            elif want.preload and unloads_at_once(want.keep_alive):
                message = f"preload: a keep_alive of `{want.keep_alive}` unloads the model at once"
                self._say(want.name, message, "give a longer keep_alive, `-1` for ever, or leave preload out")
        if want.create is not None:
            self._recipe(want.name, want.create)

    def _recipe(self, name: str, recipe: Recipe) -> None:
        if (recipe.from_model is None) == (recipe.files is None):
            given = "neither" if recipe.files is None else "both"
            message = f"create: give exactly one of `from` and `files`, not {given}"
            self._say(name, message, "`from` is a wanted model of this server, `files` a folder or file with weights")
        if recipe.from_model is not None:
            self._base(name, recipe.from_model)
        for field, path in (("files", recipe.files), ("adapter", recipe.adapter)):
            if path is not None and not PurePosixPath(path).is_absolute():
                self._say(name, f"create: {field} `{path}` is not an absolute path", "begin it with `/`")
        for field in _TEXTS:
            if getattr(recipe, field) == "":
                message = f"create: {field} is empty, which Ollama takes for not given"
                self._say(name, message, "leave it out; what a base model has cannot be taken away")
        if recipe.quantize and recipe.quantize.lower() not in {legal.lower() for legal in QUANTIZE}:
            message = (
                f"create: quantize `{recipe.quantize}` is not one that Ollama makes; legal are {', '.join(QUANTIZE)}"
            )
            self._say(name, message, "for another one, quantize with llama.cpp and give the GGUF file as `files`")
        for fault in parameter_faults(recipe.parameters):
            self._say(name, f"create: {fault}", "correct it, or leave it out")

    def _base(self, name: str, base: str) -> None:
        key = key_of(base)
        if key is None:
            self._name("create: from", base)
        elif key not in self._owned:
            message = f"create: the base `{base}` is not among the models of this server"
            # Ollama itself would fetch it from the public registry, at whatever digest that has.
            self._say(name, message, f"add `{base}` to the server's models")

    def _say(self, model: str, message: str, hint: str) -> None:
        self._faults.append(ConfigurationError(self._replica, model, message, hint))
