"""The model store: its own settings, and that it can fetch what the servers want.

Not proved: that a registry is there, and takes the credentials.
"""

from typing import Any

import pytest

from tests.support.settings_cases import cases, check, faults, model, one

UPSTREAM = {"host": "registry.ollama.ai"}


@cases(
    ("store's storage", {"modelStore": {"storage": "0Gi"}}, "modelStore.storage: `0Gi` is no legal quantity"),
    (
        "no upstreams",
        {"modelStore": {"upstreams": []}},
        "modelStore.upstreams: is empty, so the store could fetch nothing",
    ),
    (
        "upstream with scheme",
        {"modelStore": {"upstreams": [{"host": "https://r.io"}]}},
        "modelStore.upstreams[0].host: `https://r.io` is no registry",
    ),
    (
        "upstream twice",
        {"modelStore": {"upstreams": [UPSTREAM, UPSTREAM]}},
        "modelStore.upstreams[1].host: its service would be called `registry-ollama-ai`, like that of modelStore",
    ),
    (
        "upstreams of one alias",
        {"modelStore": {"upstreams": [{"host": "a.b"}, {"host": "a-b"}]}},
        "modelStore.upstreams[1].host: its service would be called `a-b`",
    ),
    (
        "mirror",
        {"modelStore": {"upstreams": [{**UPSTREAM, "mirrors": ["mirror:5000"]}]}},
        "modelStore.upstreams[0].mirrors[0]: `mirror:5000` is no legal URL",
    ),
    (
        "mirror with password",
        {"modelStore": {"upstreams": [{**UPSTREAM, "mirrors": ["http://u:pw@m"]}]}},
        "mirrors[0]: holds a user or password",
    ),
    (
        "source outside the store",
        one(models=[{"name": "a", "source": "hf.co/x/y"}]),
        "servers[0].models[0].source: comes from `hf.co`, which the model store does not fetch from.",
    ),
    (
        "uploads without a store",
        {"modelStore": {"enabled": False, "uploads": True}},
        "modelStore.uploads: is true, but there is no store",
    ),
    (
        "name of a Secret",
        {"modelStore": {"upstreams": [{**UPSTREAM, "credentialsSecret": "My_Secret"}]}},
        "modelStore.upstreams[0].credentialsSecret: `My_Secret` is no legal name of a Secret",
    ),
    (
        "negative hours",
        {"modelStore": {"collect": {"keepHours": -1}}},
        "modelStore.collect.keepHours: must be a number of hours from 0 on, not -1",
    ),
    (
        "infinite hours",
        {"modelStore": {"collect": {"keepHours": float("inf")}}},
        "modelStore.collect.keepHours: must be a number of hours from 0 on, not inf. To keep everything",
    ),
    (
        "hours that are none",
        {"modelStore": {"collect": {"keepHours": float("nan")}}},
        "modelStore.collect.keepHours: must be a number of hours",
    ),
    (
        "host with a path",
        {"modelStore": {"upstreams": [{"host": "r.io/x"}]}},
        "modelStore.upstreams[0].host: `r.io/x` is no registry",
    ),
)
def test_refusals(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


@pytest.mark.parametrize(
    "raw",
    [
        {"modelStore": {"collect": {"enabled": False, "keepHours": 0}, "uploads": True}},
        {"modelStore": {"collect": {"keepHours": 1.5}}},
        {"modelStore": {"upstreams": [{**UPSTREAM, "credentialsSecret": "hub-login"}, {"host": "hf.co"}]}},
        # What is made is not fetched, whatever host its name has.
        model(name="example.com/team/made", create={"from": "base"}),
        # A server that was adopted fetches for itself.
        {"servers": [{"name": "far", "url": "http://h", "models": [{"name": "hf.co/x/y"}]}]},
        {"modelStore": {"enabled": False}, **one(models=[{"name": "hf.co/x/y"}])},
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert faults(raw) == []
