"""The catalogue agrees with the lockfiles and with the pinned Python packages.

Does not show that every source can be had: the builds do.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from toolchain import catalog, paths
from toolchain.build import go
from toolchain.build.catalogue import Catalogue
from toolchain.catalog import Tools, UnknownToolError

SPDX = re.compile(r"^[A-Za-z0-9.-]+( (AND|OR) [A-Za-z0-9.-]+)*$")


def requirements(module: str) -> dict[str, str]:
    text = (go.MODULES / module / "go.mod").read_text()
    found = dict(re.findall(r"^(?:require )?\t?([a-z][\w./-]*\.[\w./-]+) (v\S+)", text, re.MULTILINE))
    return found | dict(re.findall(r"=> (\S+) (v\S+)", text))


def test_names_are_unique_and_every_group_is_known() -> None:
    names = Catalogue().names
    assert [name for name, count in Counter(names).items() if count > 1] == []
    groups = (
        *catalog.LOCAL_CLUSTER_TOOLS, *catalog.PULUMI_TOOLS, *catalog.REDUCED_TOOLS, *catalog.MODEL_TOOLS,
        *catalog.CRD_TOOLS, *catalog.MONITORING_TOOLS, *catalog.PACKAGE_TOOLS, *catalog.MEMORY_TOOLS,
        *catalog.TRACES_TOOLS,
    )  # fmt: skip
    assert set(groups) <= set(names)
    assert set(names) == set(groups) | {"miniaudio", "prometheus-adapter", "actionlint"}


@pytest.mark.parametrize("module", catalog.GO_MODULES, ids=lambda module: module.name)
def test_versions_are_those_of_the_lockfile(module: catalog.GoModule) -> None:
    required = requirements(module.name)
    assert (go.MODULES / module.name / "go.sum").exists() == bool(required)
    for program in module.programs:
        for source, version in re.findall(r"([\w.-]+\.\w+/\S+) (v[\w.-]+)", program.source):
            known = [v for name, v in required.items() if name == source or name.startswith(f"{source}/")]
            assert version in known, (program.name, source, version)
    for file in module.files:
        assert required[file.module] == f"v{file.version}"
    for schema in module.schemas:
        assert schema.module in required


def test_sums_of_custom_resources_are_pinned() -> None:
    found: list[str] = []
    for module in catalog.GO_MODULES:
        if module.name in {"crds", "istio"}:
            sums = (go.MODULES / module.name / "go.sum").read_text().splitlines()
            for file in module.files:
                assert any(line.startswith(f"{file.module} v{file.version} h1:") for line in sums), file.name
                found.append(file.name)
    assert tuple(found) == catalog.CRD_TOOLS


def test_each_module_folder_is_listed() -> None:
    assert {path.name for path in go.MODULES.iterdir()} == {module.name for module in catalog.GO_MODULES}


def test_pulumi_is_the_sdks_version() -> None:
    project = tomllib.loads((paths.CHECKOUT / "pyproject.toml").read_text())["project"]
    pins = dict(line.split("==") for line in project["dependencies"] if "==" in line)
    assert pins["pulumi"] == catalog.PULUMI
    assert pins["pulumi-kubernetes"] == catalog.PULUMI_KUBERNETES
    assert pins["pulumi-random"] == catalog.PULUMI_RANDOM


def test_licences_are_spdx_expressions() -> None:
    tools = [tool for module in catalog.GO_MODULES for tool in module.tools]
    licences = [one.licence for one in (*tools, *catalog.DEBIAN_PACKAGES, *catalog.PYPI_FILES)]
    for licence in licences:
        assert SPDX.match(licence.replace("(", "").replace(")", "")), licence


def test_markdown_has_a_row_for_each() -> None:
    rows = catalog.as_markdown().splitlines()
    tools = sum(len(module.tools) for module in catalog.GO_MODULES)
    assert len(rows) == 2 + tools + len(catalog.DEBIAN_PACKAGES) + len(catalog.PYPI_FILES)
    assert {row.count("|") for row in rows} == {6}
    assert "| etcd | 3.6.8 | the cluster's database | Go: `go.etcd.io/etcd v3.6.8` | Apache-2.0 |" in rows


def test_tools_finds_programs_and_those_of_the_prefix(tmp_path: Path) -> None:
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/nft").write_text("")
    tools = Tools({"kubelet": Path("/k")}, tmp_path)
    assert tools.path("kubelet") == Path("/k")
    assert tools.path("nft") == tmp_path / "usr/sbin/nft"
    assert tools.debs_prefix == tmp_path
    with pytest.raises(UnknownToolError, match="no tool 'ctr'; there are: kubelet"):
        tools.path("ctr")


def test_tools_without_the_prefix() -> None:
    with pytest.raises(UnknownToolError, match="add 'debs' to the names"):
        _ = Tools({}).debs_prefix
    with pytest.raises(UnknownToolError):
        Tools({}).path("nft")


def test_ollama_waits_for_its_headers() -> None:
    assert Catalogue().needs(["ollama", "kubelet"]) == ["debs", "miniaudio"]
    assert Catalogue().needs(["kubelet"]) == []
