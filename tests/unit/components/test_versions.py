"""The runtime image's tag follows its sources, and nothing else; every image has a tag that stays.

Not proved: that the image builder puts exactly these files into the image.
"""

from pathlib import Path

import pytest

from components.versions import (
    CLUSTER_IMAGES,
    IMAGES,
    MEMORY_IMAGES,
    ROOT,
    RUNTIME_TAG,
    image,
    runtime_sources,
    runtime_tag,
    schema_tag,
    view_sources,
)

DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("ollama", "model_store/inner", "components"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "uv.lock").write_text("locked")
    (tmp_path / "ollama/names.py").write_text("a = 1\n")
    (tmp_path / "model_store/inner/blobs.py").write_text("b = 2\n")
    return tmp_path


def test_sources_are_listed_in_order(checkout: Path) -> None:
    assert [path.relative_to(checkout).as_posix() for path in runtime_sources(checkout)] == [
        "model_store/inner/blobs.py",
        "ollama/names.py",
        "uv.lock",
    ]


def test_tag_has_version_and_hash(checkout: Path) -> None:
    version, _, digits = runtime_tag(checkout).partition("-")
    assert version == "1.2.3"
    assert len(bytes.fromhex(digits)) == 6


@pytest.mark.parametrize(
    "path", ["ollama/names.py", "model_store/inner/blobs.py", "uv.lock", "ollama/fresh.py", "ollama/step.sql"]
)
def test_a_change_of_source_is_a_change_of_tag(checkout: Path, path: str) -> None:
    before = runtime_tag(checkout)
    (checkout / path).write_text("changed")
    assert runtime_tag(checkout) != before


def test_a_move_is_a_change_of_tag(checkout: Path) -> None:
    before = runtime_tag(checkout)
    (checkout / "ollama/names.py").rename(checkout / "model_store/names.py")
    assert runtime_tag(checkout) != before


def test_other_files_do_not_count(checkout: Path) -> None:
    before = runtime_tag(checkout)
    (checkout / "components/labels.py").write_text("c = 3\n")
    (checkout / "ollama/notes.txt").write_text("d")
    assert runtime_tag(checkout) == before


def test_a_schema_has_a_tag_of_its_own(checkout: Path) -> None:
    (checkout / "echo/migrations/sql").mkdir(parents=True)
    (checkout / "echo/migrations/sql/0001_first.sql").write_text("SELECT 1;")
    (checkout / "echo/service.py").write_text("a = 1\n")
    before = schema_tag(checkout)
    (checkout / "echo/service.py").write_text("a = 2\n")
    (checkout / "uv.lock").write_text("other")
    assert schema_tag(checkout) == before
    (checkout / "echo/migrations/sql/0002_second.sql").write_text("SELECT 2;")
    assert schema_tag(checkout) != before


def test_this_checkout() -> None:
    assert runtime_tag(ROOT) == RUNTIME_TAG
    assert ROOT / "ollama/names.py" in runtime_sources()


@pytest.mark.parametrize("name", [*IMAGES, *MEMORY_IMAGES, *CLUSTER_IMAGES])
def test_no_tag_floats(name: str) -> None:
    tag = {**IMAGES, **MEMORY_IMAGES, **CLUSTER_IMAGES}[name].tag
    assert tag[0].isdigit() or tag[0] == "v"
    assert "." in tag


def test_digest_is_added_to_the_tag() -> None:
    plain = image("ollama")
    assert image("ollama", {"ollama": DIGEST}) == f"{plain}@{DIGEST}"
    assert image("ollama", {"runtime": DIGEST}) == plain


def test_the_live_view_is_a_part_of_its_image_tag(checkout: Path) -> None:
    assert view_sources(checkout) == []
    before = runtime_tag(checkout, more=view_sources(checkout))
    for name in ("src/main.tsx", "index.html", "node_modules/a/index.js", "dist/index.html"):
        (checkout / "view" / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / "view" / name).write_text("a")
    # What was installed and built beside the sources is none of them.
    assert [path.relative_to(checkout).as_posix() for path in view_sources(checkout)] == [
        "view/index.html",
        "view/src/main.tsx",
    ]
    assert runtime_tag(checkout, more=view_sources(checkout)) != before
