"""The pack's checks on plain objects, and on what the program itself registers."""

from __future__ import annotations

import json
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from components.versions import ROOT
from policies.context import Context
from policies.items import Resource
from policies.runner import Runner, Violation
from policies.wire import plain
from tests.support.pulumi_mocks import Seen, deploy
from tests.unit.components.conftest import write_kubeconfig

PROD = Context("prod", {"echorator:environment": "prod"})
DEV = Context("dev", {"echorator:environment": "dev"})

Objects = list[dict[str, Any]]


def resource(body: Mapping[str, Any], name: str = "it", token: str | None = None) -> Resource:
    """An object as the engine would show it: typed by its apiVersion and kind."""
    if token is None:
        version = str(body["apiVersion"])
        token = f"kubernetes:{version if '/' in version else f'core/{version}'}:{body['kind']}"
    return Resource(token, name, plain(dict(body)), f"urn:pulumi:prod::test::{token}::{name}")


def resources(bodies: Objects) -> list[Resource]:
    """Several, each with its own name."""
    return [resource(body, f"it-{index}", body.pop("$token", None)) for index, body in enumerate(bodies)]


def broken(
    found: list[Resource], context: Context = PROD, given: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Violation]:
    """Every violation."""
    return Runner(context, given or {}).all(found)


def load(text: str) -> Objects:
    """Objects of a YAML text with several documents."""
    return [one for one in yaml.safe_load_all(text) if one is not None]


def stack_config(stack: str) -> dict[str, str]:
    """A stack's configuration as Pulumi hands it over: texts as they are, the rest as JSON.

    A committed stack's, or that of an example.
    """
    file = ROOT / f"Pulumi.{stack}.yaml"
    file = file if file.exists() else ROOT / "examples" / stack / file.name
    config: dict[str, Any] = yaml.safe_load(file.read_text())["config"]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


def pack_config(stack: str) -> dict[str, dict[str, Any]]:
    """Parameters of the committed pack configuration, levels left out."""
    raw: dict[str, str | dict[str, Any]] = json.loads((ROOT / "policies" / "config" / f"{stack}.json").read_text())
    return {
        name: {key: one for key, one in value.items() if key != "enforcementLevel"}
        for name, value in raw.items()
        if isinstance(value, dict)
    }


def registered(stack: str, folder: Path, filled_in: Mapping[str, str]) -> list[Resource]:
    """What the whole program registers for a stack, without a cluster.

    Args:
        stack: whose configuration.
        folder: for a kubeconfig that leads nowhere; KUBECONFIG must name it.
        filled_in: configuration that each user adds, laid over.
    """
    write_kubeconfig(folder / "kubeconfig", {"echorator-0123abcd": "https://127.0.0.1:6443"}, "echorator-0123abcd")

    def program() -> None:
        runpy.run_path(str(ROOT / "__main__.py"))

    seen: Seen = deploy(program, config={**stack_config(stack), **filled_in})
    return [
        Resource(kind, name, plain(dict(one.inputs)), f"urn:pulumi:{stack}::echorator::{kind}::{name}")
        for (kind, name), one in seen.items()
    ]
