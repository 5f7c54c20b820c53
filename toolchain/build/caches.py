"""Go's caches for these builds: ours alone, and gone when the tools are there."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from toolchain.build.lock import Shared

PEAK_BYTES = 13 * 10**9
"""Above this, what is compiled is thrown away before the next module: all modules together stay under 20 GB."""


@dataclass(frozen=True)
class BuildCaches:
    """``<cache>/build``: compiled packages, module sources, working copies, apt's lists."""

    root: Path

    @property
    def compiled(self) -> Path:
        """``GOCACHE``."""
        return self.root / "compiled"

    @property
    def modules(self) -> Path:
        """``GOMODCACHE``."""
        return self.root / "modules"

    @property
    def temporary(self) -> Path:
        """``GOTMPDIR``, here so that a killed build leaves nothing in /tmp."""
        return self.root / "tmp"

    @property
    def sources(self) -> Path:
        """Working copies of our own modules: a checkout is never written to."""
        return self.root / "sources"

    @property
    def apt(self) -> Path:
        """Package lists and downloads."""
        return self.root / "apt"

    def open(self) -> Session:
        """Use the caches. No other run deletes them until the session is closed."""
        self.root.mkdir(parents=True, exist_ok=True)
        shared = Shared(self.root.with_name("build.lock"))
        self._make()
        return Session(self, shared)

    def _make(self) -> None:
        for folder in (self.compiled, self.modules, self.temporary, self.sources, self.apt):
            folder.mkdir(parents=True, exist_ok=True)
        # Private: another user who could write here would choose what our tools contain.
        self.root.chmod(0o700)


@dataclass(frozen=True)
class Session:
    """One run's use of the caches."""

    caches: BuildCaches
    shared: Shared

    def delete(self) -> bool:
        """Delete everything, unless another run is building with it; that run then does."""
        if not self.shared.alone():
            return False
        remove_tree(self.caches.root)
        return True

    def close(self) -> None:
        """Let go of the caches."""
        self.shared.close()

    def trim(self, limit: int = PEAK_BYTES) -> int:
        """Throw away what is compiled when the caches are larger than ``limit`` bytes; returns the bytes freed.

        The next module shares little of it, and compiles that again.
        """
        if size(self.caches.root) <= limit or not self.shared.alone():
            return 0
        freed = size(self.caches.compiled)
        remove_tree(self.caches.compiled)
        self.caches.compiled.mkdir()
        self.shared.share()
        return freed


def size(folder: Path) -> int:
    """Bytes on the disk below a folder; files that vanish meanwhile count nothing."""
    total = 0
    stack = [str(folder)]
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def remove_tree(folder: Path) -> None:
    """Delete a tree, read-only folders included: Go marks module sources so."""
    if not folder.exists():
        return
    for parent, _, _ in os.walk(folder):
        mode = Path(parent).stat().st_mode
        if not mode & 0o200:
            Path(parent).chmod(mode | 0o700)
    shutil.rmtree(folder)
