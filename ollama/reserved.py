"""Names that we keep for ourselves on a server while a model is replaced or made."""

from __future__ import annotations

import hashlib

from ollama.names import DEFAULT_HOST, ModelName

_PREVIOUS, _MAKING = "echorator-previous", "echorator-making"


def previous_name(name: ModelName) -> ModelName:
    """Return the second name under which the model of `name` is kept while it is replaced."""
    return ModelName(DEFAULT_HOST, _PREVIOUS, _stem(name), "previous")


def making_name(name: ModelName) -> ModelName:
    """Return the name under which files are taken in that the model of `name` is made of."""
    return ModelName(DEFAULT_HOST, _MAKING, _stem(name), "making")


def made_name(name: ModelName) -> ModelName:
    """Return the name under which the model of `name` is looked at once it is made.

    Another than the one that it is made of: two runs at once would take each other's half-made one for theirs.
    """
    return ModelName(DEFAULT_HOST, _MAKING, _stem(name), "made")


def leftovers(name: ModelName) -> tuple[ModelName, ...]:
    """Return every name that a killed run may leave of the model of `name`."""
    return previous_name(name), making_name(name), made_name(name)


def is_reserved(name: ModelName) -> bool:
    """Return whether a name is one of ours."""
    return name.host.lower() == DEFAULT_HOST and name.namespace.lower() in (_PREVIOUS, _MAKING)


def _stem(name: ModelName) -> str:
    return hashlib.sha256(name.key.encode()).hexdigest()[:32]
