"""Writes the tables of ``docs/licences.md`` anew: ``python -m toolchain.licences``.

Tools come from the catalogue, Python packages from ``uv.lock`` and the metadata of those installed. What is in the
images is known once they are built; without that record the table stays as it is.
"""

from __future__ import annotations

import json
import re
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from toolchain import catalog, paths
from toolchain.images.packages import Package, python_packages

PAGE = paths.CHECKOUT / "docs" / "licences.md"
LOCK = paths.CHECKOUT / "uv.lock"
NPM_LOCK = paths.CHECKOUT / "view" / "package-lock.json"
_PROJECT = "echorator"
_USES = {"program": "program and toolchain", "runtime": "runtime image", "echo": "echo image"}


def section(text: str, name: str, content: str | None = None) -> str:
    """The text with what stands between ``<!-- name -->`` and ``<!-- /name -->`` replaced; that alone for None.

    Raises:
        ValueError: the text lacks the marks.
    """
    found = re.search(rf"(?<=<!-- {name} -->\n)(.*?)(?=<!-- /{name} -->)", text, re.DOTALL)
    if found is None:
        raise ValueError(f"there is no section {name!r}: it stands between <!-- {name} --> and <!-- /{name} -->")
    return found[1] if content is None else text[: found.start()] + content + text[found.end() :]


def normal(name: str) -> str:
    """A Python package's name as lock files spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked_uses(lock: Mapping[str, Any]) -> dict[str, str]:
    """Locked package to what needs it, directly or not; ``development`` for the rest."""
    entries: list[dict[str, Any]] = lock["package"]
    needs = {str(one["name"]): [str(need["name"]) for need in one.get("dependencies", [])] for one in entries}
    project = next(one for one in entries if one["name"] == _PROJECT)
    groups: dict[str, list[dict[str, Any]]] = project.get("dev-dependencies", {})
    roots = {"program": needs[_PROJECT], "runtime": _named(groups.get("runtime", [])), "echo": []}
    roots["echo"] = roots["runtime"] + _named(groups["echo"]) if "echo" in groups else []
    reached = {use: _closure(names, needs) for use, names in roots.items()}
    return {
        name: ", ".join(_USES[use] for use in _USES if name in reached[use]) or "development"
        for name in sorted(needs)
        if name != _PROJECT
    }


def _named(needs: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(need["name"]) for need in needs]


def _closure(names: Iterable[str], needs: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += needs.get(name, ())
    return found


def python_table(lock: Path = LOCK, site_packages: Path | None = None) -> str:
    """The locked packages that are installed here; others are for other platforms."""
    folder = site_packages if site_packages is not None else Path(sysconfig.get_paths()["purelib"])
    uses = locked_uses(tomllib.loads(lock.read_text(encoding="utf-8")))
    installed = {normal(package.name): package for package in python_packages(folder)}
    rows = [
        (name, installed[name].version, use, installed[name].licence) for name, use in uses.items() if name in installed
    ]
    return _table(("Package", "Version", "Used in", "Licence"), rows)


def npm_table(lock: Path = NPM_LOCK) -> str:
    """The locked packages of the live view; what is for another platform only is left out."""
    entries: dict[str, dict[str, Any]] = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    rows = [
        (
            path.removeprefix("node_modules/"),
            str(one["version"]),
            "building the live view" if one.get("dev") else "live view",
            str(one["license"]),
        )
        for path, one in sorted(entries.items())
        if path and not one.get("optional")
    ]
    return _table(("Package", "Version", "Used in", "Licence"), rows)


def image_table(records: Path) -> str | None:
    """The Debian packages in the images that were built here, or None where none was."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for file in sorted(records.glob("*.json")):
        for fields in cast("list[dict[str, str]]", json.loads(file.read_text())["packages"]):
            package = Package(**fields)
            if package.source == "debian":
                found.setdefault((package.name, package.version, package.licence), []).append(file.stem)
    rows = [(name, version, ", ".join(images), licence) for (name, version, licence), images in sorted(found.items())]
    return _table(("Package", "Version", "In the images of", "Licence"), rows) if rows else None


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def main() -> int:
    """Write the page; returns the exit code."""
    text = section(PAGE.read_text(encoding="utf-8"), "tools", catalog.as_markdown())
    text = section(text, "python", python_table())
    text = section(text, "npm", npm_table())
    images = image_table(paths.cache_dir() / "images" / "packages")
    PAGE.write_text(text if images is None else section(text, "images", images), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
