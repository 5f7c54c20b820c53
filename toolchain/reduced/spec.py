"""What a command tells the supervisor: processes to keep. Plain JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from toolchain.node.spec import Process

SOCKET = "control.sock"
"""On which the supervisor answers, in its run folder."""


@dataclass(frozen=True)
class SupervisorSpec:
    """What the supervisor begins with.

    Attributes:
        code: Digest of its program; one that runs another is restarted.
        run: Folder for its socket and its record.
        logs: Folder for ``NAME.log``.
        processes: What runs at first.
    """

    code: str
    run: str
    logs: str
    processes: tuple[Process, ...]

    def to_json(self) -> str:
        """Text for the spec file."""
        return json.dumps(asdict(self), indent=1)

    @staticmethod
    def from_json(text: str) -> SupervisorSpec:
        """The reverse of :meth:`to_json`."""
        data: dict[str, Any] = json.loads(text)
        processes = tuple(Process.from_wire(item) for item in data["processes"])
        return SupervisorSpec(data["code"], data["run"], data["logs"], processes)
