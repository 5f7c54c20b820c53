"""Runs one call of the reduced mode in a process without any privilege: ``python -m tests.reduced.ordinary SPEC CALL``.

SPEC is a JSON file with ``state``, ``id`` and ``tools``; the answer is JSON on standard output. `up` also
makes a model, `bare` does not.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolchain.models.definitions import MODELS
from toolchain.paths import CHECKOUT
from toolchain.reduced.cluster import Reduced
from toolchain.reduced.layout import ReducedLayout

LIMIT_S = 240.0
# Root without a capability may do what an ordinary user may: no namespace, no mount, nobody else's files.
_WITHOUT_PRIVILEGE = (
    "setpriv",
    "--inh-caps=-all",
    "--ambient-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
)


def unprivileged(command: Sequence[str]) -> list[str]:
    """The command as an ordinary user runs it; as it is where this process is one."""
    return [*(_WITHOUT_PRIVILEGE if os.geteuid() == 0 else ()), *command]


def call(spec: Path, name: str) -> Any:
    """Run a call in a process of its own, as a command of `make` would, and return its answer.

    Raises:
        AssertionError: it failed; carries what it wrote.
    """
    done = subprocess.run(
        unprivileged([sys.executable, "-m", "tests.reduced.ordinary", str(spec), name]),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, f"{name} failed:\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def main(spec: Path, name: str) -> None:
    """Do the call."""
    content: dict[str, Any] = json.loads(spec.read_text())
    tools = {str(tool): Path(path) for tool, path in content["tools"].items()}
    reduced = Reduced(ReducedLayout(Path(content["state"]), content["id"], tools))
    chat = [model for model in MODELS if model.kind == "chat"]

    def tell(part: str, detail: str) -> None:
        print(f"{part}: {detail}", file=sys.stderr)

    answer: Any = None
    if name in ("up", "bare"):
        answer = dataclasses.asdict(reduced.up(tell, models=chat if name == "up" else ()))
    elif name == "status":
        answer = dataclasses.asdict(reduced.status())
    else:
        reduced.down(tell, purge=name == "purge")
    print(json.dumps(answer, default=str))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
