"""Changes of the files while the service runs.

A ConfigMap or Secret that is mounted as a folder changes by a link that is moved, so files are compared by content and
not by time. What cannot be read or is wrong is told and left out: the service goes on with what it had.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from echo.config.layers import Layers
from echo.config.model import EchoConfig
from replica_agent.fields import ConfigError
from replica_agent.logs import event

__all__ = ["FIXED", "Watcher"]

FIXED = ("listen", "drain", "memory")
"""Sections that take a restart: ports are bound, the grace period goes with the drain, spaces with the embedder."""

_LOOK_S = 2.0


@dataclass
class Watcher:
    """Follows the config file and the keys.

    Attributes:
        layers: what is read anew.
        current: the settings that hold.
        apply: called with new settings, and whenever the keys' content changed; may refuse by ConfigError.
        problem: why the last change was left out; empty when there is none.
        loads: changes that were applied.
    """

    layers: Layers
    current: EchoConfig
    apply: Callable[[EchoConfig], None]
    problem: str = ""
    loads: int = 0
    refusals: int = 0
    _seen: dict[Path, str] = field(default_factory=dict[Path, str])

    def __post_init__(self) -> None:
        self._changed()

    async def run(self) -> None:
        """Look at the files, for ever."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if self._changed():
                self.load()

    def load(self) -> bool:
        """Read and apply at once; return whether it was good."""
        try:
            found = self.layers.read()
            fixed = [section for section in FIXED if getattr(found, section) != getattr(self.current, section)]
            kept = found.model_copy(update={section: getattr(self.current, section) for section in FIXED})
            self.apply(kept)
        except ConfigError as error:
            self.problem = str(error)
            self.refusals += 1
            event("config_refused", level=logging.ERROR, cause=self.problem)
            return False
        self.current = kept
        self.problem = f"needs a restart: {', '.join(fixed)}" if fixed else ""
        self.loads += 1
        event("config_loaded", restart_needed=fixed)
        return True

    def _changed(self) -> bool:
        files = [self.layers.file, self.current.auth.keys_file]
        seen = {file: _hash(file) for file in files if file is not None}
        changed = seen != self._seen
        self._seen = seen
        return changed


def _hash(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        return repr(error)
