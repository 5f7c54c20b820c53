"""Builds a real Go module and shows: whole or absent after a kill -9, once for two runs, resumed, caches gone.

Does not show that the project's own modules build: that takes a network and twenty minutes.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.toolchain.build.conftest import tiny_module
from toolchain import catalog
from toolchain.build.builder import Builder, ensure
from toolchain.build.catalogue import Catalogue
from toolchain.build.failures import BuildCancelledError, BuildError
from toolchain.build.kinds import GoProgram
from toolchain.build.progress import Reporter

CHECKOUT = Path(catalog.__file__).resolve().parent.parent

# Another run, in a process that the test can kill.
RUN = """
import sys
from pathlib import Path
from tests.unit.toolchain.build.conftest import tiny_module
from toolchain.build.builder import ensure
from toolchain.build.catalogue import Catalogue
catalogue = Catalogue(modules=(tiny_module(),), packages=(), files=(), sources=Path(sys.argv[2]))
ensure(["one", "two"], cache=Path(sys.argv[1]), catalogue=catalogue)
"""


def run_apart(cache: Path, sources: Path, path: str | None = None) -> subprocess.Popen[str]:
    env = os.environ | {"PYTHONPATH": str(CHECKOUT), "ECHORATOR_CACHE": str(cache)}
    if path is not None:
        env["PATH"] = path
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(cache), str(sources)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def output(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, check=True, timeout=20).stderr.strip()


def slow_go(folder: Path) -> str:
    """A go that answers at once but for ``build``, which writes half a program and then hangs."""
    folder.mkdir()
    program = folder / "go"
    program.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        "env) echo go1.99 ;;\n"
        "list) echo 'false example.org/tiny ' ;;\n"
        f'build) echo $$ > {folder}/pid; while [ "$1" != -o ]; do shift; done\n'
        '  printf half > "$2/tiny"; exec sleep 300 ;;\n'
        "esac\n"
    )
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def wait_until(what: Path, seconds: float = 30) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what.exists() and (text := what.read_text().strip()):
            return text
        time.sleep(0.02)
    raise AssertionError(f"{what} did not appear")


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "\nState:\tZ" not in status.read_text()


def test_builds_programs_that_run_and_deletes_the_caches(cache: Path, catalogue: Catalogue, reporter: Reporter) -> None:
    ready: list[str] = []
    tools = ensure(["two", "one"], cache=cache, catalogue=catalogue, reporter=reporter, on_ready=ready.append)
    assert output(tools.path("one")) == "one 1.0.0"
    assert output(tools.path("two")) == "two"
    assert ready == ["one", "two"]
    assert not (cache / "build").exists()
    manifest = json.loads((tools.path("one").parent / "tool.json").read_text())
    assert manifest["licence"] == "MIT"
    assert manifest["files"] == {"one": tools.path("one").stat().st_size}


def test_a_program_may_have_variables_of_its_own(cache: Path, catalogue: Catalogue, reporter: Reporter) -> None:
    module = tiny_module()
    one, two = module.programs
    second = GoProgram("three", "example.org/tiny/third", "3.0.0", "", "", variables={"main.version": "3.0.0"})
    folder = catalogue.sources / module.name / "third"
    folder.mkdir()
    (folder / "main.go").write_text((folder.parent / "main.go").read_text())
    changed = Catalogue((replace(module, programs=(one, two, second)),), (), (), catalogue.sources)
    tools = ensure(["one", "three"], cache=cache, reporter=reporter, catalogue=changed)
    assert output(tools.path("one")) == "one 1.0.0"
    assert output(tools.path("three")) == "one 3.0.0"


def test_a_second_run_builds_nothing(
    cache: Path, catalogue: Catalogue, reporter: Reporter, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ensure(["one", "two"], cache=cache, catalogue=catalogue, reporter=reporter)
    screen.truncate(0)
    monkeypatch.setenv("PATH", "/nonexistent")
    again = ensure(["one", "two"], cache=cache, catalogue=catalogue, reporter=reporter)
    assert again == first
    assert screen.getvalue().strip("\0") == ""


def test_a_changed_source_is_built_again_beside_the_old_one(
    cache: Path, compiled: Path, catalogue: Catalogue, reporter: Reporter
) -> None:
    old = ensure(["one"], cache=cache, catalogue=catalogue, reporter=reporter).path("one")
    main = catalogue.sources / "tiny" / "main.go"
    main.write_text(main.read_text().replace('"one"', '"uno"'))
    (cache / "build").mkdir()
    (cache / "build" / "compiled").symlink_to(compiled)
    fresh = Catalogue(modules=catalogue.modules, packages=(), files=(), sources=catalogue.sources)
    new = ensure(["one"], cache=cache, catalogue=fresh, reporter=reporter).path("one")
    assert output(new) == "uno 1.0.0"
    assert output(old) == "one 1.0.0"


def test_kill_leaves_no_half_tool_and_no_process_and_the_next_run_goes_on(
    cache: Path, catalogue: Catalogue, reporter: Reporter, tmp_path: Path
) -> None:
    child = run_apart(cache, catalogue.sources, slow_go(tmp_path / "slow"))
    with child:
        compiler = int(wait_until(tmp_path / "slow" / "pid"))
        assert (cache / "tools" / ".staging-tiny" / "out" / "tiny").exists()
        child.kill()
    end = time.monotonic() + 10
    while alive(compiler) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(compiler)
    with Builder(cache, catalogue=catalogue, reporter=reporter) as builder:
        assert builder.missing(["one", "two"]) == ["one", "two"]
        builder.start(["one", "two"])
        tools = builder.wait_for(["one", "two"])
    assert output(tools.path("one")) == "one 1.0.0"
    assert sorted(path.name for path in (cache / "tools").iterdir()) == ["one", "two"]


def test_finished_tools_stay_when_a_later_one_is_interrupted(
    cache: Path, compiled: Path, catalogue: Catalogue, reporter: Reporter
) -> None:
    done = ensure(["one"], cache=cache, catalogue=catalogue, reporter=reporter).path("one")
    before = done.stat().st_mtime_ns
    (cache / "build").mkdir()
    (cache / "build" / "compiled").symlink_to(compiled)
    with Builder(cache, catalogue=catalogue, reporter=reporter) as builder:
        assert builder.missing(["one", "two"]) == ["two"]
        builder.start(["one", "two"])
        builder.wait_for(["one", "two"])
    assert done.stat().st_mtime_ns == before


def test_two_runs_at_once_build_once(cache: Path, catalogue: Catalogue) -> None:
    runs = [run_apart(cache, catalogue.sources) for _ in range(2)]
    texts = [run.communicate(timeout=100)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], texts
    assert sum("done: Building" in text for text in texts) == 1
    waited = [text for text in texts if "another run (process" in text]
    late = [text for text in texts if "Building" not in text]
    assert len(waited) == 1 or len(late) == 1, texts


def test_a_compile_error_names_the_log_and_keeps_the_caches(
    cache: Path, catalogue: Catalogue, reporter: Reporter
) -> None:
    (catalogue.sources / "tiny" / "other" / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(
        BuildError, match=r"(?s)Building the tiny module failed.*undefined: nonsense.*log: .*tiny-build"
    ):
        ensure(["two"], cache=cache, catalogue=catalogue, reporter=reporter)
    assert (cache / "build").is_dir()
    assert not (cache / "tools" / "two").exists()


def test_no_network_is_said_with_the_module_that_is_missing(
    cache: Path, catalogue: Catalogue, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = catalogue.sources / "tiny"
    (folder / "go.mod").write_text("module example.org/tiny\n\ngo 1.21\n\nrequire example.org/absent v1.0.0\n")
    digest = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    (folder / "go.sum").write_text(f"example.org/absent v1.0.0 {digest}\nexample.org/absent v1.0.0/go.mod {digest}\n")
    (folder / "main.go").write_text('package main\n\nimport _ "example.org/absent"\n\nfunc main() {}\n')
    # A port where nothing listens.
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:9")
    with pytest.raises(BuildError, match=r"(?s)absent.*cause: a package registry cannot be reached"):
        ensure(["one"], cache=cache, catalogue=catalogue, reporter=reporter)


def test_an_exception_in_the_block_stops_the_build(
    cache: Path, catalogue: Catalogue, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", slow_go(tmp_path / "slow"))
    builder = Builder(cache, catalogue=catalogue, reporter=reporter)
    compilers: list[int] = []

    def interrupted() -> None:
        with builder:
            builder.start(["one"])
            compilers.append(int(wait_until(tmp_path / "slow" / "pid")))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not alive(compilers[0])
    with pytest.raises(BuildCancelledError, match="what is finished is kept"):
        builder.wait_for(["one"])


def test_terminate_ends_the_compiler_too(cache: Path, catalogue: Catalogue, tmp_path: Path) -> None:
    with run_apart(cache, catalogue.sources, slow_go(tmp_path / "slow")) as child:
        compiler = int(wait_until(tmp_path / "slow" / "pid"))
        child.send_signal(signal.SIGTERM)
    end = time.monotonic() + 10
    while alive(compiler) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(compiler)


def test_provided_tools_are_used_as_they_are(cache: Path, catalogue: Catalogue, reporter: Reporter) -> None:
    mine = Path("/bin/true")
    tools = ensure(["one"], cache=cache, catalogue=catalogue, reporter=reporter, provided={"one": mine})
    assert tools.path("one") == mine


def test_unknown_and_unasked_names(cache: Path, catalogue: Catalogue, reporter: Reporter) -> None:
    with Builder(cache, catalogue=catalogue, reporter=reporter, provided={"one": Path("/bin/true")}) as builder:
        with pytest.raises(catalog.UnknownToolError, match="unknown tool three, zwei; legal are: debs, one, two"):
            builder.start(["zwei", "one", "three"])
        builder.start(["one"])
        with pytest.raises(catalog.UnknownToolError, match="not asked for at the start: two"):
            builder.wait_for(["one", "two"])


def test_machine_faults_come_before_any_work(
    cache: Path, catalogue: Catalogue, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BuildError, match="Go is not on PATH"):
        ensure(["one"], cache=cache, catalogue=catalogue, reporter=reporter)
    assert not (cache / "tools").exists()


def test_recipe_is_the_modules(catalogue: Catalogue) -> None:
    other = Catalogue(modules=(tiny_module("another title"),), packages=(), files=(), sources=catalogue.sources)
    assert other.key("one") == catalogue.key("one")
    assert other.key("one").recipe == other.key("two").recipe
