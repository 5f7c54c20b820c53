"""A bill of materials (CycloneDX 1.6, JSON) of the images that are built here: ``python -m ci.sbom runtime``.

Debian and Python packages come from the record that an image's build leaves, hashes of wheels from ``uv.lock``, Go
modules from the lockfile that the image's program is built from. Without times and random numbers: the same images
give the same document.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import quote

import typer

from toolchain import catalog, paths
from toolchain.images.listing import images
from toolchain.images.packages import Package
from toolchain.images.spec import ImageSpec
from toolchain.licences import normal

SPEC_VERSION = "1.6"
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
"""RFC 4122's for URLs."""
_GO_REQUIRE = re.compile(
    r"^(?:require )?\s*(?P<module>[\w.~-]+\.[\w.~-]+/\S+|[\w.-]+\.\w+) (?P<version>v\S+)", re.MULTILINE
)
_UNSTATED = "see copyright file"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class SbomError(Exception):
    """There is no such image, or it was not built here; says what to do."""


def bill(image: ImageSpec, packages: Iterable[Package], lock: Mapping[str, Any]) -> dict[str, Any]:
    """The document of one image.

    Args:
        image: which one.
        packages: what its build recorded.
        lock: the parsed ``uv.lock``.

    Returns:
        A CycloneDX document; the components sorted by their package URL, each once.
    """
    hashes = _wheels(lock)
    found = {
        component["purl"]: component
        for component in [
            *(_package(one, hashes) for one in packages),
            *(component for binary in image.binaries for component in _go_modules(binary.tool)),
        ]
    }
    listed = [found[purl] for purl in sorted(found)]
    subject = {
        "type": "container",
        "bom-ref": _oci(image),
        "name": image.name,
        "version": image.tag,
        "purl": _oci(image),
        "licenses": [{"license": {"name": image.licence}}],
    }
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {"component": subject},
        "components": listed,
        "dependencies": [
            {"ref": subject["bom-ref"], "dependsOn": [component["bom-ref"] for component in listed]},
            *({"ref": component["bom-ref"]} for component in listed),
        ],
    }
    content = json.dumps(document, sort_keys=True)
    return {**document, "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, content)}"}


def recorded(image: ImageSpec, records: Path) -> list[Package]:
    """What the build of an image has written down.

    Raises:
        SbomError: it was not built on this machine.
    """
    file = records / f"{image.name.split('/', 1)[1].replace('/', '_')}.json"
    try:
        rows = cast("list[dict[str, str]]", json.loads(file.read_text(encoding="utf-8"))["packages"])
    except OSError as error:
        raise SbomError(f"{image.name} was not built here: there is no record {file.name}. Fix: `make up`") from error
    return [Package(**row) for row in rows]


def find(name: str) -> ImageSpec:
    """The image whose repository ends with a name, such as ``runtime`` or ``ollama/ollama``.

    Raises:
        SbomError: there is none.
    """
    for image in images():
        if image.name == name or image.name.endswith(f"/{name}"):
            return image
    known = ", ".join(image.name for image in images())
    raise SbomError(f"there is no image {name!r}; there are: {known}")


def _package(package: Package, hashes: Mapping[tuple[str, str], list[str]]) -> dict[str, Any]:
    if package.source == "python":
        name = normal(package.name)
        purl = f"pkg:pypi/{name}@{quote(package.version)}"
        component = _component(name, package.version, purl, package.licence)
        sums = hashes.get((name, package.version), [])
        # Which of a version's wheels it is depends on the platform; all that the lockfile allows are named.
        return (
            component
            if not sums
            else {**component, "properties": [{"name": "echorator:wheel", "value": one} for one in sums]}
        )
    version = quote(package.version, safe="~")
    purl = f"pkg:deb/debian/{quote(package.name)}@{version}?arch=amd64&distro=debian-{catalog.DEBIAN}"
    licence = package.licence
    if licence == _UNSTATED:
        licence = f"see /usr/share/doc/{package.name}/copyright"
    return _component(package.name, package.version, purl, licence)


def _go_modules(tool: str) -> list[dict[str, Any]]:
    """The program itself, and the modules of the lockfile that it is built from: at most these are in it."""
    for module in catalog.GO_MODULES:
        program = next((one for one in module.programs if one.name == tool), None)
        if program is None:
            continue
        own = _component(
            program.name, program.version, f"pkg:generic/{program.name}@{program.version}", program.licence
        )
        text = (paths.CHECKOUT / "toolchain" / "go" / module.name / "go.mod").read_text(encoding="utf-8")
        return [own, *(_module(found["module"], found["version"]) for found in _GO_REQUIRE.finditer(text))]
    return []


def _module(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:golang/{quote(name.lower(), safe='/')}@{quote(version)}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _component(name: str, version: str, purl: str, licence: str) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [{"license": {"name": licence}}],
    }


def _wheels(lock: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    entries = cast("list[dict[str, Any]]", lock.get("package", []))
    return {
        (normal(str(entry["name"])), str(entry["version"])): sorted(
            str(wheel["hash"]) for wheel in entry.get("wheels", [])
        )
        for entry in entries
        if "version" in entry
    }


def _oci(image: ImageSpec) -> str:
    registry, _, rest = image.name.partition("/")
    base = rest.rsplit("/", 1)[-1]
    return f"pkg:oci/{base}?repository_url={registry}/{rest}&tag={quote(image.tag)}"


def _wanted(names: list[str], folder: Path | None) -> list[ImageSpec]:
    wanted = [find(name) for name in names] if names else list(images())
    if folder is None and len(wanted) != 1:
        raise SbomError("more than one document goes to a folder. Fix: pass --folder, or name one image")
    return wanted


@app.command()
def main(
    names: Annotated[
        list[str] | None, typer.Argument(help="Images, such as `runtime`; all of them by default.")
    ] = None,
    *,
    folder: Annotated[Path | None, typer.Option(help="Write a file for each image here.")] = None,
) -> None:
    """Write the bills of materials: of one image to standard output, of more to a folder."""
    try:
        wanted = _wanted(names or [], folder)
        lock = tomllib.loads((paths.CHECKOUT / "uv.lock").read_text(encoding="utf-8"))
        records = paths.cache_dir() / "images" / "packages"
        documents = {image: json.dumps(bill(image, recorded(image, records), lock), indent=1) for image in wanted}
    except SbomError as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(1) from error
    for image, text in documents.items():
        if folder is None:
            sys.stdout.write(text + "\n")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{image.name.replace('/', '_')}.cdx.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
