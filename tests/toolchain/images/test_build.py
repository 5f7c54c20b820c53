"""Images reach a real registry once, with the same digest from the same inputs, and again when an input changes.

Built from a program that the test makes, so that neither network nor Go is needed. Does not prove that the
listed images run: that is for the cluster, which is made of them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from tests.support.processes import free_port
from tests.support.registry import Registry, find_registry
from toolchain.images import Binary, ImageError, ImageSpec, Pushed, build_and_push, missing
from toolchain.images.oci import INPUTS_ANNOTATION, MANIFEST_TYPE

SPEC = ImageSpec(
    name="docker.io/example/tool",
    tag="1",
    licence="MIT",
    binaries=(Binary("tool", "/usr/bin/tool"),),
    entrypoint=("/usr/bin/tool",),
    command=("serve",),
    user="1001:1001",
    env=(("A", "b=c"),),
)


@dataclass(frozen=True)
class Folder:
    """Tools in one folder."""

    root: Path

    def path(self, name: str, /) -> Path:
        return self.root / name


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    folder = tmp_path / "registry"
    folder.mkdir()
    with Registry(find_registry(), folder) as running:
        yield running


@pytest.fixture
def tools(tmp_path: Path) -> Folder:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").write_bytes(b"program one")
    return Folder(tmp_path / "bin")


def build(registry: Registry, tools: Folder, work_dir: Path, spec: ImageSpec = SPEC) -> tuple[Pushed, list[str]]:
    told: list[str] = []
    (pushed,) = build_and_push(
        [spec],
        tools=tools,
        registry_url=f"http://{registry.host}",
        work_dir=work_dir,
        progress=lambda step, detail: told.append(f"{step} {detail}"),
    )
    return pushed, told


def test_an_image_is_pushed_once_and_is_what_it_says(registry: Registry, tools: Folder, tmp_path: Path) -> None:
    url = f"http://{registry.host}"
    assert missing([SPEC], url) == ["docker.io/example/tool:1"]
    pushed, told = build(registry, tools, tmp_path / "work")
    assert pushed.action == "pushed"
    assert any("building: programs" in line for line in told)
    assert missing([SPEC], url) == []
    answer = httpx.get(f"{url}/v2/example/tool/manifests/1", headers={"Accept": MANIFEST_TYPE}, trust_env=False)
    assert answer.headers["docker-content-digest"] == pushed.digest
    manifest = answer.json()
    config = httpx.get(f"{url}/v2/example/tool/blobs/{manifest['config']['digest']}", trust_env=False).json()
    assert config["config"]["Entrypoint"] == ["/usr/bin/tool"]
    assert config["config"]["Cmd"] == ["serve"]
    assert config["config"]["User"] == "1001:1001"
    assert config["config"]["Env"] == ["A=b=c"]
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    sizes = [manifest["config"]["size"], *(layer["size"] for layer in manifest["layers"])]
    assert pushed.size == sum(sizes)

    again, told = build(registry, tools, tmp_path / "work")
    assert again == replace(pushed, action="present")
    assert told == ["docker.io/example/tool:1 is in the registry"]
    # The record of packages is for a page of licences: a cache that was cleared has it again.
    record = tmp_path / "work" / "packages" / "example_tool.json"
    record.unlink()
    build(registry, tools, tmp_path / "work")
    assert json.loads(record.read_text())["packages"] == []


def test_the_same_inputs_give_the_same_digest_elsewhere(registry: Registry, tools: Folder, tmp_path: Path) -> None:
    first, _ = build(registry, tools, tmp_path / "work")
    (tmp_path / "other").mkdir()
    with Registry(find_registry(), tmp_path / "other") as other:
        second, _ = build(other, tools, tmp_path / "other-work")
    assert second == first


def test_a_changed_program_or_setting_is_another_image(registry: Registry, tools: Folder, tmp_path: Path) -> None:
    first, _ = build(registry, tools, tmp_path / "work")
    (tools.root / "tool").write_bytes(b"program two")
    second, _ = build(registry, tools, tmp_path / "work")
    third, told = build(registry, tools, tmp_path / "work", replace(SPEC, user="1002:1002"))
    assert len({first.digest, second.digest, third.digest}) == 3
    # Only the config changed, so the known layer is used as it is.
    assert not any("building" in line for line in told)


def test_a_layer_that_the_registry_lost_is_made_again(registry: Registry, tools: Folder, tmp_path: Path) -> None:
    first, _ = build(registry, tools, tmp_path / "work")
    (tmp_path / "fresh").mkdir()
    with Registry(find_registry(), tmp_path / "fresh") as fresh:
        again, told = build(fresh, tools, tmp_path / "work")
    assert again == first
    assert any("building: programs" in line for line in told)


def test_a_tag_of_another_maker_is_replaced(registry: Registry, tools: Folder, tmp_path: Path) -> None:
    """Someone pushed the same tag by hand: it lacks our annotation, so it is not taken for ours."""
    build(registry, tools, tmp_path / "work")
    url = f"http://{registry.host}/v2/example/tool/manifests/1"
    manifest = httpx.get(url, headers={"Accept": MANIFEST_TYPE}, trust_env=False).json()
    assert manifest.pop("annotations").keys() == {INPUTS_ANNOTATION}
    headers = {"Content-Type": MANIFEST_TYPE}
    httpx.put(url, content=json.dumps(manifest), headers=headers, trust_env=False).raise_for_status()
    pushed, _ = build(registry, tools, tmp_path / "work")
    assert pushed.action == "pushed"


def test_unfinished_images_of_killed_runs_are_cleared_and_those_at_work_are_not(
    registry: Registry, tools: Folder, tmp_path: Path
) -> None:
    scratch = tmp_path / "work" / "scratch"
    for name in ("abandoned", "at-work"):
        (scratch / name).mkdir(parents=True)
    yesterday = time.time() - 86400
    os.utime(scratch / "abandoned", (yesterday, yesterday))
    build(registry, tools, tmp_path / "work")
    assert [path.name for path in scratch.iterdir()] == ["at-work"]


def test_a_registry_that_is_down_is_named(tools: Folder, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ImageError, match=rf"the registry at {url} does not answer"):
        build_and_push([SPEC], tools=tools, registry_url=url, work_dir=tmp_path, progress=lambda _step, _detail: None)
