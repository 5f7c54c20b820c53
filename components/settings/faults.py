"""How a fault in the stack configuration is found and told: where it is, what is wrong, what would be right."""

import difflib
import json
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a map of keys to values",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "model_type": "a map of keys to values",
    "string_type": "a text (put it in quotes if YAML reads it as something else)",
    "tuple_type": "a list",
}


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong, at a path such as `servers[0].storage`."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def path_of(location: Sequence[int | str]) -> str:
    """`("servers", 0, "storage")` as `servers[0].storage`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def listed(names: Iterable[str]) -> str:
    """Legal values, as a message names them."""
    return ", ".join(f"`{name}`" for name in names)


def shape_faults(error: ValidationError, root: type[BaseModel]) -> list[Fault]:
    """Turns pydantic's findings about types and keys into faults that name the legal values.

    Args:
        error: what validating `root` raised.
        root: the model of the whole configuration; its nested models give the legal keys.
    """
    keys = dict(_keys_by_place(root))
    return [Fault(path_of(detail["loc"]), _problem(detail, keys)) for detail in error.errors()]


def _problem(detail: ErrorDetails, keys: Mapping[tuple[str, ...], list[str]]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        *parents, unknown = (part for part in detail["loc"] if isinstance(part, str))
        legal = keys.get(tuple(parents), [])
        near = difflib.get_close_matches(unknown, legal, n=1, cutoff=0.7)
        hint = f"; did you mean `{near[0]}`?" if near else "."
        return f"unknown key{hint} Legal keys here: {listed(legal)}"
    if kind == "missing":
        return "is required"
    got = _shown(detail["input"])
    if kind in _EXPECTED:
        return f"must be {_EXPECTED[kind]}, not {got}"
    if kind == "literal_error":
        return f"must be one of {detail.get('ctx', {}).get('expected', '')}, not {got}"
    return f"{detail['msg']}, not {got}"


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004


def _keys_by_place(model: type[BaseModel], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    yield place, [field.alias or name for name, field in model.model_fields.items()]
    for name, field in model.model_fields.items():
        for nested in _models_in(field.annotation):
            yield from _keys_by_place(nested, (*place, field.alias or name))


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)
