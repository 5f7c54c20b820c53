"""Configurations to change one thing in, and the faults that the settings find in them."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from components.settings import stack as settings
from components.settings.stack import SettingsError

DIGEST = "sha256:" + "ab" * 32

SERVER: dict[str, Any] = {
    "name": "chat",
    "resources": {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "3Gi"}},
    "storage": "4Gi",
    "models": [{"name": "smollm2:135m"}],
}

POOL: dict[str, Any] = {
    "name": "l4",
    "accelerator": "nvidia-l4",
    "existing": {"selector": {"gpu": "l4"}},
}
"""A legal GPU pool of one node with one GPU."""

Case = tuple[str, dict[str, Any], str]
"""Name of the case, a configuration, and a part of the only fault in it."""


def server(**changes: Any) -> dict[str, Any]:
    """A legal server with some keys changed; None takes a key away."""
    found = {**copy.deepcopy(SERVER), **changes}
    return {key: value for key, value in found.items() if value is not None}


def one(**changes: Any) -> dict[str, Any]:
    """A configuration of one server with some of its keys changed."""
    return {"servers": [server(**changes)]}


def prod(**changes: Any) -> dict[str, Any]:
    """The same for production, with a digest for its model."""
    return {"environment": "prod", **one(**{"models": [{"name": "a", "digest": DIGEST}], **changes})}


def model(**keys: Any) -> dict[str, Any]:
    """A configuration of one server that has this model and one called `base`."""
    return one(models=[{"name": "a", **keys}, {"name": "base"}])


def refusal(raw: Mapping[str, Any]) -> list[str]:
    """The faults, which there must be."""
    with pytest.raises(SettingsError) as caught:
        settings.validate(raw)
    return [str(fault) for fault in caught.value.faults]


def faults(raw: Mapping[str, Any]) -> list[str]:
    """The faults, if there are any."""
    try:
        settings.validate(raw)
    except SettingsError as error:
        return [str(fault) for fault in error.faults]
    return []


def check(raw: Mapping[str, Any], told: str) -> None:
    """There is one fault, and it says `told`."""
    found = refusal(raw)
    assert len(found) == 1, found
    assert told in found[0]


def cases(*rows: Case) -> pytest.MarkDecorator:
    """Runs a test with `raw` and `told` of each row."""
    return pytest.mark.parametrize(("raw", "told"), [row[1:] for row in rows], ids=[row[0] for row in rows])


def sized(requests: Mapping[str, str], limits: Mapping[str, str]) -> dict[str, Any]:
    """A configuration of one server with these resources."""
    return one(resources={"requests": requests, "limits": limits})
