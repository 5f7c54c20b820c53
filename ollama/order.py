"""Which of the wanted models is made of which, and in what order that has to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ollama.errors import ConfigurationError
from ollama.names import ModelName
from ollama.state import WantedModel


def owners(wanted: Sequence[WantedModel]) -> dict[str, int]:
    """Return the place in `wanted` that each name or alias belongs to, by the name's key; illegal ones are left out."""
    found: dict[str, int] = {}
    for at, want in enumerate(wanted):
        for text in (want.name, *want.aliases):
            key = key_of(text)
            if key is not None:
                found.setdefault(key, at)
    return found


def base_of(want: WantedModel, owned: Mapping[str, int]) -> int | None:
    """Return the place of the model that `want` is made of, or None."""
    if want.create is None or want.create.from_model is None:
        return None
    key = key_of(want.create.from_model)
    return owned.get(key) if key is not None else None


def bases_first(wanted: Sequence[WantedModel]) -> list[int]:
    """Return the places in `wanted`, each after that of its base and otherwise in their order.

    A cycle, which `check_wanted` refuses, is cut somewhere.
    """
    owned = owners(wanted)
    done: dict[int, None] = {}
    for at in range(len(wanted)):
        chain: list[int] = []
        step: int | None = at
        while step is not None and step not in done and step not in chain:
            chain.append(step)
            step = base_of(wanted[step], owned)
        done.update(dict.fromkeys(reversed(chain)))
    return list(done)


def cycles(wanted: Sequence[WantedModel]) -> list[list[str]]:
    """Return every circle of models that are made of each other, as names."""
    owned = owners(wanted)
    found: list[list[str]] = []
    seen: set[int] = set()
    for at in range(len(wanted)):
        chain: list[int] = []
        step: int | None = at
        while step is not None and step not in seen:
            seen.add(step)
            chain.append(step)
            step = base_of(wanted[step], owned)
        if step is not None and step in chain:
            found.append([wanted[member].name for member in chain[chain.index(step) :]])
    return found


def key_of(text: str) -> str | None:
    """Return a name's key, or None when it is not legal."""
    try:
        return ModelName.parse(text).key
    except ConfigurationError:
        return None
