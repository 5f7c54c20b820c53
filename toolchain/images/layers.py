"""The layers of an image: what each is made from, and how it is made when the registry lacks it.

The parts that change seldom come first, so a change of our own code is a
small last layer and not a new interpreter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from toolchain.images import python
from toolchain.images.busybox import add_applet_links
from toolchain.images.debs import DebCache, add_debs
from toolchain.images.packages import Package, debian_packages, python_packages
from toolchain.images.postgres import WHEEL, add_postgres, postgres_packages
from toolchain.images.spec import ImageSpec, Tools
from toolchain.images.tree import Tree

# Part of every hash of inputs: raise it when the way a layer is made changes.
_RECIPE = "1"
_STDLIB = "usr/lib/python3.11/"
_VIEW = "app/view"
"""Where the echo service looks by default (echo/config/model.py)."""


@dataclass(frozen=True)
class LayerPlan:
    """One layer that can be made."""

    what: str
    inputs: str
    """Hex hash of all that goes into it."""
    build: Callable[[], Tree]


class ImagePlan:
    """One image's layers, with its packages resolved."""

    def __init__(
        self,
        spec: ImageSpec,
        *,
        tools: Tools,
        cache: DebCache,
        scratch: Path,
        checkout: Path,
        view: Path | None = None,
    ) -> None:
        """Resolve packages and wheels.

        Args:
            spec: The image.
            tools: The built binaries.
            cache: Debian packages.
            scratch: A folder for files that live until the image is pushed.
            checkout: The project, with uv.lock and our packages.
            view: The built live view; None leaves it out.
        """
        self.spec = spec
        self._view_files = view
        self._tools = tools
        self._cache = cache
        self._scratch = scratch
        self._checkout = checkout
        self._debs = cache.get(spec.debs)
        self._requirements = python.requirements(checkout, spec.groups) if spec.groups else ""
        self.layers = tuple(self._layers())

    @cached_property
    def inputs(self) -> str:
        """Hex hash of everything that the image is made from."""
        return _digest([asdict(self.spec), *(layer.inputs for layer in self.layers)])

    @property
    def package_inputs(self) -> str:
        """Hex hash of what ``packages`` depends on."""
        return _digest([[asdict(deb) for deb in self._debs], self._requirements])

    def packages(self) -> list[Package]:
        """What the image contains, by package and licence."""
        found = debian_packages(self._debs, self._debian)
        if self.spec.groups:
            found += python_packages(self._site_packages)
        if self.spec.postgres:
            found += postgres_packages()
        return found

    def _layers(self) -> Iterable[LayerPlan]:
        spec = self.spec
        if self._debs:
            inputs = (
                [asdict(deb) for deb in self._debs],
                spec.debs.without,
                spec.busybox_links,
                bool(spec.groups),
                spec.accounts,
            )
            yield LayerPlan(f"{len(self._debs)} Debian packages", _digest(inputs), self._base)
        if spec.groups:
            interpreter = [asdict(deb) for deb in self._debs]
            wheels = _digest([interpreter, self._requirements])
            yield LayerPlan("Python wheels", wheels, self._wheels)
            yield LayerPlan("our packages", _digest([interpreter, _hashes(self._own_packages())]), self._own)
        if spec.view and self._view_files is not None:
            yield LayerPlan("live view", _digest(_hashes(self._view())), self._view)
        if spec.postgres:
            wheel = self._tools.path(WHEEL)
            yield LayerPlan("PostgreSQL", _digest([spec.postgres, wheel.parent.name]), self._postgres)
        if spec.binaries:
            yield LayerPlan("programs", _digest(_hashes(self._programs())), self._programs)

    @cached_property
    def _debian(self) -> Tree:
        tree = Tree()
        add_debs(tree, self._debs, self._cache, without=self.spec.debs.without)
        tree.add_merged_usr()
        add_accounts(tree, self.spec.accounts)
        return tree

    @cached_property
    def _interpreter(self) -> python.Interpreter:
        root = self._scratch / "interpreter"
        root.mkdir()
        self._debian.extract(root)
        return python.Interpreter(root)

    def _base(self) -> Tree:
        tree = Tree(dict(self._debian.entries))
        if self.spec.busybox_links:
            add_applet_links(tree)
        if self.spec.groups:
            self._interpreter.add_bytecode(tree, [_STDLIB])
        return tree

    @cached_property
    def _site_packages(self) -> Path:
        folder = self._scratch / "site-packages"
        python.install(self._requirements, folder)
        return folder

    def _wheels(self) -> Tree:
        tree = Tree()
        python.add_wheels(tree, self._site_packages)
        self._interpreter.add_bytecode(tree, ["app/"])
        return tree

    def _own_packages(self) -> Tree:
        tree = Tree()
        python.add_packages(tree, self._checkout, self.spec.packages)
        return tree

    def _own(self) -> Tree:
        tree = self._own_packages()
        self._interpreter.add_bytecode(tree, ["app/"])
        return tree

    def _view(self) -> Tree:
        tree = Tree()
        if self._view_files is not None:
            tree.add_folder(self._view_files, _VIEW)
        return tree

    def _postgres(self) -> Tree:
        tree = Tree()
        add_postgres(tree, self._tools.path(WHEEL), self.spec.postgres)
        return tree

    def _programs(self) -> Tree:
        tree = Tree()
        for binary in self.spec.binaries:
            tree.add_file(binary.path, self._tools.path(binary.tool), 0o755)
        return tree


def add_accounts(tree: Tree, more: Iterable[tuple[str, int]] = ()) -> None:
    """Put the files that name users and say where names are looked up, and a world-writable ``/tmp``."""
    named = list(more)
    users = "".join(f"{name}:x:{number}:{number}::/nonexistent:/sbin/nologin\n" for name, number in named)
    groups = "".join(f"{name}:x:{number}:\n" for name, number in named)
    tree.add_file(
        "etc/passwd",
        (
            "root:x:0:0:root:/:/sbin/nologin\n"
            f"{users}"
            "echorator:x:1001:1001::/nonexistent:/sbin/nologin\n"
            "nobody:x:65534:65534::/nonexistent:/sbin/nologin\n"
        ).encode(),
    )
    tree.add_file("etc/group", f"root:x:0:\n{groups}echorator:x:1001:\nnogroup:x:65534:\n".encode())
    tree.add_file("etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n")
    tree.add_dir("tmp", 0o1777)


def _hashes(tree: Tree) -> list[tuple[str, int, str]]:
    rows: list[tuple[str, int, str]] = []
    for path, entry in sorted(tree.entries.items()):
        if isinstance(entry.content, Path):
            with entry.content.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
        else:
            digest = hashlib.sha256(entry.content + entry.target.encode()).hexdigest()
        rows.append((path, entry.mode, digest))
    return rows


def _digest(value: object) -> str:
    text = json.dumps([_RECIPE, value], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
