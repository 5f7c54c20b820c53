"""Ollama's own settings: ranges, combinations, and what a version knows.

Not proved: that Ollama does what they say.
"""

from typing import Any

import pytest

from tests.support.settings_cases import cases, check, faults, one, server


def said(image: str | None = None, **keys: Any) -> dict[str, Any]:
    """A configuration of one server with these settings of Ollama."""
    return one(ollama=keys, **({} if image is None else {"pod": {"image": image}}))


@cases(
    (
        "keep-alive",
        said(keepAlive="5 min"),
        "servers[0].ollama.keepAlive: `5 min` is no legal duration: must be a number and a unit (ms, s, m or h)",
    ),
    (
        "longest keep-alive",
        said(keepAlive="9999999999"),
        "servers[0].ollama.keepAlive: `9999999999` is no legal duration: is longer than 292 years",
    ),
    ("load timeout", said(loadTimeout=""), "servers[0].ollama.loadTimeout: `` is no legal duration"),
    ("no context", said(contextLength=0), "servers[0].ollama.contextLength: must be from 1 to 2147483647, not 0"),
    ("nothing at once", said(numParallel=0), "servers[0].ollama.numParallel: must be from 1 to"),
    ("no queue", said(maxQueue=0), "servers[0].ollama.maxQueue: must be from 1 to"),
    ("negative models", said(maxLoadedModels=-1), "servers[0].ollama.maxLoadedModels: must be from 0 to"),
    ("overhead", said(gpuOverhead="1GB"), "servers[0].ollama.gpuOverhead: `1GB` is no legal quantity"),
    (
        "cache without flash attention",
        said(kvCacheType="q8_0"),
        "servers[0].ollama.kvCacheType: `q8_0` needs flash attention, without which Ollama stays at f16",
    ),
    (
        "cache against flash attention",
        said(kvCacheType="q4_0", flashAttention=False),
        "servers[0].ollama.kvCacheType: `q4_0` needs flash attention",
    ),
    (
        "origin without scheme",
        said(origins=["chat.example.com"]),
        "servers[0].ollama.origins[0]: `chat.example.com` is no legal origin: must be such as https://chat.example.com",
    ),
    (
        "two origins in one",
        said(origins=["https://a,https://b"]),
        "servers[0].ollama.origins[0]: `https://a,https://b` is no legal origin",
    ),
    (
        "two wildcards",
        said(origins=["https://*.example.*"]),
        "servers[0].ollama.origins[0]: `https://*.example.*` is no legal origin",
    ),
    ("empty origin", said(origins=["https://a", ""]), "servers[0].ollama.origins[1]: `` is no legal origin"),
    ("quoted origin", said(origins=["'https://a'"]), "servers[0].ollama.origins[0]: `'https://a'` is no legal origin"),
    (
        "setting that was dropped",
        said("docker.io/ollama/ollama:0.30.1", multiuserCache=True),
        "servers[0].ollama.multiuserCache: needs Ollama 0.3.13 or newer, and older than 0.30.0",
    ),
)
def test_refusals(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


@pytest.mark.parametrize(
    "raw",
    [
        said(keepAlive="-1", loadTimeout="1h30m", contextLength=1, numParallel=4, maxLoadedModels=0, maxQueue=1),
        said(flashAttention=True, kvCacheType="q8_0", gpuOverhead="512Mi", schedSpread=True, debug=False),
        said(kvCacheType="f16", flashAttention=False, multiuserCache=True),
        said(origins=["*", "https://*.example.com", "http://localhost:3000", "chrome-extension://abc"]),
        said("docker.io/ollama/ollama:0.30.1", multiuserCache=None),
        {"servers": [server(name="a", ollama={}), server(name="b")]},
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert faults(raw) == []
