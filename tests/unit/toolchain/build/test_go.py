"""Recipes, environments and names of Go builds; the builds themselves are in test_builder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.unit.toolchain.build.conftest import tiny_module
from toolchain.build import go
from toolchain.build.caches import BuildCaches
from toolchain.build.failures import BuildError
from toolchain.build.kinds import GoModule, GoProgram, ModuleFile, ModuleFiles, Underlay, VersionedSchema

BASE = tiny_module()


@pytest.mark.parametrize(
    "changed",
    [
        replace(BASE, cgo=True),
        replace(BASE, variables={"main.version": "1.0.1"}),
        replace(BASE, programs=(GoProgram("one", "./other", "1.0.0", "", ""), BASE.programs[1])),
        replace(BASE, programs=(GoProgram("one", ".", "1.0.1", "", ""), BASE.programs[1])),
        replace(BASE, files=(ModuleFile("extra", "example.org/m", "a/b", "1", ""),)),
        replace(BASE, files=(ModuleFiles("extra.yaml", "example.org/m", ("a/*.yaml",), "1", ""),)),
        replace(BASE, underlays=(Underlay("example.org/m@v1.0.0", "upstream"),)),
        replace(BASE, programs=(replace(BASE.programs[0], variables={"main.version": "9"}), BASE.programs[1])),
        replace(BASE, schemas=(VersionedSchema("example.org/m", "schema.json", "1", "schema.json"),)),
    ],
)
def test_recipe_changes_with_what_is_built(sources: Path, changed: GoModule) -> None:
    assert go.recipe(sources, changed) != go.recipe(sources, BASE)


@pytest.mark.parametrize("file", ["go.mod", "go.sum", "main.go", "other/main.go"])
def test_recipe_changes_with_each_source(sources: Path, file: str) -> None:
    before = go.recipe(sources, BASE)
    path = sources / "tiny" / file
    path.write_text(path.read_text() + "\n")
    assert go.recipe(sources, BASE) != before


def test_recipe_changes_with_new_sources_and_inputs_only(sources: Path) -> None:
    before = go.recipe(sources, BASE)
    (sources / "tiny" / "README").write_text("not built from")
    (sources / "tiny" / "schema.json").write_text("{}")
    assert go.recipe(sources, BASE) == before
    assert go.recipe(sources, BASE, ["miniaudio abc"]) != before
    (sources / "tiny" / "more.go").write_text("package main\n")
    assert go.recipe(sources, BASE) != before


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("k8s.io/kubernetes/cmd/kubelet", "kubelet"),
        ("go.etcd.io/etcd/server/v3", "server"),
        ("./random", "random"),
        (".", "tiny"),
        ("example.org/v2", "example.org"),
        ("example.org/vault", "vault"),
    ],
)
def test_executable_is_named_as_go_names_it(package: str, name: str) -> None:
    assert go.executable(package, "tiny") == name


def test_environment_is_not_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOFLAGS", "GOCACHE", "GOMODCACHE", "GOOS", "CGO_CFLAGS", "GOTOOLCHAIN", "GOAMD64"):
        monkeypatch.setenv(name, "the user's")
    monkeypatch.setenv("GOPROXY", "https://proxy.example.org")
    monkeypatch.setenv("GOPHER", "unrelated names that begin so are lost too")
    caches = BuildCaches(tmp_path)
    env = go.environment(caches, cgo=False)
    assert "the user's" not in env.values()
    assert env["GOPROXY"] == "https://proxy.example.org"
    assert env["GOMODCACHE"] == str(tmp_path / "modules")
    assert env["CGO_ENABLED"] == "0"
    assert "-mod=readonly" in env["GOFLAGS"]
    assert "CGO_CPPFLAGS" not in env


def test_environment_for_c_names_the_headers(tmp_path: Path) -> None:
    env = go.environment(BuildCaches(tmp_path), cgo=True, includes=[Path("/a"), Path("/b")])
    assert env["CGO_ENABLED"] == "1"
    assert env["CGO_CPPFLAGS"] == "-I/a -I/b"
    assert "-g" not in env["CGO_CXXFLAGS"].split()


def crds(*globs: str) -> ModuleFiles:
    return ModuleFiles("crds.yaml", "example.org/m", globs, "1.2.3", "resources")


def test_files_of_a_module_become_one_stream(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "two.yaml").write_text("---\nkind: Two\n")
    (tmp_path / "a" / "one.yaml").write_text("kind: One")
    (tmp_path / "b.yaml").write_text("kind: Three\n")
    stream = go.joined(tmp_path, crds("b.yaml", "a/*.yaml", "a/one.yaml"))
    assert [one["kind"] for one in yaml.safe_load_all(stream) if one is not None] == ["Three", "One", "Two"]


def test_a_glob_that_matches_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("kind: One")
    with pytest.raises(BuildError, match=r"example\.org/m v1\.2\.3 has no file gone/\*\.yaml and none away\.yaml"):
        go.joined(tmp_path, crds("gone/*.yaml", "one.yaml", "away.yaml"))


def write_module(folder: Path) -> Path:
    for name, text in {"go.mod": "module example.org/m", "a/a.go": "theirs", "b/b.go": "theirs"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_files_of_ours_stand_in_for_those_of_a_module(tmp_path: Path) -> None:
    source, target = write_module(tmp_path / "m@v1.0.0"), tmp_path / "upstream"
    (target / "a").mkdir(parents=True)
    (target / "a" / "a.go").write_text("ours")
    (target / "go.mod").write_text("what stood there until the module came")
    go.lay_under(source, target)
    found = {str(file.relative_to(target)): file.read_text() for file in target.rglob("*") if file.is_file()}
    assert found == {"go.mod": "module example.org/m", "a/a.go": "ours", "b/b.go": "theirs"}


def test_a_file_of_ours_that_stands_in_for_none_is_a_fault(tmp_path: Path) -> None:
    source, target = write_module(tmp_path / "m@v1.0.0"), tmp_path / "upstream"
    (target / "c").mkdir(parents=True)
    (target / "c" / "c.go").write_text("ours")
    with pytest.raises(BuildError, match=r"m@v1\.0\.0 has no file c/c\.go"):
        go.lay_under(source, target)
