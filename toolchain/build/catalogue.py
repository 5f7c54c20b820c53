"""What can be built, and under which key each result is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from toolchain import catalog
from toolchain.build import go, wheels
from toolchain.build.kinds import DebianPackage, GoModule, PyPIFile
from toolchain.build.store import Key


@dataclass(frozen=True)
class Catalogue:
    """The project's catalogue by default; tests bring a small one."""

    modules: Sequence[GoModule] = catalog.GO_MODULES
    packages: Sequence[DebianPackage] = catalog.DEBIAN_PACKAGES
    files: Sequence[PyPIFile] = catalog.PYPI_FILES
    sources: Path = go.MODULES

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name, in building order."""
        built = (tool.name for module in self.modules for tool in module.tools)
        return (catalog.DEBS, *(file.name for file in self.files), *built)

    def ordered(self, wanted: Iterable[str]) -> list[str]:
        """The names in building order, each once.

        Raises:
            UnknownToolError: lists all that are unknown, and the legal ones.
        """
        asked = set(wanted)
        unknown = sorted(asked - set(self.names))
        if unknown:
            raise catalog.UnknownToolError(f"unknown tool {', '.join(unknown)}; legal are: {', '.join(self.names)}")
        return [name for name in self.names if name in asked]

    def needs(self, names: Iterable[str]) -> list[str]:
        """What has to be there before these can be built."""
        asked = set(names)
        modules = (module for module in self.modules if any(tool.name in asked for tool in module.tools))
        return self.ordered(need for module in modules for need in module.needs)

    def key(self, name: str) -> Key:
        """Where a program's or a file's result is kept."""
        for file in self.files:
            if file.name == name:
                return wheels.key(file)
        for module in self.modules:
            for tool in module.tools:
                if tool.name == name:
                    return Key(name, tool.version, self._recipes[module.name])
        raise catalog.UnknownToolError(f"no program or file {name!r}")

    def file(self, name: str) -> str:
        """The tool's file below its folder."""
        return next((file.file for file in self.files if file.name == name), name)

    @cached_property
    def _recipes(self) -> dict[str, str]:
        pins = {file.name: file.sha256 for file in self.files}
        return {
            module.name: go.recipe(self.sources, module, [f"{need} {pins.get(need, '')}" for need in module.needs])
            for module in self.modules
        }
