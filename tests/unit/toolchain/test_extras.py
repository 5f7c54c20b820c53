"""What a stack's file asks for besides, and that all of it is in the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain import extras
from toolchain.build.catalogue import Catalogue
from toolchain.extras import ALL, NONE, Extra

TRACES = "  echorator:monitoring: {enabled: true, collector: {enabled: true, jaeger: true}}\n"


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("config:\n  echorator:monitoring: {enabled: true}\n", {Extra.MONITORING}),
        (
            "config:\n  echorator:memory: {enabled: true}\n  echorator:monitoring: {enabled: true}\n",
            {Extra.MEMORY, Extra.MONITORING},
        ),
        ("config:\n  echorator:memory: {enabled: true}\n" + TRACES, ALL),
        ("config:\n  echorator:monitoring: {enabled: false, collector: {enabled: true}}\n", NONE),
        ("config:\n  echorator:monitoring: {enabled: true, collector: {jaeger: true}}\n", {Extra.MONITORING}),
        ("config:\n  echorator:monitoring: {enabled: false}\n", NONE),
        ("config:\n  echorator:environment: dev\n", NONE),
        ("", NONE),
    ],
)
def test_a_stack_asks(text: str, asked: set[Extra], tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(text)
    assert extras.wanted(file) == asked
    assert extras.wanted(tmp_path / "absent.yaml") == NONE


def test_their_tools_are_known_and_their_images_made_of_them() -> None:
    assert set(extras.tools(ALL)) <= set(Catalogue().names)
    assert extras.tools(NONE) == ()
    made = {binary.tool for spec in extras.images(ALL) for binary in spec.binaries}
    assert made <= set(extras.tools(ALL))
    assert extras.images(NONE) == ()
