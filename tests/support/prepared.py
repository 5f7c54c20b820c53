"""What `python -m toolchain test` has made ready and tells by the environment; without it tests fail, never skip."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.support.stack import Engine
from toolchain.catalog import Tools
from toolchain.local import layout
from toolchain.node.node import Node


class NotPreparedError(Exception):
    """A variable or file is missing; says what to run."""


def prepared(variable: str) -> Path:
    """Return the existing file or folder that a variable names.

    Raises:
        NotPreparedError: it is not set, or names nothing.
    """
    value = os.environ.get(variable)
    if value is None or not Path(value).exists():
        raise NotPreparedError(
            f"{variable} is {value!r}, but must name what `make test` prepares: run `make test`, or, for some tests "
            "only, `python -m toolchain test ARGUMENTS-OF-PYTEST`"
        )
    return Path(value)


def engine() -> Engine:
    """Return the built engine and the cluster it deploys to."""
    return Engine(
        folder=prepared("ECHORATOR_PULUMI_ENGINE"),
        home=prepared("ECHORATOR_PULUMI_HOME"),
        kubeconfig=prepared("ECHORATOR_KUBECONFIG"),
    )


def tools() -> Tools:
    """Return the built tools."""
    content: dict[str, Any] = json.loads(prepared("ECHORATOR_TOOLS").read_text())
    paths = {str(name): Path(path) for name, path in content["paths"].items()}
    prefix = content.get("prefix")
    return Tools(paths, None if prefix is None else Path(prefix))


def node() -> Node:
    """Return the local node of this checkout, which runs."""
    found = Node(layout(tools()))
    if not found.running:
        raise NotPreparedError(f"the local node {found.layout.name} does not run: run `make test`, or `make up` first")
    return found
