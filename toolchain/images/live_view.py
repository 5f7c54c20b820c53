"""The live view built from its sources, kept by their content: what did not change is not built again."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

from components.versions import VIEW, view_sources

_OLDEST_NODE = (20, 19)
_LIMIT_S = 540.0
_KEPT_S = 14 * 86_400.0
# Raise it when the way it is built changes.
_RECIPE = b"1"
_MODULES = ("package.json", "package-lock.json")
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


class NoViewError(Exception):
    """The view cannot be built here; says why. Everything else works without it."""


def built(checkout: Path, cache: Path, progress: Callable[[str], None]) -> Path:
    """The folder of the built files.

    Args:
        checkout: the project.
        cache: keeps what was built, and the packages that it takes.
        progress: told what is done.

    Raises:
        NoViewError: there is no Node.js of this age, its packages cannot be had, or the sources do not build.
    """
    place = cache / f"built-{_digest(view_sources(checkout), checkout)}"
    if not place.is_dir():
        with _workspace(checkout, cache, progress) as (node, work):
            # Another checkout may have been faster.
            if not place.is_dir():
                progress("building its live view")
                _run([node, "node_modules/vite/bin/vite.js", "build", "--logLevel=warn"], work)
                (work / "dist").rename(place)
            _forget_old(cache)
    os.utime(place)
    return place


def check_types(checkout: Path, cache: Path, progress: Callable[[str], None]) -> None:
    """Have the compiler check the sources, as strictly as their `tsconfig.json` says.

    Raises:
        NoViewError: as `built` does, or a type is wrong; says which.
    """
    with _workspace(checkout, cache, progress) as (node, work):
        _run([node, "node_modules/typescript/bin/tsc", "--noEmit"], work)


@contextmanager
def _workspace(checkout: Path, cache: Path, progress: Callable[[str], None]) -> Generator[tuple[str, Path]]:
    """The program node, and a folder with the sources and their packages, under a lock of the cache."""
    node, npm = _programs()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        modules = _modules(checkout, cache, npm, progress)
        os.utime(modules)
        with tempfile.TemporaryDirectory(prefix="building-", dir=cache) as scratch:
            work = Path(scratch)
            for path in view_sources(checkout):
                target = work / path.relative_to(checkout / VIEW)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            (work / "node_modules").symlink_to(modules / "node_modules")
            yield node, work


def _forget_old(cache: Path) -> None:
    """Delete what no run has used for two weeks, and what a killed one left."""
    for path in cache.iterdir():
        if path.is_dir() and time.time() - path.stat().st_mtime > _KEPT_S:
            shutil.rmtree(path, ignore_errors=True)


def _modules(checkout: Path, cache: Path, npm: str, progress: Callable[[str], None]) -> Path:
    """The folder with the locked packages of npm."""
    files = [checkout / VIEW / name for name in _MODULES]
    place = cache / f"packages-{_digest(files, checkout)}"
    if not place.is_dir():
        progress("fetching the packages of its live view")
        with tempfile.TemporaryDirectory(prefix="fetching-", dir=cache) as scratch:
            for path in files:
                shutil.copyfile(path, Path(scratch) / path.name)
            _run([npm, *_INSTALL], Path(scratch))
            Path(scratch).rename(place)
            # The context's end removes a folder of this name.
            Path(scratch).mkdir()
    return place


def _digest(files: Iterable[Path], checkout: Path) -> str:
    digest = hashlib.sha256(_RECIPE)
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(checkout).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _programs() -> tuple[str, str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    wanted = ".".join(str(part) for part in _OLDEST_NODE)
    if node is None or npm is None:
        raise NoViewError(f"it needs node and npm {wanted} or newer on PATH")
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    match = re.match(r"v(\d+)\.(\d+)\.", done.stdout)
    if match is None or (int(match[1]), int(match[2])) < _OLDEST_NODE:
        raise NoViewError(
            f"it needs Node.js {wanted} or newer; {node} is {done.stdout.strip() or 'of no known version'}"
        )
    return node, npm


def _run(command: Sequence[str], folder: Path) -> None:
    environment = {**os.environ, "CI": "1", "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise NoViewError(f"{Path(command[0]).name} did not end within {_LIMIT_S:.0f} s") from error
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise NoViewError(f"`{' '.join(Path(word).name for word in command[:2])}` failed:\n{tail}")
