"""The documentation agrees with the repository: links, commands, settings, tables, messages, licences.

Not shown: that what the sentences say is true of a running cluster, and that the figures are right; the tests on the
local cluster and the benchmark are for that. The table of packages in the images is not compared, since it moves with
Debian's updates.
"""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from components.settings.faults import path_of
from components.settings.stack import Settings, validate
from components.sizes import CLASSES
from components.versions import CLUSTER_IMAGES, IMAGES, PINNABLE, ROOT
from model_store.config import StoreConfig, UpstreamConfig, parse
from model_store.metrics import Metrics
from toolchain import catalog, licences

DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
PACKAGES = ("ci", "cli", "components", "echo", "model_store", "ollama", "policies", "replica_agent", "toolchain")
MISSION = DOCS / "mission.md"

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_VARIABLE = re.compile(r"ECHORATOR_[A-Z_]+")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(rf"`((?:{'|'.join((*PACKAGES, 'tests', 'docs', 'images', 'view'))})/[\w./-]+|__main__\.py)`")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


def code(page: Path) -> list[str]:
    text = page.read_text()
    return [*_FENCE.findall(text), *_CODE.findall(_FENCE.sub("", text))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def rows(page: Path) -> Iterator[list[str]]:
    """The cells of each row of the page's tables, heads included."""
    for line in prose(page).splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def anchors(page: Path) -> set[str]:
    """As the usual renderers make them out of headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_links_resolve(page: Path) -> None:
    broken: list[str] = []
    for link in _LINK.findall(prose(page)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pages
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert "up" in targets
    named = {name for text in code(page) for name in re.findall(r"\bmake ([a-z-]+)\b", text)}
    assert named - targets == set()


@pages
def test_paths_exist(page: Path) -> None:
    named = {path for path in _PATH.findall(prose(page)) if "…" not in path}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@functools.cache
def variables_of_the_code() -> frozenset[str]:
    tests = (path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__))
    files = [*sources("*.py"), *sources("*.sh"), ROOT / "Makefile", *tests]
    return frozenset(name for path in files for name in _VARIABLE.findall(path.read_text()))


@pages
def test_variables_of_ours_are_known_to_the_code(page: Path) -> None:
    known = variables_of_the_code()
    # A name that ends in `_` stands for all that begin so.
    assert [
        name for name in set(_VARIABLE.findall(page.read_text())) if not any(one.startswith(name) for one in known)
    ] == []


@pages
def test_no_path_of_one_machine(page: Path) -> None:
    assert re.findall(r"(?:^|[\s`\"'(])/(?:root|work|home)/\S*", page.read_text()) == []


def sources(pattern: str) -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob(pattern)


# -- configuration -------------------------------------------------------------------------------


def described() -> set[str]:
    """Settings that a row of a table begins with, such as `upstreams[].host`."""
    return {name for row in rows(DOCS / "configuration.md") for name in _CODE.findall(row[0])}


def test_every_key_of_pulumi_yaml_is_described() -> None:
    declared: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert set(declared) - described() == set()


def settings_paths(model: type[BaseModel], place: tuple[str | int, ...] = ()) -> Iterator[str]:
    for name, field in model.model_fields.items():
        here = (*place, field.alias or name)
        yield path_of(here)
        inner = re.search(r"components\.settings\.\w+\.(\w+)", str(field.annotation))
        if inner is not None:
            nested = next(one for one in all_models() if one.__name__ == inner[1])
            many = "tuple" in str(field.annotation)
            for path in settings_paths(nested):
                yield f"{path_of(here)}{'[]' if many else ''}.{path}"


def all_models() -> Iterator[type[BaseModel]]:
    todo: list[type[BaseModel]] = [Settings.__mro__[1]]
    while todo:
        model = todo.pop()
        yield model
        todo += model.__subclasses__()


def test_every_setting_is_described() -> None:
    paths = list(settings_paths(Settings))
    assert "servers[].resources.limits.memory" in paths
    known = described()
    # Each table is about one top-level key, whose name its rows leave out.
    missing = [path for path in paths if not {path, re.sub(r"^\w+(\[\])?\.", "", path)} & known]
    told = {f"{place}.resources.{kind}" for place in ("servers[]", "memory") for kind in ("requests", "limits")}
    assert [path for path in missing if path not in told] == []


def test_every_image_is_described() -> None:
    assert set(PINNABLE) <= described()


def test_examples_of_the_configuration_are_legal() -> None:
    examples: dict[str, Any] = {}
    for block in blocks(DOCS / "configuration.md", "yaml"):
        examples |= yaml.safe_load(block)
    assert len(examples) >= 5
    raw = {key.removeprefix("echorator:"): value for key, value in examples.items()}
    # It stands in place of the one.
    del raw["cluster"]
    validate(raw)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*/Pulumi.*.yaml")), ids=lambda path: path.name)
def test_stacks_in_examples_are_legal(path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load(path.read_text())["config"]
    validate({key.removeprefix("echorator:"): one for key, one in config.items() if key.startswith("echorator:")})


def test_examples_of_clusters_are_legal() -> None:
    found = list(blocks(DOCS / "clusters.md", "yaml"))
    assert len(found) >= 5
    for block in found:
        validate({key.removeprefix("echorator:"): value for key, value in yaml.safe_load(block).items()})


# -- tables that repeat the code -----------------------------------------------------------------


def test_classes() -> None:
    found = {row[0].strip("`"): row[1:] for row in rows(DOCS / "server.md") if row[0].strip("`") in CLASSES}
    assert found == {
        name: [size.cpu, size.cpu_limit, size.memory, size.memory_limit, str(size.gpus), size.storage]
        for name, size in CLASSES.items()
    }


def test_metrics_of_the_store() -> None:
    names = {row[0].strip("`") for row in rows(DOCS / "model-store.md") if row[0].startswith("`model_store_")}
    text = Metrics().render().decode()
    assert names == set(re.findall(r"^# TYPE (\S+) (?:counter|gauge)$", text, re.MULTILINE))


def test_config_of_the_store() -> None:
    names = {name for row in rows(DOCS / "model-store.md") for name in _CODE.findall(row[0])}
    own = {field.alias or name for name, field in StoreConfig.model_fields.items()}
    upstream = {f"upstreams[].{field.alias or name}" for name, field in UpstreamConfig.model_fields.items()}
    assert (own - {"upstreams"}) | upstream <= names
    (example,) = blocks(DOCS / "model-store.md", "json")
    assert parse(example, "the example").max_bytes == 20 * 2**30 * 9 // 10


def test_images_and_versions_of_the_local_cluster() -> None:
    text = (DOCS / "local-cluster.md").read_text()
    for image in (*CLUSTER_IMAGES.values(), IMAGES["ollama"]):
        assert f"`{image.reference()}`" in text
    for version in (catalog.KUBERNETES, catalog.ETCD, catalog.KUBE_ROUTER):
        assert f" {version} " in text


def test_versions_that_a_bare_machine_needs() -> None:
    text = (ROOT / "README.md").read_text()
    lines = [re.search(r"^go (\d+)\.(\d+)", file.read_text(), re.MULTILINE) for file in sources("go.mod")]
    major, minor = max((int(line[1]), int(line[2])) for line in lines if line is not None)
    assert f"Go {major}.{minor} or newer" in text
    python = re.search(r'^requires-python = ">=(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert python is not None
    assert f"Python {python[1]}" in text


# -- messages ------------------------------------------------------------------------------------


def texts_of_the_code() -> str:
    """Every text that the sources hold; parts of one that stand on several lines are joined."""
    return "\n".join(
        node.value
        for path in sources("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_messages_in_troubleshooting_are_those_of_the_code() -> None:
    known = texts_of_the_code()
    messages = [
        message
        for row in rows(DOCS / "troubleshooting.md")
        if "Pulumi's own" not in row[0]
        for message in _CODE.findall(row[0])
    ]
    assert len(messages) > 50
    strange = [
        (message, part)
        for message in messages
        for part in message.split("…")
        if part.strip(" ().,:;") and part not in known
    ]
    assert strange == []


# -- mission and licences ------------------------------------------------------------------------


def items() -> list[list[str]]:
    return [row for row in rows(MISSION) if re.match(r"A\d+\.\d+$", row[0])]


def test_items_of_the_mission_are_numbered_in_order() -> None:
    numbers = [tuple(map(int, row[0][1:].split("."))) for row in items()]
    assert numbers == sorted(set(numbers))
    assert {first for first, _ in numbers} == set(range(1, 8))


def test_what_is_said_to_be_there_names_its_code_and_test() -> None:
    for number, _, state, note, where, shown in items():
        assert re.fullmatch(r"there|part|otherwise|not yet: (models lifecycle|clusters and GPU pools|policies"
                            r"|memory store|echo service|monitoring)", state), number  # fmt: skip
        if state == "there":
            assert _PATH.search(where) is not None, number
            assert "tests/" in shown, number
        if state in ("part", "otherwise"):
            assert note, number


def test_tools_are_listed_with_their_licences() -> None:
    assert licences.section(licences.PAGE.read_text(), "tools") == catalog.as_markdown()


def test_python_packages_are_listed_with_their_licences() -> None:
    hint = "write it anew with: python -m toolchain.licences"
    assert licences.section(licences.PAGE.read_text(), "python") == licences.python_table(), hint


def test_npm_packages_are_listed_with_their_licences() -> None:
    assert licences.section(licences.PAGE.read_text(), "npm") == licences.npm_table()


def test_every_section_of_the_licences_is_filled() -> None:
    for name in ("tools", "python", "npm", "images"):
        assert licences.section(licences.PAGE.read_text(), name).count("\n") > 3


def test_a_missing_section_is_named() -> None:
    with pytest.raises(ValueError, match="no section 'other'"):
        licences.section("<!-- tools -->\n<!-- /tools -->\n", "other")


def test_uses_of_packages_follow_what_needs_what() -> None:
    lock: dict[str, Any] = {
        "package": [
            {
                "name": "echorator",
                "dependencies": [{"name": "a"}],
                "dev-dependencies": {"runtime": [{"name": "b"}], "dev": [{"name": "d"}]},
            },
            {"name": "a", "dependencies": [{"name": "c"}]},
            {"name": "b", "dependencies": [{"name": "c"}]},
            {"name": "c"},
            {"name": "d"},
        ]
    }
    assert licences.locked_uses(lock) == {
        "a": "program and toolchain",
        "b": "runtime image",
        "c": "program and toolchain, runtime image",
        "d": "development",
    }


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert text.rstrip().endswith("limitations under the License.")


def test_every_page_can_be_found() -> None:
    """A page that nothing links to is read by nobody."""
    linked = {(page.parent / link.partition("#")[0]).resolve() for page in PAGES for link in _LINK.findall(prose(page))}
    assert [page.name for page in PAGES if page not in linked and page.name != "README.md"] == []
