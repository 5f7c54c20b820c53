"""Go modules to programs, in caches of our own and from committed lockfiles."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from toolchain.build.caches import BuildCaches
from toolchain.build.failures import BuildError, Cause, explain
from toolchain.build.kinds import GoModule, GoProgram, ModuleFile, ModuleFiles, Underlay
from toolchain.build.process import Runner
from toolchain.build.progress import Reporter

MODULES = Path(__file__).resolve().parent.parent / "go"

_LINK = ("-s", "-w")
# The debug information is dropped by -s -w, so it need not be made either.
_COMPILE = ("-dwarf=false",)
_GOFLAGS = "-trimpath -buildvcs=false -mod=readonly -modcacherw"
# Where to download from is the user's to say; all that changes what is built is not.
_KEPT_SETTINGS = (
    "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOINSECURE", "GOAUTH", "GOROOT", "GOENV",
)  # fmt: skip
_LISTING = '{{.Standard}} {{.ImportPath}} {{with .Error}}{{printf "%q" .Err}}{{end}}'
_MAJOR = re.compile(r"v[0-9]+")
_SOURCES = ("go.mod", "go.sum", "*.go")


@dataclass(frozen=True)
class Fetched:
    """What a module's programs are compiled from."""

    standard: frozenset[str]
    others: frozenset[str]
    """Import paths outside Go's library."""


@dataclass
class GoBuilder:
    """Downloads and builds modules. One builder a run: it remembers which of Go's own packages are compiled."""

    caches: BuildCaches
    logs: Path
    runner: Runner
    reporter: Reporter
    modules: Path = MODULES
    includes: Callable[[], Sequence[Path]] = tuple
    """Header folders for C and C++, asked for when a module needs them."""
    _compiled: set[tuple[bool, str]] = field(default_factory=set[tuple[bool, str]])

    def fetch(self, module: GoModule, programs: Sequence[GoProgram]) -> Fetched:
        """Download what the programs need, and nothing else of the module graph.

        Raises:
            BuildError: no network, or a lockfile that lacks something.
        """
        if not programs:
            # Files alone: each is taken out of its own module, whose dependencies nobody needs.
            return Fetched(frozenset(), frozenset())
        what = f"Downloading the sources of {module.title}"
        log = self._log(module, "fetch")
        listing = self._work(module) / ".packages"
        with self.reporter.step(what, key=f"fetch {module.name}", unit="modules") as step:

            def heard(line: str) -> None:
                if line.startswith("go: downloading "):
                    step.advance()
                    step.detail(line.removeprefix("go: downloading "))

            for underlay in module.underlays:
                self._lay_under(module, underlay)
            # -e: the package that embeds a provider's schema has none of it yet.
            command = [
                "go",
                "list",
                "-e",
                "-deps",
                "-f",
                '{{.Standard}} {{.ImportPath}} {{with .Error}}{{printf "%q" .Err}}{{end}}',
            ]
            command += [program.package for program in programs]
            self._run(module, command, what=what, log=log, stdout=listing, on_line=heard)
            for schema in module.schemas:
                self._write_schema(module, schema.module, schema.path, schema.version, schema.target)
        rows = [line.split(" ", 2) for line in listing.read_text().splitlines()]
        targets = {schema.target for schema in module.schemas}
        bad = [row[2] for row in rows if row[2].strip() and not any(Path(t).name in row[2] for t in targets)]
        if bad:
            raise BuildError(f"{what} failed", log=log, tail=bad[:15], cause=explain("\n".join(bad)))
        return Fetched(
            frozenset(row[1] for row in rows if row[0] == "true"),
            frozenset(row[1] for row in rows if row[0] == "false"),
        )

    def build(self, module: GoModule, programs: Sequence[GoProgram], fetched: Fetched, out: Path) -> dict[str, Path]:
        """Compile and link the programs into ``out``; returns name to file.

        All in one call, so that one program links while another compiles.

        Raises:
            BuildError: it does not compile.
        """
        fresh = {(module.cgo, name) for name in fetched.standard} - self._compiled
        total = len(fetched.others) + len(fresh)
        what = f"Building {module.title}"
        with self.reporter.step(what, key=f"build {module.name} {len(programs)}", total=total, unit="packages") as step:

            def heard(line: str) -> None:
                if _is_package(line):
                    step.advance()
                    step.detail(line)

            command = ["go", "build", "-v", "-o", f"{out}/", "-gcflags", f"all={' '.join(_COMPILE)}"]
            command += ["-ldflags", " ".join((*_LINK, *_variables(module.variables)))]
            for program in programs:
                if program.variables:
                    # The last flags whose package matches are those that count.
                    command += ["-ldflags", f"{program.package}={' '.join((*_LINK, *_variables(program.variables)))}"]
            command += [program.package for program in programs]
            self._run(module, command, what=what, log=self._log(module, "build"), on_line=heard)
        self._compiled |= fresh
        return {program.name: out / executable(program.package, module.name) for program in programs}

    def copy_file(self, module: GoModule, file: ModuleFile | ModuleFiles, target: Path) -> None:
        """Take a file out of a module that the build uses, or several as one.

        Raises:
            BuildError: the module lacks it, or has no file that a glob matches.
        """
        if isinstance(file, ModuleFile):
            shutil.copyfile(self._folder(module, file.module) / file.path, target)
            target.chmod(0o755)
            return
        with self.reporter.step(f"Fetching {file.name}", key=f"fetch {file.name}"):
            folder = self._folder(module, file.module)
            target.write_bytes(joined(folder, file))

    def recipe(self, module: GoModule, inputs: Sequence[str] = ()) -> str:
        """Eight hex digits of all that a module's programs depend on, other tools' keys (``inputs``) included."""
        return recipe(self.modules, module, inputs)

    def _folder(self, module: GoModule, source: str) -> Path:
        listing = self._work(module) / ".folder"
        # `go list -m` names no folder for a module that is not downloaded yet; `go mod download` downloads it.
        self._run(
            module,
            ["go", "mod", "download", "-json", source],
            what=f"Downloading {source}",
            log=self._log(module, "fetch"),
            stdout=listing,
        )
        return Path(str(json.loads(listing.read_text())["Dir"]))

    def _lay_under(self, module: GoModule, underlay: Underlay) -> None:
        target = self._work(module) / underlay.folder
        target.mkdir(parents=True, exist_ok=True)
        # go.mod names the folder, so Go wants a module there before it downloads anything.
        (target / "go.mod").write_text(f"module {underlay.module.partition('@')[0]}\n")
        lay_under(self._folder(module, underlay.module), target)

    def _write_schema(self, module: GoModule, source: str, path: str, version: str, target: str) -> None:
        schema = json.loads((self._folder(module, source) / path).read_text())
        schema["version"] = version
        (self._work(module) / target).write_text(json.dumps(schema))

    def _work(self, module: GoModule) -> Path:
        """This process's copy of the module's folder, made at first use."""
        work = self.caches.sources / f"{module.name}-{os.getpid()}"
        if not work.exists():
            for file in sources(self.modules / module.name):
                copy = work / file.relative_to(self.modules / module.name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
        return work

    def _log(self, module: GoModule, part: str) -> Path:
        return self.logs / f"{module.name}-{part}.log"

    def _run(
        self,
        module: GoModule,
        command: Sequence[str],
        *,
        what: str,
        log: Path,
        stdout: Path | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        includes = self.includes() if module.cgo and command[1] == "build" else ()
        self.runner.run(
            command,
            what=what,
            log=log,
            cwd=self._work(module),
            env=environment(self.caches, cgo=module.cgo, includes=includes),
            stdout=stdout,
            on_line=on_line if on_line is not None else _ignore,
        )


def environment(caches: BuildCaches, *, cgo: bool, includes: Sequence[Path] = ()) -> dict[str, str]:
    """The environment of a build: the user's, less all that would change the result."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT_SETTINGS or not name.startswith(("GO", "CGO_"))
    }
    env |= {
        "GOCACHE": str(caches.compiled),
        "GOMODCACHE": str(caches.modules),
        "GOTMPDIR": str(caches.temporary),
        "GOFLAGS": _GOFLAGS,
        # Without this a go.mod that asks for more would download another compiler.
        "GOTOOLCHAIN": "local",
        # A go.work above the cache would bring other modules in.
        "GOWORK": "off",
        "CGO_ENABLED": "1" if cgo else "0",
    }
    if cgo:
        # Go's default adds -g, whose output -s -w throws away again.
        env |= {"CGO_CFLAGS": "-O2", "CGO_CXXFLAGS": "-O2"}
        env["CGO_CPPFLAGS"] = " ".join(f"-I{folder}" for folder in includes)
    return env


def recipe(modules: Path, module: GoModule, inputs: Sequence[str] = ()) -> str:
    """Eight hex digits of all that a module's programs depend on: flags, lockfiles, our sources, platform, inputs."""
    folder = modules / module.name
    facts: dict[str, object] = {
        "flags": [_GOFLAGS, *_LINK, *_COMPILE],
        "variables": dict(module.variables),
        "cgo": module.cgo,
        "packages": [(p.name, p.package, p.version) for p in module.programs],
        "files": [(f.name, f.module, f.path if isinstance(f, ModuleFile) else f.globs) for f in module.files],
        "schemas": [(s.module, s.path, s.version, s.target) for s in module.schemas],
        "platform": [platform.system(), platform.machine()],
        "inputs": list(inputs),
        "sources": {
            str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sources(folder)
        },
    }
    # Left out where there are none: a new key would make every tool's recipe another one.
    if module.underlays:
        facts["underlays"] = [(u.module, u.folder) for u in module.underlays]
    if any(program.variables for program in module.programs):
        facts["own variables"] = [dict(program.variables) for program in module.programs]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]


def sources(folder: Path) -> list[Path]:
    """The files of a module's folder that are built from."""
    return sorted(file for pattern in _SOURCES for file in folder.rglob(pattern))


def lay_under(source: Path, target: Path) -> None:
    """Copy a module's files to where none of ours is; its ``go.mod`` in any case.

    Raises:
        BuildError: a file of ours stands in for none, so the module is laid out in another way than it was.
    """
    ours = {file.relative_to(target) for file in target.rglob("*") if file.is_file()} - {Path("go.mod")}
    stray = sorted(str(file) for file in ours if not (source / file).is_file())
    if stray:
        raise BuildError(
            f"{source.name} has no file {' and none '.join(stray)}",
            cause=Cause("this version keeps them elsewhere", "move ours below toolchain/go"),
        )
    for file in source.rglob("*"):
        if file.is_file() and file.relative_to(source) not in ours:
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


def joined(folder: Path, files: ModuleFiles) -> bytes:
    """The module's files that the globs match, in order, as one YAML stream.

    Raises:
        BuildError: a glob matches nothing, so the module is laid out in another way than it was.
    """
    found = {glob: sorted(folder.glob(glob)) for glob in files.globs}
    empty = [glob for glob, matched in found.items() if not matched]
    if empty:
        raise BuildError(
            f"{files.source} has no file {' and none '.join(empty)}",
            cause=Cause("this version keeps them elsewhere", "name their place in toolchain/catalog.py"),
        )
    paths = dict.fromkeys(path for matched in found.values() for path in matched)
    # Some files begin with the mark and some end without a line's end; an empty document between two does no harm.
    return b"\n---\n".join(path.read_bytes().strip() for path in paths) + b"\n"


def executable(package: str, module: str) -> str:
    """The name that ``go build -o folder/`` gives a package's program."""
    if package == ".":
        return module
    last, *before = reversed(package.split("/"))
    return before[0] if _MAJOR.fullmatch(last) and before else last


def _variables(values: Mapping[str, str]) -> list[str]:
    return [f"-X {name}={value}" for name, value in sorted(values.items())]


def _is_package(line: str) -> bool:
    # `go build -v` prints bare import paths; compilers' warnings and "# package" headings have spaces.
    return bool(line) and " " not in line and not line.startswith(("#", "/", "."))


def _ignore(_line: str) -> None:
    return
