"""Recipes, environments and names of Go builds; the builds themselves are in test_builder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.toolchain.build.conftest import tiny_module
from toolchain.build import go
from toolchain.build.caches import BuildCaches
from toolchain.build.kinds import GoModule, GoProgram, ModuleFile, VersionedSchema

BASE = tiny_module()


@pytest.mark.parametrize(
    "changed",
    [
        replace(BASE, cgo=True),
        replace(BASE, variables={"main.version": "1.0.1"}),
        replace(BASE, programs=(GoProgram("one", "./other", "1.0.0", "", ""), BASE.programs[1])),
        replace(BASE, programs=(GoProgram("one", ".", "1.0.1", "", ""), BASE.programs[1])),
        replace(BASE, files=(ModuleFile("extra", "example.org/m", "a/b", "1", ""),)),
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
