"""Brings the tools that are asked for: what is there is used, the rest is built in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from toolchain import catalog, paths
from toolchain.build import preflight, progress, wheels
from toolchain.build.caches import PEAK_BYTES, BuildCaches, Session, size
from toolchain.build.catalogue import Catalogue
from toolchain.build.debs import DebianPrefix
from toolchain.build.failures import BuildCancelledError, BuildError, explain
from toolchain.build.go import Fetched, GoBuilder
from toolchain.build.kinds import GoModule, GoProgram, PyPIFile
from toolchain.build.lock import exclusive
from toolchain.build.process import Runner
from toolchain.build.progress import Reporter
from toolchain.build.store import Manifest, Store


class Builder:
    """Builds tools in the background, each kind in its own thread.

        with Builder() as builder:
            builder.start((*LOCAL_CLUSTER_TOOLS, *PULUMI_TOOLS))
            node = builder.wait_for(NODE_TOOLS)      # the cluster can start now
            ...
            everything = builder.wait_for(PULUMI_TOOLS)

    Leaving the block by an exception (Ctrl-C too) stops the builds; leaving it normally waits for them and raises
    what failed. Finished tools stay in any case, and Go's caches stay until all that was asked for is there.

    Args:
        cache: root of the cache; the user's when None.
        reporter: where progress is shown; the process's one when None.
        catalogue: what can be built; the project's when None.
        provided: tools that the machine brings, by name: they are used as they are.
        on_ready: called with each tool's name as soon as it is there, from the thread that finished it.
    """

    def __init__(
        self,
        cache: Path | None = None,
        *,
        reporter: Reporter | None = None,
        catalogue: Catalogue | None = None,
        provided: Mapping[str, Path] | None = None,
        on_ready: Callable[[str], None] | None = None,
    ) -> None:
        self._cache = cache if cache is not None else paths.cache_dir()
        self._catalogue = catalogue if catalogue is not None else Catalogue()
        self._provided = dict(provided) if provided is not None else {}
        self._on_ready = on_ready
        self._reporter = reporter if reporter is not None else progress.reporter()
        self._runner = Runner()
        self._store = Store(self._cache / "tools")
        self._caches = BuildCaches(self._cache / "build")
        self._logs = self._cache / "logs"
        self._session: Session | None = None
        self._futures: dict[str, Future[Path]] = {}
        self._threads: list[threading.Thread] = []
        self._fetching = threading.Lock()
        self._go = GoBuilder(
            self._caches, self._logs, self._runner, self._reporter, self._catalogue.sources, self._includes
        )
        self._debs = DebianPrefix(
            self._catalogue.packages, self._store, self._caches, self._runner, self._reporter, self._logs
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.cancel()
            self._close()
            return
        try:
            for future in self._futures.values():
                future.result()
        except BaseException:
            self.cancel()
            raise
        finally:
            self._close()

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are not there yet, in building order.

        Raises:
            UnknownToolError: names that the catalogue lacks.
        """
        return [name for name in self._catalogue.ordered(names) if self._find(name) is None]

    def start(self, names: Iterable[str]) -> None:
        """Begin to bring the tools; call it once.

        Raises:
            BuildError: all that the machine lacks for it, before any work.
            UnknownToolError: names that the catalogue lacks.
        """
        if self._futures:
            raise BuildError("a builder starts once: name all tools in one call")
        wanted = self._catalogue.ordered(names)
        there = {name: self._find(name) for name in wanted}
        todo = [name for name, path in there.items() if path is None]
        needs = [name for name in self._catalogue.needs(todo) if name not in there]
        there |= {name: self._find(name) for name in needs}
        todo = self._catalogue.ordered(name for name, path in there.items() if path is None)
        modules = [module for module in self._catalogue.modules if _names(module, todo)]
        files = [file for file in self._catalogue.files if file.name in todo]
        preflight.check(self._cache, modules, debs=catalog.DEBS in todo, files=files, sources=self._catalogue.sources)
        self._futures = {name: Future[Path]() for name in there}
        if not todo:
            self._clean()
        else:
            self._session = self._caches.open()
            self._begin(todo, modules, files)
        for name, path in there.items():
            if path is not None:
                self._finish(name, path)

    def wait_for(self, names: Iterable[str]) -> catalog.Tools:
        """Wait until the tools are there.

        Raises:
            BuildError: one of them failed, with its cause and fix.
            UnknownToolError: one was not named to :meth:`start`.
        """
        wanted = self._catalogue.ordered(names)
        stray = [name for name in wanted if name not in self._futures]
        if stray:
            raise catalog.UnknownToolError(f"not asked for at the start: {', '.join(stray)}")
        found = {name: self._futures[name].result() for name in wanted}
        return catalog.Tools(
            {name: path for name, path in found.items() if name != catalog.DEBS}, found.get(catalog.DEBS)
        )

    def ready(self, name: str) -> bool:
        """Whether a tool that was asked for is there."""
        future = self._futures[name]
        return future.done() and future.exception() is None

    def cancel(self) -> None:
        """Stop what runs."""
        self._runner.cancel()

    def _begin(self, todo: Sequence[str], modules: Sequence[GoModule], files: Sequence[PyPIFile]) -> None:
        lanes: list[tuple[str, list[str], Callable[[], None]]] = []
        if catalog.DEBS in todo:
            lanes.append(("debs", [catalog.DEBS], self._bring_debs))
        lanes += [(file.name, [file.name], lambda file=file: self._bring_file(file)) for file in files]
        if modules:
            go = [name for module in modules for name in _names(module, todo)]
            lanes.append(("go", go, lambda: self._bring_modules(modules, todo)))
        for name, tools, work in lanes:
            thread = threading.Thread(target=self._lane, args=(tools, work), name=f"build {name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _lane(self, tools: Sequence[str], work: Callable[[], None]) -> None:
        """Run a lane; what it does not finish fails with its error, so that nobody waits for ever."""
        try:
            work()
        except OSError as error:
            self._fail(tools, BuildError(f"building {tools[0]}: {error}", cause=explain(str(error))))
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._fail(tools, error)

    def _fail(self, tools: Sequence[str], error: BaseException) -> None:
        for name in tools:
            if not self._futures[name].done():
                self._futures[name].set_exception(error)

    def _finish(self, name: str, path: Path) -> None:
        self._futures[name].set_result(path)
        if self._on_ready is not None:
            self._on_ready(name)

    def _bring_debs(self) -> None:
        with self._locked(catalog.DEBS, "fetching Debian packages"):
            path = self._find(catalog.DEBS)
            self._finish(catalog.DEBS, path if path is not None else self._debs.make())

    def _bring_file(self, file: PyPIFile) -> None:
        with self._locked(file.name, f"downloading {file.file}"):
            path = self._find(file.name)
            if path is None:
                folder = wheels.fetch(file, self._store, runner=self._runner, reporter=self._reporter, logs=self._logs)
                path = folder / file.file
            self._finish(file.name, path)

    def _bring_modules(self, modules: Sequence[GoModule], todo: Sequence[str]) -> None:
        fetched = {module.name: Future[Fetched]() for module in modules}
        ahead = threading.Thread(target=self._fetch_ahead, args=(modules, todo, fetched), name="fetch", daemon=True)
        self._threads.append(ahead)
        ahead.start()
        for index, module in enumerate(modules):
            self._bring_module(module, todo, fetched[module.name])
            if index + 1 < len(modules) and size(self._caches.root) > PEAK_BYTES:
                with self._fetching:
                    self._live_session().trim()

    def _fetch_ahead(
        self, modules: Sequence[GoModule], todo: Sequence[str], fetched: Mapping[str, Future[Fetched]]
    ) -> None:
        """Download the next modules' sources while the compiler is busy with this one's."""
        for module in modules:
            try:
                with self._fetching:
                    answer = self._go.fetch(module, _programs(module, todo))
            except BaseException as error:  # noqa: BLE001 - handed to the builder of the module
                fetched[module.name].set_exception(error)
            else:
                fetched[module.name].set_result(answer)

    def _bring_module(self, module: GoModule, todo: Sequence[str], fetched: Future[Fetched]) -> None:
        names = _names(module, todo)
        with self._locked(module.name, f"building {module.title}"):
            found = {name: self._find(name) for name in names}
            for name, path in found.items():
                if path is not None:
                    self._finish(name, path)
            left = [name for name, path in found.items() if path is None]
            if left:
                sources = fetched.result()
                for need in module.needs:
                    self._futures[need].result()
                with self._store.staging(module.name) as staging:
                    self._make(module, left, sources, staging)

    def _make(self, module: GoModule, names: Sequence[str], sources: Fetched, staging: Path) -> None:
        programs = _programs(module, names)
        out = staging / "out"
        out.mkdir()
        built = self._go.build(module, programs, sources, out) if programs else {}
        for file in module.files:
            if file.name in names:
                built[file.name] = out / file.name
                self._go.copy_file(module, file, out / file.name)
        for name in names:
            key = self._catalogue.key(name)
            folder = staging / name
            folder.mkdir()
            binary = built[name].rename(folder / name)
            tool = next(tool for tool in module.tools if tool.name == name)
            manifest = Manifest(
                name=name,
                version=key.version,
                recipe=key.recipe,
                source=tool.source,
                licence=tool.licence,
                files={name: binary.stat().st_size},
            )
            self._finish(name, self._store.publish(folder, manifest) / name)

    def _find(self, name: str) -> Path | None:
        if name in self._provided:
            return self._provided[name]
        if name == catalog.DEBS:
            return self._debs.find()
        folder = self._store.find(self._catalogue.key(name))
        return None if folder is None else folder / self._catalogue.file(name)

    def _includes(self) -> list[Path]:
        """Where the C and C++ headers are, on the host for packages that it has and the prefix lacks."""
        prefix = self._futures[catalog.DEBS].result()
        archives = [self._futures[file.name].result() for file in self._catalogue.files if file.name in self._futures]
        roots = [archive.parent / "include" for archive in archives if (archive.parent / "include").is_dir()]
        headers = [prefix / "usr/include", Path("/usr/include")]
        return [*roots, *(folder / sub for folder in headers for sub in (".", "stb") if (folder / sub).is_dir())]

    def _locked(self, name: str, what: str) -> AbstractContextManager[None]:
        return exclusive(
            self._cache / "locks" / f"{name}.lock",
            what,
            waiting=self._reporter.line,
            cancelled=lambda: self._runner.cancelled,
        )

    def _live_session(self) -> Session:
        if self._session is None:
            raise BuildCancelledError("building")
        return self._session

    def _close(self) -> None:
        for thread in self._threads:
            thread.join()
        if self._session is not None:
            whole = all(future.done() and future.exception() is None for future in self._futures.values())
            if whole:
                self._session.delete()
            self._session.close()
            self._session = None
            if whole:
                self._store.prune()

    def _clean(self) -> None:
        """Delete caches that a run left which ended between its last tool and its cleaning."""
        if self._caches.root.exists():
            session = self._caches.open()
            session.delete()
            session.close()


def ensure(
    names: Iterable[str],
    *,
    cache: Path | None = None,
    reporter: Reporter | None = None,
    catalogue: Catalogue | None = None,
    provided: Mapping[str, Path] | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> catalog.Tools:
    """Bring the tools and wait for them.

    Raises:
        BuildError: what failed, with its cause and fix.
        UnknownToolError: names that the catalogue lacks.
    """
    wanted = list(names)
    with Builder(cache, reporter=reporter, catalogue=catalogue, provided=provided, on_ready=on_ready) as builder:
        builder.start(wanted)
        return builder.wait_for(wanted)


def _names(module: GoModule, todo: Sequence[str]) -> list[str]:
    return [tool.name for tool in module.tools if tool.name in todo]


def _programs(module: GoModule, todo: Sequence[str]) -> list[GoProgram]:
    return [program for program in module.programs if program.name in todo]
