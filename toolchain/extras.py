"""What only some stacks need on the local cluster, and what takes minutes to build: so it is brought when asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from toolchain import catalog
from toolchain.images import ImageSpec, memory_images, monitoring_images, traces_images


class Extra(StrEnum):
    """What can be asked for."""

    MONITORING = "monitoring"
    MEMORY = "memory"
    TRACES = "traces"


NONE: frozenset[Extra] = frozenset()
ALL = frozenset(Extra)

_TOOLS: Mapping[Extra, tuple[str, ...]] = {
    Extra.MONITORING: catalog.MONITORING_TOOLS,
    Extra.MEMORY: catalog.MEMORY_TOOLS,
    Extra.TRACES: catalog.TRACES_TOOLS,
}
_SECTIONS: Mapping[Extra, tuple[str, ...]] = {
    Extra.MONITORING: ("monitoring",),
    Extra.MEMORY: ("memory",),
    Extra.TRACES: ("monitoring", "collector"),
}
"""Where in the settings; what stands outside must be enabled too."""


def wanted(config: Path) -> frozenset[Extra]:
    """What a stack's configuration file asks for."""
    if not config.is_file():
        return NONE
    content: dict[str, Any] = yaml.safe_load(config.read_text()) or {}
    values: dict[str, Any] = content.get("config") or {}
    return frozenset(one for one in Extra if _enabled(values, *_SECTIONS[one]))


def _enabled(values: Mapping[str, Any], first: str, *inner: str) -> bool:
    section: Mapping[str, Any] = values.get(f"echorator:{first}") or {}
    for name in inner:
        if section.get("enabled") is not True:
            return False
        section = section.get(name) or {}
    return section.get("enabled") is True


def tools(extras: Collection[Extra]) -> tuple[str, ...]:
    """Names of the tools in the catalogue."""
    return tuple(name for one in Extra if one in extras for name in _TOOLS[one])


def images(extras: Collection[Extra]) -> tuple[ImageSpec, ...]:
    """Their images."""
    found: tuple[ImageSpec, ...] = ()
    if Extra.MONITORING in extras:
        found += monitoring_images()
    if Extra.MEMORY in extras:
        found += memory_images()
    if Extra.TRACES in extras:
        found += traces_images()
    return found
