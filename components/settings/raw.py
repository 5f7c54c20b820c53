"""The raw configuration, read without knowing whether its types are right.

Each check passes over what has the wrong type, which `shape_faults` of `components.settings.faults` reports.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from components.settings.faults import Fault

Raw = Mapping[str, Any]

Check = Callable[[Raw], Iterable[Fault]]
"""Of the whole configuration."""

ServerCheck = Callable[[str, Raw], Iterable[Fault]]
"""Of one server, given its path."""


def mapping(value: object) -> Raw:
    """`value`, or an empty map where it is none."""
    return cast("Raw", value) if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """`value`, or nothing where it is no list."""
    return cast("Sequence[Any]", value) if isinstance(value, list | tuple) else ()


def maps(value: object, path: str) -> Iterator[tuple[str, Raw]]:
    """Path and content of each map in the list `value`, whose own path is `path`."""
    for index, item in enumerate(items(value)):
        if isinstance(item, Mapping):
            yield f"{path}[{index}]", cast("Raw", item)


def texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Path and content of each text in the list `value`, whose own path is `path`."""
    for index, item in enumerate(items(value)):
        if isinstance(item, str):
            yield f"{path}[{index}]", item


def pairs(value: object, path: str) -> Iterator[tuple[str, str, object]]:
    """Path, key and value of each entry of the map `value`, whose own path is `path`."""
    for key, item in cast("Mapping[object, object]", mapping(value)).items():
        if isinstance(key, str):
            yield f"{path}.{key}", key, item


def servers(raw: Raw) -> Iterator[tuple[str, Raw]]:
    """Path and content of each server."""
    return maps(raw.get("servers"), "servers")


def hosted(raw: Raw) -> Iterator[tuple[str, Raw]]:
    """The servers among them that run in the cluster."""
    return ((path, server) for path, server in servers(raw) if server.get("url") is None)


def production(raw: Raw) -> bool:
    """Whether the stack says that it is for production."""
    return raw.get("environment") == "prod"


def twice(named: Iterable[tuple[str, str]], problem: Callable[[str, str], str]) -> Iterator[Fault]:
    """A fault for each `(path, key)` whose key came before; `problem(key, first path)` words it."""
    first: dict[str, str] = {}
    for path, key in named:
        if key in first:
            yield Fault(path, problem(key, first[key]))
        else:
            first[key] = path
