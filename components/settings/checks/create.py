"""Checks of models that are made on the replica: what from, and with what."""

import math
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType

from components.settings.checks.models import model_key
from components.settings.faults import Fault, listed
from components.settings.grammar import object_faults
from components.settings.raw import Raw, ServerCheck, items, mapping, maps, pairs
from ollama.settings import PARAMETERS, QUANTIZE, parameter_faults

ROLES = ("system", "user", "assistant")
"""Of messages, by Ollama 0.17.4 (parser/parser.go). The API takes any, and the model's template then drops it."""

_TEXTS = ("from", "system", "template", "license")

_INFINITE = math.inf
COUNT = 2**31 - 1
"""The engine counts tokens, layers and threads in 32 bits."""

RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "num_ctx": (1, COUNT),
        "num_batch": (1, COUNT),
        # -1: as many layers as fit.
        "num_gpu": (-1, COUNT),
        "main_gpu": (0, COUNT),
        # 0: as many as the processor has cores.
        "num_thread": (0, COUNT),
        # -1: the whole prompt.
        "num_keep": (-1, COUNT),
        # -1: another one each time.
        "seed": (-(2**63), 2**63 - 1),
        # -1: no limit; -2: until the context is full.
        "num_predict": (-2, COUNT),
        # 0: all tokens.
        "top_k": (0, COUNT),
        # -1: the whole context.
        "repeat_last_n": (-1, COUNT),
        "temperature": (0, _INFINITE),
        "top_p": (0, 1),
        "min_p": (0, 1),
        "typical_p": (0, 1),
        "repeat_penalty": (0, _INFINITE),
        "presence_penalty": (-2, 2),
        "frequency_penalty": (-2, 2),
    }
)
"""What makes sense; Ollama itself takes any number, and cuts some off when it answers (sample/samplers.go)."""


def _source(path: str, server: Raw) -> Iterator[Fault]:
    for place, model in maps(server.get("models"), f"{path}.models"):
        if model.get("create") is None:
            continue
        if model.get("source") is not None:
            yield Fault(place, "has `create` and `source`. Keep one: a model is either made on the replica or pulled")
        create = mapping(model["create"])
        base, files = create.get("from"), create.get("files")
        if base is not None and files is not None:
            yield Fault(f"{place}.create", "has `from` and `files`. Keep one: a base model, or weights on a volume")
        if base is None and files is None:
            yield Fault(
                f"{place}.create",
                "has neither `from` (a base model that this server has too) nor `files` (weights on a volume), without "
                "which there is nothing to make it of, nor to apply an adapter to. Add one",
            )


def _files(path: str, server: Raw) -> Iterator[Fault]:
    for place, model in maps(server.get("models"), f"{path}.models"):
        create = mapping(model.get("create"))
        for key in ("files", "adapter"):
            files = mapping(create.get(key))
            here = f"{place}.create.{key}"
            if key in create and server.get("url") is not None:
                yield Fault(
                    here, "is on a volume of the cluster, which a server that already runs has not got. Leave it out"
                )
            yield from object_faults(f"{here}.claim", files.get("claim"), "PersistentVolumeClaim")
            yield from _path_faults(f"{here}.path", files.get("path"))


def _path_faults(path: str, text: object) -> Iterator[Fault]:
    if not isinstance(text, str):
        return
    parts = PurePosixPath(text)
    if not text or parts.is_absolute() or ".." in parts.parts or "\0" in text:
        yield Fault(
            path,
            f"`{text}` is no legal path: must be relative to the root of the volume and without `..`, such as "
            "llama/model.gguf, or `.` for the whole volume",
        )


def _content(path: str, server: Raw) -> Iterator[Fault]:
    for place, model in maps(server.get("models"), f"{path}.models"):
        create = mapping(model.get("create"))
        here = f"{place}.create"
        for key in _TEXTS:
            if create.get(key) == "":
                yield Fault(f"{here}.{key}", "is empty, which Ollama takes for not given. Leave it out")
        quantize = create.get("quantize")
        if isinstance(quantize, str) and quantize.lower() not in {one.lower() for one in QUANTIZE}:
            yield Fault(
                f"{here}.quantize",
                f"`{quantize}` is none that Ollama makes. Legal are {listed(QUANTIZE)}; for another one, give a GGUF "
                "file that has it as `files`",
            )
        for message_path, message in maps(create.get("messages"), f"{here}.messages"):
            role = message.get("role")
            if isinstance(role, str) and role not in ROLES:
                yield Fault(f"{message_path}.role", f"`{role}` is no role. Legal are {listed(ROLES)}")
        for where, name, value in pairs(create.get("parameters"), f"{here}.parameters"):
            yield from _parameter_faults(where, name, value)


def _parameter_faults(path: str, name: str, value: object) -> Iterator[Fault]:
    if name not in PARAMETERS:
        yield Fault(path, f"unknown parameter. Legal are {listed(PARAMETERS)}")
        return
    if isinstance(value, float) and not math.isfinite(value):
        yield Fault(path, f"must be a finite number, not {value}")
        return
    if isinstance(value, list | tuple):
        texts = tuple(map(str, items(value)))  # pyright: ignore[reportUnknownArgumentType]
        found = parameter_faults({name: texts})
        if not texts or "" in texts:
            found.append("must not be empty, nor hold an empty text, at which every answer would end")
    elif isinstance(value, bool | int | float | str):
        found = parameter_faults({name: value})
        if value == "":
            found.append("must not be empty, since every answer would end there")
    else:
        return
    yield from (Fault(path, fault) for fault in found)
    low, high = RANGES.get(name, (-_INFINITE, _INFINITE))
    if not found and isinstance(value, int | float) and not low <= value <= high:
        legal = f"at least {low}" if value < low and high >= COUNT else f"from {low} to {high}"
        yield Fault(path, f"must be {legal}, not {value}")


def _bases(path: str, server: Raw) -> Iterator[Fault]:
    """Ollama would fetch a base that is missing from the public registry, past the model store, at any digest."""
    models = list(maps(server.get("models"), f"{path}.models"))
    owner: dict[str, str] = {}
    base_of: dict[str, str] = {}
    for place, model in models:
        for text in (model.get("name"), *items(model.get("aliases"))):
            if (key := model_key(text)) is not None:
                owner.setdefault(key, place)
    for place, model in models:
        base = mapping(model.get("create")).get("from")
        key = model_key(base)
        if isinstance(base, str) and base and key is None:
            yield Fault(f"{place}.create.from", f"`{base}` is no model's name. Name a model of this server")
        elif key is not None and key not in owner:
            known = [name for _, one in models if isinstance(name := one.get("name"), str) and one is not model]
            yield Fault(
                f"{place}.create.from",
                f"`{base}` is no model of this server. Add it to `models` (there now: {listed(known) or 'none else'}), "
                "so that its source and digest are known",
            )
        elif key is not None:
            base_of[place] = owner[key]
    yield from _circles(base_of)


def _circles(base_of: Mapping[str, str]) -> Iterator[Fault]:
    """One fault for each circle, told at the first of its models."""
    done: set[str] = set()
    for start in base_of:
        chain: list[str] = []
        here: str | None = start
        while here is not None and here not in done and here not in chain:
            chain.append(here)
            here = base_of.get(here)
        if here is not None and here in chain:
            circle = chain[chain.index(here) :]
            first = circle[0]
            told = ", which is made from ".join([*circle[1:], first])
            yield Fault(
                f"{first}.create.from",
                f"is made from {told}: no model could be made first. Give one of them another base, or `files`",
            )
        done.update(chain)


SERVER_CHECKS: tuple[ServerCheck, ...] = (_source, _files, _content, _bases)
