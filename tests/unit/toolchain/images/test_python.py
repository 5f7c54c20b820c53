"""The runtime image takes what the lock file pins and the modules that its tag is a hash of.

Does not prove that the wheels can be fetched, nor that the services start: the cluster runs them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from components.versions import ECHO_PACKAGES, RUNTIME_PACKAGES, runtime_sources
from toolchain.images import python
from toolchain.images.errors import ImageError
from toolchain.images.tree import Tree
from toolchain.paths import CHECKOUT


def test_the_runtime_group_is_locked_with_hashes() -> None:
    blocks = python.requirements(CHECKOUT, ["runtime"]).split("\n")
    pins = [line.split(" ")[0] for line in blocks if "==" in line]
    assert {"httpx", "pydantic", "starlette", "uvicorn"} <= {pin.partition("==")[0] for pin in pins}
    # The engine's SDK is large and of no use in a pod.
    assert not any(pin.startswith(("pulumi", "lightkube")) for pin in pins)
    assert sum("--hash=sha256:" in line for line in blocks) >= len(pins)


def test_the_echo_image_has_both_groups() -> None:
    pins = {line.partition("==")[0] for line in python.requirements(CHECKOUT, ["runtime", "echo"]).split("\n")}
    assert {"httpx", "fastapi", "aiohttp", "pyjwt", "uvloop"} <= pins


def test_the_echo_image_has_the_service_and_not_the_store() -> None:
    tree = Tree()
    python.add_packages(tree, CHECKOUT, ECHO_PACKAGES)
    assert {"app/echo/__main__.py", "app/echo/migrations/sql/0001_memories.sql"} <= set(tree.entries)
    assert not any(path.startswith("app/model_store/") for path in tree.entries)
    # It tells by them whether a database's schema is the one that it works on.
    assert "app/echo/migrations/sql/0001_memories.sql" in tree.entries


def test_our_modules_are_exactly_those_of_the_tag() -> None:
    tree = Tree()
    python.add_packages(tree, CHECKOUT, RUNTIME_PACKAGES)
    wanted = {f"app/{path.relative_to(CHECKOUT)}" for path in runtime_sources(CHECKOUT) if path.suffix != ".lock"}
    assert set(tree.entries) == wanted
    assert "app/model_store/__main__.py" in wanted


def test_a_checkout_without_a_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ollama").mkdir()
    (tmp_path / "ollama" / "__init__.py").touch()
    (tmp_path / "uv.lock").touch()
    with pytest.raises(ImageError, match="needs the package model_store, replica_agent, responder of the checkout"):
        python.add_packages(Tree(), tmp_path, RUNTIME_PACKAGES)


def test_wheels_leave_scripts_and_records_behind(tmp_path: Path) -> None:
    for name in ("bin/uvicorn", "uvicorn/main.py", "uvicorn/__pycache__/main.pyc", "uvicorn-1.dist-info/RECORD"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    tree = Tree()
    python.add_wheels(tree, tmp_path)
    assert set(tree.entries) == {"app/site-packages/uvicorn/main.py"}
