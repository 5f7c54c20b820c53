"""The configuration page agrees with the settings: every key, its default, its ranges, and each example.

Not shown: that what its sentences say is true of a running cluster.
"""

import re
import typing
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from components.ollama_environment import FIXED, NO_PRUNE, VARIABLES
from components.settings import stack as settings
from components.settings.checks.create import RANGES
from components.settings.stack import Settings
from components.versions import ROOT
from ollama.settings import PARAMETERS

PAGE = (ROOT / "docs" / "configuration.md").read_text()


def rows() -> Iterator[list[str]]:
    """The cells of each row of the tables, heads included."""
    for line in re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL).splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]


def described() -> dict[str, list[list[str]]]:
    """Setting to the rows that begin with it: `storage` is one of servers and one of the model store."""
    found: dict[str, list[list[str]]] = {}
    for row in rows():
        for name in re.findall(r"`([^`]+)`", row[0]):
            found.setdefault(name, []).append(row)
    return found


def nested(annotation: object) -> Iterator[tuple[type[BaseModel], bool]]:
    """The sections within a type, and whether they come in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, False
    many = typing.get_origin(annotation) is tuple
    for argument in typing.get_args(annotation):
        for section, inner in nested(argument):
            yield section, many or inner


def fields(model: type[BaseModel], place: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Path of each setting, such as `servers[].models[].name`, and what it is."""
    for name, field in model.model_fields.items():
        path = f"{place}{field.alias or name}"
        yield path, field
        for section, many in nested(field.annotation):
            yield from fields(section, f"{path}{'[]' if many else ''}.")


def rows_of(path: str) -> list[list[str]]:
    """Of a setting: each table is about one top-level key, whose name its rows leave out."""
    known = described()
    return known.get(path, known.get(re.sub(r"^\w+(\[\])?\.", "", path), []))


def test_the_walk_finds_the_deepest_settings() -> None:
    paths = [path for path, _ in fields(Settings)]
    assert {
        "modelStore.collect.keepHours",
        "servers[].resources.limits.memory",
        "servers[].models[].create.messages[].role",
        "servers[].expose.gateway.section",
        "servers[].pod.tolerations[].tolerationSeconds",
    } <= set(paths)
    assert len(paths) == len(set(paths)) > 110


def test_every_setting_is_described() -> None:
    # Told in the row of `resources`.
    told = {f"{place}.resources.{kind}" for place in ("servers[]", "memory") for kind in ("requests", "limits")}
    assert [path for path, _ in fields(Settings) if not rows_of(path) and path not in told] == []


def test_nothing_else_is_described() -> None:
    paths = {path for path, _ in fields(Settings)}
    short = paths | {re.sub(r"^\w+(\[\])?\.", "", path) for path in paths}
    settings_rows = [row for row in rows() if len(row) == 4]
    named = [name for row in settings_rows for name in re.findall(r"`([^`]+)`", row[0])]
    assert [name for name in named if name not in short] == []


def cell(field: FieldInfo) -> str | None:
    """What the column of defaults must say; None where it may say it in words."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, int | float):
        return f"`{default:g}`"
    if isinstance(default, str):
        return f"`{default}`"
    return {"()": "`[]`", "{}": "`{}`"}.get(repr(default))


def test_defaults_are_those_of_the_settings() -> None:
    wrong: list[str] = []
    for path, field in fields(Settings):
        legal, told = cell(field), [row[2] for row in rows_of(path) if len(row) == 4]
        if legal is not None and told and legal not in told:
            wrong.append(f"{path}: {told} instead of {legal}")
    assert wrong == []


def test_every_variable_of_ollama_is_named() -> None:
    for key, variable in VARIABLES.items():
        (row,) = described()[f"ollama.{key}"]
        assert f"`{variable.name}`" in row[3]
    for name, value in FIXED.items():
        assert f"`{name}`" in PAGE
        assert f"`{value}`" in PAGE
    assert f"`{NO_PRUNE}`" in PAGE


def test_every_parameter_is_described_with_its_range() -> None:
    known = described()
    assert set(PARAMETERS) <= set(known)
    for name, (low, high) in RANGES.items():
        ((_, _, told),) = known[name]
        if name == "seed":
            assert told.startswith("any")
        elif high <= 2:
            assert told == f"from {low} to {high}"
        else:
            assert told.startswith(f"at least {low}")


def examples() -> list[dict[str, Any]]:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(block) for block in blocks]


def test_each_example_is_legal() -> None:
    """Each by itself, beside what the examples before it say under other keys."""
    context: dict[str, Any] = {}
    for example in examples():
        assert all(key.startswith("echorator:") for key in example)
        if "echorator:clusters" in example:
            # It stands in place of the one.
            context.pop("cluster", None)
        context |= {key.removeprefix("echorator:"): value for key, value in example.items()}
        settings.validate(context)
    assert set(context) == {
        *("clusters", "echo", "modelStore", "memory", "servers", "gpuPools", "cpuPools", "monitoring", "imageDigests")
    }


def test_there_is_an_example_of_each_kind() -> None:
    found = [server for example in examples() for server in example.get("echorator:servers", [])]
    models = [model for server in found for model in server.get("models", [])]
    recipes = [model["create"] for model in models if "create" in model]
    assert any("url" in server for server in found)
    assert any(str(model.get("source")).startswith("hf.co/") for model in models)
    assert {key for recipe in recipes for key in recipe} == {
        *("from", "files", "adapter", "system", "template", "parameters", "messages", "license", "quantize")
    }
    exposed = [server["expose"] for server in found if "expose" in server]
    assert {one["type"] for one in exposed if "type" in one} == {"NodePort", "LoadBalancer"}
    assert any("ingress" in one for one in exposed)
    assert any("gateway" in one for one in exposed)
    assert any(server.get("volume", {}).get("mode") == "shared" for server in found)
    upstreams = [one for example in examples() for one in example.get("echorator:modelStore", {}).get("upstreams", [])]
    assert any("credentialsSecret" in one for one in upstreams)
