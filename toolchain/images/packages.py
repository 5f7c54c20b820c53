"""What an image contains, by package, version and licence: the record that ``docs/licences`` is made from."""

from __future__ import annotations

import email.parser
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toolchain.images.debs import Deb
from toolchain.images.tree import Tree

_LICENCE = re.compile(r"^License:[ \t]*(\S[^\n]*)$", re.MULTILINE)
_UNSTATED = "see copyright file"


@dataclass(frozen=True)
class Package:
    """One package in an image."""

    source: str
    """``debian`` or ``python``."""
    name: str
    version: str
    licence: str
    """As the package states it; Debian's short names are joined by commas."""


def debian_packages(debs: Iterable[Deb], tree: Tree) -> list[Package]:
    """The Debian packages with the licences of their machine-readable copyright files."""
    return [Package("debian", deb.package, deb.version, debian_licence(_copyright(deb, tree))) for deb in debs]


def debian_licence(text: str) -> str:
    """The licences a copyright file names, sorted; ``see copyright file`` if it has no such fields."""
    # Only the machine-readable kind starts so; elsewhere "License:" begins a sentence.
    if not text.lstrip().startswith("Format:"):
        return _UNSTATED
    names = {match.strip().rstrip(".") for match in _LICENCE.findall(text)}
    return ", ".join(sorted(names)) if names else _UNSTATED


def _copyright(deb: Deb, tree: Tree) -> str:
    path = f"usr/share/doc/{deb.package}"
    folder = tree.entries.get(path)
    if folder is not None and folder.kind == "link":
        # Packages of one source often share one folder.
        path = f"usr/share/doc/{folder.target}"
    entry = tree.entries.get(f"{path}/copyright")
    if entry is None or not isinstance(entry.content, bytes):
        return ""
    return entry.content.decode(errors="replace")


def python_packages(site_packages: Path) -> list[Package]:
    """The wheels in a folder, with the licences of their metadata."""
    found: list[Package] = []
    for file in sorted(site_packages.glob("*.dist-info/METADATA")):
        headers = email.parser.Parser().parsestr(file.read_text(encoding="utf-8"), headersonly=True)
        classified = [
            value.rpartition(" :: ")[2] for value in headers.get_all("Classifier", []) if value.startswith("License ::")
        ]
        licence = headers.get("License-Expression") or ", ".join(classified) or headers.get("License")
        first_line = (licence or _UNSTATED).strip().splitlines()[0]
        found.append(Package("python", headers["Name"], headers["Version"], first_line))
    return found
