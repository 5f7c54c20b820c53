"""The Python parts of our own image: locked wheels, our packages, and byte code made by the image's interpreter."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.versions import runtime_sources
from toolchain.images.errors import ImageError, run
from toolchain.images.tree import Tree

SITE_PACKAGES = "app/site-packages"
_EXPORT = ("--quiet", "--frozen", "--no-header", "--no-annotate", "--no-emit-project")
_PLATFORM = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28")
_HASHED = ("--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy")
_COMPILE = ("-S", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash")
# Console scripts name the interpreter that uv ran under; RECORD lists them.
_UNWANTED = ("*/site-packages/bin/*", "*/site-packages/.lock", "*.dist-info/RECORD", "*.dist-info/REQUESTED")


def requirements(checkout: Path, groups: Sequence[str]) -> str:
    """The locked wheels of dependency groups, each with its hashes, as requirements.txt.

    Raises:
        ImageError: There is no uv, no lock file, or no such group.
    """
    chosen = [word for group in groups for word in ("--only-group", group)]
    return run(
        [_uv(), "export", *_EXPORT, *chosen, "--directory", checkout],
        what=f"Python wheels (dependency groups {', '.join(groups)} in uv.lock)",
    )


def install(locked: str, folder: Path) -> None:
    """Fetch the locked wheels for the image's Python 3.11 and unpack them into a folder.

    Raises:
        ImageError: A wheel cannot be had for this Python and platform, or its hash differs.
    """
    with tempfile.TemporaryDirectory(prefix="wheels-", dir=folder.parent) as scratch:
        listed = Path(scratch) / "requirements.txt"
        listed.write_text(locked)
        # Apart from the checkout, whose overrides of versions would count here too, instead of the lock.
        places = ("--directory", scratch, "--target", folder.resolve(), "--requirement", listed)
        run([_uv(), "pip", "install", *_HASHED, *_PLATFORM, *places], what="Python wheels")


def add_wheels(tree: Tree, site_packages: Path) -> None:
    """Put installed wheels at ``/app/site-packages``, without the parts that no import needs."""
    tree.add_folder(site_packages, SITE_PACKAGES, without=(*_UNWANTED, "*/__pycache__/*"))


def add_packages(tree: Tree, checkout: Path, packages: Sequence[str]) -> None:
    """Put our own packages at ``/app``: exactly the files that the image's tag is a hash of.

    Raises:
        ImageError: The checkout lacks one of them.
    """
    modules = [path for path in runtime_sources(checkout, packages) if path.suffix != ".lock"]
    present = {path.relative_to(checkout).parts[0] for path in modules}
    lacking = [name for name in packages if name not in present]
    if lacking:
        raise ImageError(f"the image needs the package {', '.join(lacking)} of the checkout {checkout}")
    for path in modules:
        tree.add_file(f"app/{path.relative_to(checkout).as_posix()}", path)


@dataclass(frozen=True)
class Interpreter:
    """The image's own Python, unpacked; it runs on any amd64 kernel by its own loader."""

    root: Path

    def add_bytecode(self, tree: Tree, prefixes: Sequence[str]) -> None:
        """Compile every module under the prefixes (paths in the image) and put the result beside it.

        ``unchecked-hash`` files hold no times and are never compared with
        their sources, which in an image do not change. One process, a fixed
        hash seed and sorted names make the bytes the same in every build.

        Raises:
            ImageError: A module does not compile, or the interpreter does not run here.
        """
        with tempfile.TemporaryDirectory(prefix="bytecode-", dir=self.root.parent) as scratch:
            work = Path(scratch)
            sources = Tree(
                {
                    path: entry
                    for path, entry in tree.entries.items()
                    if path.endswith(".py") and entry.kind == "file" and path.startswith(tuple(prefixes))
                }
            )
            sources.extract(work)
            library = self.root / "usr/lib/x86_64-linux-gnu"
            loader = (library / "ld-linux-x86-64.so.2", "--library-path", library)
            run(
                [*loader, self.root / "usr/bin/python3.11", *_COMPILE, "-s", work, "-p", "/", work],
                what="byte code",
                env={"PYTHONHOME": str(self.root / "usr"), "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
            )
            for compiled in sorted(work.rglob("*.pyc")):
                tree.add_file(compiled.relative_to(work).as_posix(), compiled.read_bytes())


def _uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    if beside.is_file() and os.access(beside, os.X_OK):
        return str(beside)
    found = shutil.which("uv")
    if found is None:
        raise ImageError(f"uv is neither on PATH nor beside {sys.executable}; install it with `pip install uv`")
    return found
