"""`make view` says where the page is and how to get a key, and what is wrong where there is no way to it.

Not shown: a way into a cluster; there a stand-in for kubectl speaks.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from toolchain.commands import view
from toolchain.session import NotUpError
from toolchain.stack.pulumi import Pulumi


class Stack:
    """What the command asks of a stack; the engine itself is not needed to know that."""

    stack = "dev"

    def __init__(self, outputs: dict[str, Any], path: Path) -> None:
        self._outputs = outputs
        self.variables = {"PATH": f"{path}:/usr/bin:/bin"}

    def outputs(self) -> dict[str, Any]:
        return self._outputs


DEPLOYED = {"echo-endpoint": "http://echo.a.svc.cluster.local:5000", "namespace": "a"}


def kubectl(folder: Path, says: str) -> None:
    program = folder / "kubectl"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\n{says}\n')
    program.chmod(0o755)


def run(stack: Stack, port: int = 5000) -> str:
    out = io.StringIO()
    with pytest.raises(NotUpError) as error:
        view.view(cast("Pulumi", stack), port=port, console=Console(file=out, width=200))
    return out.getvalue() + str(error.value)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "_AGAIN_S", 0.0)


def test_a_stack_without_the_service_is_told(tmp_path: Path) -> None:
    assert "`echo.enabled`" in run(Stack({"namespace": "a"}, tmp_path))


def test_the_address_and_the_way_to_a_key(tmp_path: Path) -> None:
    # The second time it fails, so that the command ends.
    once = f"test -e {tmp_path}/once && echo 'error: no such service' && exit 1; touch {tmp_path}/once"
    kubectl(tmp_path, f"{once}\necho 'Forwarding from 127.0.0.1:41234 -> 5000'")
    said = run(Stack(DEPLOYED, tmp_path), port=0)
    assert "http://127.0.0.1:41234/view/" in said
    assert "stack output --stack dev --show-secrets echo-keys" in said
    assert "no such service" in said
    first, second, *_ = (tmp_path / "asked").read_text().splitlines()
    assert first == "--namespace=a port-forward --address=127.0.0.1 service/echo :5000"
    # The page in somebody's browser goes on.
    assert second.endswith("service/echo 41234:5000")


def test_a_port_that_is_taken_is_told_at_once(tmp_path: Path) -> None:
    kubectl(tmp_path, "echo 'unable to listen on any of the requested ports: [{5000 5000}]'; exit 1")
    assert "make view PORT=8000" in run(Stack(DEPLOYED, tmp_path))
    assert len((tmp_path / "asked").read_text().splitlines()) == 1
