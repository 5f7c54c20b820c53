"""A control plane of its own with KWOK's nodes: the reduced mode's, without models."""

from __future__ import annotations

import json
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.reduced import ordinary
from tests.support.prepared import tools
from toolchain import catalog
from toolchain.reduced import ours
from toolchain.reduced.layout import REQUIRED_TOOLS


@contextmanager
def simulated(folder: Path) -> Generator[Path]:
    """Start it in an empty folder and give its kubeconfig; everything of it is ended afterwards."""
    state = folder / "state"
    found = tools()
    paths = {name: str(found.path(name)) for name in (*REQUIRED_TOOLS, *catalog.MODEL_TOOLS)}
    spec = folder / "spec.json"
    spec.write_text(json.dumps({"state": str(state), "id": secrets.token_hex(4), "tools": paths}))
    try:
        yield Path(ordinary.call(spec, "bare")["kubeconfig"])
    finally:
        mark = state / "mark"
        if mark.exists():
            ours.end(ours.read_mark(mark))
