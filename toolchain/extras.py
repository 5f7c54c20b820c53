"""What only some stacks need on the local cluster, and what takes minutes to build: so it is brought when asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from toolchain import catalog
from toolchain.images import ImageSpec, memory_images, monitoring_images


class Extra(StrEnum):
    """Named as the section of the settings whose `enabled` asks for it."""

    MONITORING = "monitoring"
    MEMORY = "memory"


NONE: frozenset[Extra] = frozenset()
ALL = frozenset(Extra)

_TOOLS: Mapping[Extra, tuple[str, ...]] = {
    Extra.MONITORING: catalog.MONITORING_TOOLS,
    Extra.MEMORY: catalog.MEMORY_TOOLS,
}


def wanted(config: Path) -> frozenset[Extra]:
    """What a stack's configuration file asks for."""
    if not config.is_file():
        return NONE
    content: dict[str, Any] = yaml.safe_load(config.read_text()) or {}
    values: dict[str, Any] = content.get("config") or {}
    return frozenset(one for one in Extra if (values.get(f"echorator:{one}") or {}).get("enabled") is True)


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
    return found
