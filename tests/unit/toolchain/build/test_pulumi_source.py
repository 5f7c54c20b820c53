"""Where Pulumi comes from, with a script in its place that knows its plugins. Downloads nothing.

Does not show that a release can be downloaded: that takes a network.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolchain import catalog
from toolchain.build import pulumi_source
from toolchain.build.catalogue import Catalogue
from toolchain.build.failures import BuildError
from toolchain.build.progress import Reporter
from toolchain.build.pulumi_source import PulumiKind, PulumiSource, choose
from toolchain.build.store import Manifest, Store

PLUGINS = [
    {"name": "kubernetes", "kind": "resource", "version": "4.27.0"},
    {"name": "random", "kind": "resource", "version": "4.19.1"},
    {"name": "python", "kind": "language", "version": "3.224.0"},
]


def put(folder: Path, monkeypatch: pytest.MonkeyPatch, plugins: object, *, install: int = 1) -> Path:
    folder.mkdir()
    program = folder / "pulumi"
    program.write_text(
        "#!/bin/sh\n"
        'case "$1 $2" in\n'
        '"version "*) echo v3.230.0 ;;\n'
        f"'plugin ls') echo '{json.dumps(plugins)}' ;;\n"
        f"'plugin install') exit {install} ;;\n"
        "esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return program


def pick(tmp_path: Path, reporter: Reporter, **env: str) -> PulumiSource:
    return choose(reporter=reporter, env=env, cache=tmp_path / "cache")


def test_path_with_its_plugins(tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
    program = put(tmp_path / "bin", monkeypatch, PLUGINS)
    assert pick(tmp_path, reporter) == PulumiSource(PulumiKind.PATH, "pulumi 3.230.0 is on PATH", program, ())


def test_path_installs_what_it_lacks(tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "bin", monkeypatch, PLUGINS[:1], install=0)
    assert pick(tmp_path, reporter).to_build == ()


@pytest.mark.parametrize("offline", ["", "1"])
def test_path_whose_plugins_cannot_be_had_needs_them_built(
    tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch, offline: str
) -> None:
    program = put(tmp_path / "bin", monkeypatch, PLUGINS[:1], install=1)
    source = pick(tmp_path, reporter, ECHORATOR_OFFLINE=offline)
    assert source.cli == program
    assert source.to_build == ("pulumi-resource-random",)
    assert "providers random have to be built" in source.reason


def test_nothing_on_path_and_offline_is_a_build(
    tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    source = pick(tmp_path, reporter, ECHORATOR_OFFLINE="1")
    assert source.kind is PulumiKind.BUILD
    assert source.to_build == catalog.PULUMI_TOOLS


def test_a_failed_download_is_a_build_unless_it_was_asked_for(
    tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(pulumi_source, "_INSTALL", "raise OSError('no such host')")
    source = pick(tmp_path, reporter)
    assert source.kind is PulumiKind.BUILD
    assert "cannot be downloaded" in source.reason
    with pytest.raises(
        BuildError, match=r"(?s)Downloading Pulumi 3\.224\.0 failed.*package registry cannot be reached"
    ):
        pick(tmp_path, reporter, ECHORATOR_PULUMI="download")
    assert list((tmp_path / "cache" / "tools" / "pulumi-release").iterdir()) == []


def test_a_finished_build_saves_the_try(tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    store = Store(tmp_path / "cache" / "tools")
    for name in catalog.PULUMI_TOOLS:
        key = Catalogue().key(name)
        with store.staging("pulumi") as staging:
            (staging / name).mkdir()
            manifest = Manifest(name=name, version=key.version, recipe=key.recipe, source="", licence="", files={})
            store.publish(staging / name, manifest)
    source = pick(tmp_path, reporter)
    assert source.kind is PulumiKind.BUILD
    assert source.reason == f"Pulumi {catalog.PULUMI} is built already"
    assert not (store.root / "pulumi-release").exists()


def test_a_download_is_kept(tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
    program = put(tmp_path / "bin", monkeypatch, PLUGINS)
    install = (
        f"import shutil, sys; from pathlib import Path; t = Path(sys.argv[1], 'bin'); t.mkdir(); "
        f"shutil.copy({str(program)!r}, t)"
    )
    monkeypatch.setattr(pulumi_source, "_INSTALL", install)
    first = pick(tmp_path, reporter, ECHORATOR_PULUMI="download")
    assert first.cli == tmp_path / "cache/tools/pulumi-release" / catalog.PULUMI / "bin/pulumi"
    monkeypatch.setattr(pulumi_source, "_INSTALL", "raise OSError")
    assert pick(tmp_path, reporter, ECHORATOR_PULUMI="download") == first


def test_build_is_not_second_guessed(tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "bin", monkeypatch, PLUGINS)
    assert pick(tmp_path, reporter, ECHORATOR_PULUMI="build").kind is PulumiKind.BUILD


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"ECHORATOR_PULUMI": "brew"}, "legal are: auto, path, download, build"),
        ({"ECHORATOR_PULUMI": "path"}, "no pulumi of version 3.224.0 or newer"),
        ({"ECHORATOR_PULUMI": "download", "ECHORATOR_OFFLINE": "1"}, "contradict each other"),
    ],
)
def test_impossible_choices(
    tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], message: str
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BuildError, match=message):
        pick(tmp_path, reporter, **env)
