"""What a build needs from the machine, looked at before it starts: every fault at once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from toolchain.build import go, wheels
from toolchain.build.failures import BuildError, Cause
from toolchain.build.kinds import GoModule, PyPIFile

_GB = 10**9
_KEPT_GB = 2.0
"""What the finished tools take."""
_MEMORY_GB = 2.5
"""Linking kube-apiserver takes 1.6 GB, beside one compiler."""
_GO_DIRECTIVE = re.compile(r"^go (\d+)\.(\d+)", re.MULTILINE)
_GO_VERSION = re.compile(r"go(\d+)\.(\d+)")


def check(
    cache: Path,
    modules: Sequence[GoModule],
    *,
    debs: bool = False,
    files: Sequence[PyPIFile] = (),
    sources: Path = go.MODULES,
) -> None:
    """Refuse what cannot end well.

    Args:
        cache: folder that everything is built in.
        modules: Go modules to build.
        debs: whether Debian packages are needed.
        files: files of the Python registry to download.
        sources: folder of our Go modules.

    Raises:
        BuildError: lists every fault with its fix.
    """
    faults = [*_writable(cache), *_disk(cache, modules)]
    if modules:
        faults += [*_go(modules, sources), *_memory()]
    if any(module.cgo for module in modules):
        faults += _programs(("gcc", "g++"), "Ollama's C++ parts", "install Debian's g++")
    if debs:
        faults += _programs(("apt-get", "dpkg-deb"), "the Debian packages", "use a Debian or Ubuntu machine")
    if files and wheels.downloader() is None:
        faults.append("neither pip nor uv is there, needed for the models: install uv, or Debian's python3-pip")
    if faults:
        what = "This machine cannot build the tools yet:\n" + "\n".join(f"  - {fault}" for fault in faults)
        raise BuildError(what, cause=Cause(f"{len(faults)} thing(s) above", "mend them and run it again"))


def _writable(cache: Path) -> Iterable[str]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        yield f"the cache folder {cache} cannot be made ({error.strerror}): name another one with ECHORATOR_CACHE"
        return
    if not os.access(cache, os.W_OK):
        yield f"the cache folder {cache} cannot be written: name another one with ECHORATOR_CACHE"


def _disk(cache: Path, modules: Sequence[GoModule]) -> Iterable[str]:
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(there).free / _GB
    needed = _KEPT_GB + sum(module.disk_gb for module in modules) if modules else 0.5
    if free < needed:
        yield (
            f"{there} has {free:.1f} GB free, {needed:.1f} GB are needed while building: free some, or put the cache "
            "on another disk with ECHORATOR_CACHE"
        )


def _go(modules: Sequence[GoModule], sources: Path) -> Iterable[str]:
    wanted = max(_directive(sources / module.name / "go.mod") for module in modules)
    text = f"{wanted[0]}.{wanted[1]}"
    program = shutil.which("go")
    if program is None:
        yield f"Go is not on PATH: install Go {text} or newer"
        return
    env = os.environ | {"GOTOOLCHAIN": "local"}
    answer = subprocess.run(
        [program, "env", "GOVERSION"], capture_output=True, text=True, timeout=60, check=False, env=env
    )
    found = _GO_VERSION.search(answer.stdout)
    if found is None:
        yield f"{program} does not say its version ({(answer.stderr or answer.stdout).strip()}): reinstall Go"
    elif (int(found[1]), int(found[2])) < wanted:
        yield f"{program} is Go {found[1]}.{found[2]}: install Go {text} or newer"


def _directive(file: Path) -> tuple[int, int]:
    found = _GO_DIRECTIVE.search(file.read_text())
    if found is None:
        raise BuildError(f"{file} has no go directive", cause=Cause("a damaged checkout", "restore it from git"))
    return int(found[1]), int(found[2])


def _memory() -> Iterable[str]:
    table = Path("/proc/meminfo")
    if not table.exists():
        return
    found = re.search(r"^MemAvailable:\s+(\d+) kB", table.read_text(), re.MULTILINE)
    if found is not None and int(found[1]) * 1024 < _MEMORY_GB * _GB:
        yield (
            f"{int(found[1]) * 1024 / _GB:.1f} GB of memory are free, building needs {_MEMORY_GB} GB: "
            "stop other programs or add swap"
        )


def _programs(names: Sequence[str], what: str, fix: str) -> Iterable[str]:
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        yield f"{' and '.join(missing)} not on PATH, needed for {what}: {fix}"
