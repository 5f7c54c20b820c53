"""``make view``: a way to the live view in this machine's browser, for as long as the command runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterable

from rich.console import Console

from echo.ports import MAIN_PORT
from toolchain.session import NotUpError
from toolchain.stack.pulumi import Pulumi

_LISTENS = re.compile(r"^Forwarding from 127\.0\.0\.1:(\d+) -> ")
_AGAIN_S = 2.0
_FAILURES = 5


def view(pulumi: Pulumi, *, port: int, console: Console) -> None:
    """Forward a port of this machine's loopback to the echo service, again whenever that breaks off.

    Args:
        pulumi: of the stack.
        port: here; 0 takes a free one.
        console: gets the address and how to get a key.

    Raises:
        NotUpError: the stack has no echo service, or there is no way to it.
    """
    outputs = pulumi.outputs()
    if "echo-endpoint" not in outputs:
        raise NotUpError("the stack has no echo service: set `echo.enabled` to true and run `make up`")
    kubectl = shutil.which("kubectl", path=pulumi.variables.get("PATH"))
    if kubectl is None:
        raise NotUpError("there is no kubectl: `make up` brings it for the local cluster; else put it on PATH")
    command = [kubectl, f"--namespace={outputs['namespace']}", "port-forward", "--address=127.0.0.1", "service/echo"]
    failures = 0
    while failures < _FAILURES:
        with subprocess.Popen(
            [*command, f"{port or ''}:{MAIN_PORT}"],
            env=pulumi.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                found, said = _follow(process.stdout or (), pulumi.stack, console)
            finally:
                process.terminate()
        if not found:
            failures += 1
            if failures == _FAILURES or "unable to listen" in said:
                raise NotUpError(f"kubectl port-forward: {said}; another port: make view PORT=8000")
        else:
            # The same address again, since it stands in somebody's browser.
            failures, port = 0, found
            console.print("the way broke off, as it does when a pod ends; making another one")
        time.sleep(_AGAIN_S)


def _follow(lines: Iterable[str], stack: str, console: Console) -> tuple[int, str]:
    """Read what kubectl says until it ends; returns the port that it listened at (0: none) and its last words."""
    found, said = 0, "it ended without a word"
    for line in lines:
        match = _LISTENS.match(line)
        if match is not None and not found:
            found = int(match[1])
            console.print(f"http://127.0.0.1:{found}/view/", style="bold")
            console.print(
                f'a key: make pulumi ARGS="stack output --stack {stack} --show-secrets echo-keys"\nend with Ctrl-C',
                highlight=False,
            )
        elif line.strip():
            said = line.strip()
    return found, said
