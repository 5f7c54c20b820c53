"""A catalogue of one tiny Go module, built for real; a cache of its own for every test."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from toolchain.build.catalogue import Catalogue
from toolchain.build.kinds import GoModule, GoProgram
from toolchain.build.progress import Reporter
from toolchain.build.timings import Timings

MODULE = "tiny"


def tiny_module(title: str = "the tiny module") -> GoModule:
    return GoModule(
        MODULE,
        title,
        (
            GoProgram("one", ".", "1.0.0", "the first", "here", "MIT"),
            GoProgram("two", "./other", "2.0.0", "the second", "here", "MIT"),
        ),
        variables={"main.version": "1.0.0"},
        disk_gb=0.1,
    )


def write_sources(root: Path) -> Path:
    """Two programs without any import, so that Go has little of its own library to compile."""
    folder = root / "go" / MODULE
    (folder / "other").mkdir(parents=True)
    (folder / "go.mod").write_text("module example.org/tiny\n\ngo 1.21\n")
    (folder / "go.sum").write_text("")
    main = 'package main\n\nvar version = "unset"\n\nfunc main() { println("one", version) }\n'
    (folder / "main.go").write_text(main)
    (folder / "other" / "main.go").write_text('package main\n\nfunc main() { println("two") }\n')
    return root / "go"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    return write_sources(tmp_path)


@pytest.fixture
def catalogue(sources: Path) -> Catalogue:
    return Catalogue(modules=(tiny_module(),), packages=(), files=(), sources=sources)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Go's own packages, compiled once for all tests."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def cache(tmp_path: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache whose compiled packages are the session's: deleting it deletes only the link to them."""
    monkeypatch.setenv("GOPROXY", "off")
    root = tmp_path / "cache"
    (root / "build").mkdir(parents=True)
    (root / "build" / "compiled").symlink_to(compiled)
    return root


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def reporter(screen: io.StringIO, tmp_path: Path) -> Reporter:
    return Reporter(Console(file=screen), timings=Timings(tmp_path / "timings.json"), heartbeat_s=0.05)
