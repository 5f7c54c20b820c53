"""What a monitoring stack on the local cluster needs besides: resource definitions, images, and programs for tests."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from toolchain import catalog
from toolchain.images.spec import Debs
from toolchain.images.unpacked import unpacked
from toolchain.node.api import FIELD_MANAGER, Api
from toolchain.node.errors import NodeError

DEFINITIONS = "prometheus-operator-bundle"
"""Tool that holds the operator's resource definitions, among other objects."""
PROGRAMS = ("promtool", "amtool", "prometheus", "prometheus-alertmanager", "prometheus-node-exporter")
"""Debian's programs with which rules, routes and queries are tested."""

_PACKAGES = Debs(alone=("prometheus", "prometheus-alertmanager", "prometheus-node-exporter"))
_KIND = re.compile(r"^kind: CustomResourceDefinition$", re.MULTILINE)
_NAME = re.compile(r"^  name: ([a-z.]+\.monitoring\.coreos\.com)$", re.MULTILINE)
_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definitions(bundle: str) -> Iterator[tuple[str, str]]:
    """Name and text of each resource definition in the operator's bundle.

    It is four megabytes of YAML, which the API server reads faster than we do: so it is cut, not parsed.
    """
    for document in bundle.split("\n---\n"):
        name = _NAME.search(document)
        if _KIND.search(document) and name is not None:
            yield name[1], document


def install_definitions(api: Api, bundle: Path, progress: Callable[[str, str], None]) -> None:
    """Bring the operator's resource definitions to the API server, and wait until it serves them.

    Raises:
        NodeError: one was refused.
    """
    for name, text in definitions(bundle.read_text()):
        progress("resource definitions", name)
        path = f"{_PATH}/{name}"
        if (api.get(path) or {}).get("metadata", {}).get("annotations", {}).get(_MARK) == catalog.PROMETHEUS_OPERATOR:
            continue
        status, body = api.request(
            "PATCH",
            f"{path}?fieldManager={FIELD_MANAGER}&force=true",
            text.encode(),
            "application/apply-patch+yaml",
        )
        if status not in (http.client.OK, http.client.CREATED):
            raise NodeError(f"the definition {name} was refused ({status}): {body.decode(errors='replace')[:400]}")


_MARK = "operator.prometheus.io/version"


def programs(cache: Path) -> Mapping[str, Path]:
    """Debian's programs for tests, by name; fetched and unpacked below the images' cache where they are not there.

    Raises:
        ImageError: apt cannot fetch them, or a package cannot be read.
    """
    folder = unpacked(cache, _PACKAGES)
    return {name: folder / "usr/bin" / name for name in PROGRAMS}
