"""A second control plane: etcd, API server, controllers and simulated nodes as plain processes on loopback."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from tests.reduced import ordinary
from tests.support import prepared
from toolchain import catalog
from toolchain.reduced import ours
from toolchain.reduced.layout import REQUIRED_TOOLS


class Second:
    """One of them; `down` ends every process of it."""

    def __init__(self, folder: Path) -> None:
        paths = prepared.tools().paths
        tools = {name: str(paths[name]) for name in (*REQUIRED_TOOLS, *catalog.MODEL_TOOLS)}
        self._state = folder / "state"
        self._spec = folder / "spec.json"
        self._spec.write_text(json.dumps({"state": str(self._state), "id": secrets.token_hex(4), "tools": tools}))
        self.context = ""
        self.kubeconfig = self._state

    def up(self) -> None:
        """Start everything but make no model."""
        found: dict[str, Any] = ordinary.call(self._spec, "bare")
        self.context, self.kubeconfig = str(found["context"]), Path(found["kubeconfig"])

    def down(self) -> None:
        """End every process."""
        mark = self._state / "mark"
        if mark.exists():
            ours.end(ours.read_mark(mark))
