"""The operator's resource definitions as a judge: which fields of an object they do not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

import yaml

from tests.support.prepared import tools
from toolchain.monitoring import DEFINITIONS, definitions


@cache
def schemas() -> Mapping[str, Mapping[str, Any]]:
    """Kind to the schema of its version v1."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, text in definitions(tools().path(DEFINITIONS).read_text()):
        if name.partition(".")[0] not in ("prometheuses", "alertmanagers", "podmonitors", "probes", "prometheusrules"):
            continue
        content: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        spec: dict[str, Any] = content["spec"]
        found[spec["names"]["kind"]] = next(
            one["schema"]["openAPIV3Schema"] for one in spec["versions"] if one["name"] == "v1"
        )
    return found


def strange(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield the paths of what the schema has no place for, or of another type."""
    if isinstance(value, Mapping):
        yield from _map(cast("Mapping[str, Any]", value), schema, place)
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from strange(item, schema.get("items", {}), f"{place}[{index}]")
    elif not schema.get("x-kubernetes-int-or-string"):
        yield from _scalar(value, schema, place)


def _map(value: Mapping[str, Any], schema: Mapping[str, Any], place: str) -> Iterator[str]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    more = schema.get("additionalProperties")
    # Of metadata the definitions say nothing.
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or not (properties or more)
    for key, item in value.items():
        if key in properties:
            yield from strange(item, properties[key], f"{place}.{key}")
        elif isinstance(more, Mapping):
            yield from strange(item, cast("Mapping[str, Any]", more), f"{place}.{key}")
        elif not open_ended:
            yield f"{place}.{key}"
    yield from (f"{place}.{key} is missing" for key in schema.get("required", []) if key not in value)


def _scalar(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    kind = schema.get("type")
    right = {"string": str, "boolean": bool, "integer": (int, float), "number": (int, float)}.get(str(kind))
    if kind is not None and (right is None or not isinstance(value, right)):
        yield f"{place} is no {kind}: {value!r}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{place} is none of {schema['enum']}: {value!r}"
