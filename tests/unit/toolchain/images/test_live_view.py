"""The live view is built once for each content of its sources, and where it cannot be, that is said.

Not shown: a build, which the tests of the page itself do (tests/view).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.versions import view_sources
from toolchain.images.live_view import NoViewError, built


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    source = tmp_path / "checkout" / "view" / "src"
    source.mkdir(parents=True)
    (source / "main.tsx").write_text("export {};")
    for name in ("package.json", "package-lock.json"):
        (source.parent / name).write_text("{}")
    return tmp_path / "checkout"


def never(_what: str) -> None:
    raise AssertionError("nothing is to be done")


def program(folder: Path, name: str, says: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{says}\n")
    (folder / name).chmod(0o755)


def test_without_node_it_says_so(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(NoViewError, match=r"needs node and npm 20\.19 or newer on PATH"):
        built(checkout, tmp_path / "cache", never)


def test_an_old_node_is_named(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "node", "echo v18.20.1")
    program(tmp_path / "bin", "npm", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(NoViewError, match=r"is v18\.20\.1"):
        built(checkout, tmp_path / "cache", never)


def test_packages_that_cannot_be_had_are_an_error_with_its_cause(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "node", "echo v22.12.0")
    program(tmp_path / "bin", "npm", "echo 'no such package' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    told: list[str] = []
    with pytest.raises(NoViewError, match="no such package"):
        built(checkout, tmp_path / "cache", told.append)
    assert told == ["fetching the packages of its live view"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


def test_what_was_built_is_kept_by_content(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "node", 'case "$1" in --version) echo v22.12.0;; *) mkdir dist; echo x > dist/a;; esac')
    program(tmp_path / "bin", "npm", "mkdir node_modules")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    told: list[str] = []
    first = built(checkout, tmp_path / "cache", told.append)
    assert (first / "a").read_text() == "x\n"
    assert built(checkout, tmp_path / "cache", never) == first
    (checkout / "view" / "src" / "main.tsx").write_text("export const a = 1;")
    second = built(checkout, tmp_path / "cache", told.append)
    assert second != first
    # The packages did not change.
    assert told.count("fetching the packages of its live view") == 1
    assert told.count("building its live view") == 2


def test_what_nobody_used_for_long_is_deleted(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "node", 'case "$1" in --version) echo v22.12.0;; *) mkdir dist;; esac')
    program(tmp_path / "bin", "npm", "mkdir node_modules")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    old, young = tmp_path / "cache" / "built-old", tmp_path / "cache" / "built-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    built(checkout, tmp_path / "cache", lambda _: None)
    assert (old.exists(), young.exists()) == (False, True)


def test_the_sources_of_this_checkout_are_found() -> None:
    names = {path.name for path in view_sources()}
    assert {"index.html", "package-lock.json", "main.tsx", "layout.worker.ts"} <= names
