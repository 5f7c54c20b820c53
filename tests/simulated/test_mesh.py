"""A real API server with Istio's resource definitions takes every object of docs/mesh.md, strictly.

Not shown: a mesh that runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import yaml

from toolchain.paths import CHECKOUT

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("resources")]

OBJECTS = re.findall(r"^```yaml\n(.*?)^```$", (CHECKOUT / "docs" / "mesh.md").read_text(), re.MULTILINE | re.DOTALL)
KINDS = {"AuthorizationPolicy", "DestinationRule", "NetworkPolicy", "PeerAuthentication"}


@pytest.fixture(scope="module")
def take(kubectl: Callable[..., str]) -> Callable[[str], str]:
    """Have the API server judge a stream of objects, in the default namespace."""

    def taken(text: str) -> str:
        here = text.replace("namespace: echorator-models", "namespace: default")
        dry_run = ("--server-side", "--dry-run=server", "--validate=strict")
        return kubectl("apply", *dry_run, "--filename=-", text=here)

    return taken


def test_every_object_is_taken(take: Callable[[str], str]) -> None:
    assert {yaml.safe_load(one)["kind"] for one in OBJECTS} == KINDS
    assert len(take("---\n".join(OBJECTS)).splitlines()) == len(OBJECTS)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("mode: STRICT", "mode: STRICTEST"), ("action: ALLOW", "verb: ALLOW"), ("interval: 10s", "interval: soon")],
)
def test_a_wrong_one_is_not(take: Callable[[str], str], right: str, wrong: str) -> None:
    [one] = [one for one in OBJECTS if right in one]
    with pytest.raises(AssertionError, match=r"invalid|Invalid|unknown field|not declared|Unsupported"):
        take(one.replace(right, wrong))
