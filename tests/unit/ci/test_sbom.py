"""The bill of materials has every package of an image once, by a package URL that advisories are found by.

Not shown: that CycloneDX's schema accepts it; that was tried by hand with cyclonedx-python-lib's strict validator.
"""

import json
from pathlib import Path

import pytest

from ci.sbom import SbomError, bill, find, recorded
from toolchain import catalog
from toolchain.images.packages import Package

LOCK = {
    "package": [
        {"name": "typing-extensions", "version": "4.15.0", "wheels": [{"hash": "sha256:b"}, {"hash": "sha256:a"}]}
    ]
}
PACKAGES = [
    Package("debian", "libstdc++6", "1:12.2.0-14+deb12u1", "see copyright file"),
    Package("python", "typing_extensions", "4.15.0", "PSF-2.0"),
    Package("python", "typing_extensions", "4.15.0", "PSF-2.0"),
]


def test_packages() -> None:
    document = bill(find("runtime"), PACKAGES, LOCK)
    deb, wheel = document["components"]
    assert deb["purl"] == "pkg:deb/debian/libstdc%2B%2B6@1%3A12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12"
    assert deb["licenses"] == [{"license": {"name": "see /usr/share/doc/libstdc++6/copyright"}}]
    assert wheel["purl"] == "pkg:pypi/typing-extensions@4.15.0"
    assert [one["value"] for one in wheel["properties"]] == ["sha256:a", "sha256:b"]
    assert document["metadata"]["component"]["name"] == "ghcr.io/echorator/runtime"


def test_every_component_is_one_that_the_image_depends_on() -> None:
    document = bill(find("ollama/ollama"), PACKAGES, LOCK)
    refs = [component["bom-ref"] for component in document["components"]]
    assert document["dependencies"][0]["dependsOn"] == refs == sorted(set(refs))
    assert [one["ref"] for one in document["dependencies"][1:]] == refs


def test_a_program_that_is_built_brings_its_modules() -> None:
    purls = {component["purl"] for component in bill(find("ollama/ollama"), [], LOCK)["components"]}
    assert f"pkg:generic/ollama@{catalog.OLLAMA}" in purls
    assert f"pkg:golang/github.com/ollama/ollama@v{catalog.OLLAMA}" in purls
    assert len(purls) > 20
    assert not any(" " in purl or "//" in purl for purl in purls)


def test_the_same_image_gives_the_same_document() -> None:
    one, other = bill(find("runtime"), PACKAGES, LOCK), bill(find("runtime"), reversed(PACKAGES), LOCK)
    assert one == other
    assert one["serialNumber"] != bill(find("runtime"), PACKAGES[:1], LOCK)["serialNumber"]


def test_the_record_of_a_build(tmp_path: Path) -> None:
    image = find("runtime")
    rows = [{"source": "debian", "name": "a", "version": "1", "licence": "MIT"}]
    (tmp_path / "echorator_runtime.json").write_text(json.dumps({"inputs": "x", "packages": rows}))
    assert recorded(image, tmp_path) == [Package("debian", "a", "1", "MIT")]


def test_what_was_not_built_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        SbomError, match=r"was not built here: there is no record echorator_runtime\.json\. Fix: `make up`"
    ):
        recorded(find("runtime"), tmp_path)


def test_an_unknown_image_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SbomError, match=r"no image 'nope'; there are: .*ghcr\.io/echorator/runtime"):
        find("nope")
