"""Puts a built engine together: the CLI beside its language host, and the providers as installed plugins.

The engine looks for its language host and its launcher of dynamic providers beside its own file, and for providers in
PULUMI_HOME; anything found elsewhere draws a warning at every command.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from toolchain import catalog

HOST_SOURCES = Path(__file__).resolve().parent.parent / "pulumi_host"
LAUNCHER = "pulumi-language-python"
PLUGINS = {
    "pulumi-resource-kubernetes": catalog.PULUMI_KUBERNETES,
    "pulumi-resource-random": catalog.PULUMI_RANDOM,
}


def install_plugins(tools: catalog.Tools, home: Path, names: Iterable[str]) -> None:
    """Install built providers (``pulumi-resource-kubernetes`` ...) in a PULUMI_HOME."""
    for name in names:
        plugin = home / "plugins" / f"{name.removeprefix('pulumi-')}-v{PLUGINS[name]}"
        plugin.mkdir(parents=True, exist_ok=True)
        _place(tools.path(name), plugin / name)


def assemble(tools: catalog.Tools, folder: Path, *, python: Path | None = None) -> Path:
    """Make or freshen the engine's folder.

    Args:
        tools: with everything in ``catalog.PULUMI_CLI_TOOLS``.
        folder: gets ``pulumi``, its language host and its launcher of dynamic providers.
        python: the interpreter of the language host, which needs the pulumi SDK; this one when None.

    Returns:
        The folder, for PATH.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: Mapping[str, Path] = {name: tools.path(name) for name in catalog.PULUMI_CLI_TOOLS}
    for name, source in files.items():
        _place(source, folder / name)
    for source in sorted(HOST_SOURCES.glob("*.py")):
        _place(source, folder / source.name, copy=True)
    interpreter = python if python is not None else Path(sys.executable)
    # -P keeps the folder of the program that is deployed from shadowing the host's own imports.
    _write(
        folder / LAUNCHER,
        f'#!/bin/sh\nexec "{interpreter}" -P -u "$(dirname "$0")/language_host.py" "$@"\n',
    )
    return folder


def _place(source: Path, target: Path, *, copy: bool = False) -> None:
    """Put a file in its place unless it is there; a hard link, so that checkouts share the disk's blocks."""
    if target.exists() and not copy and target.samefile(source):
        return
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    if copy or not _link(source, fresh):
        shutil.copy2(source, fresh)
    if not os.access(fresh, os.X_OK):
        fresh.chmod(0o755)
    fresh.replace(target)


def _link(source: Path, target: Path) -> bool:
    """Whether a hard link could be made: the cache may lie on another file system."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _write(target: Path, text: str) -> None:
    if target.is_file() and target.read_text() == text:
        return
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.chmod(0o755)
    fresh.replace(target)
