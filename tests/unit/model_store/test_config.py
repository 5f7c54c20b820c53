"""The config file's refusals: all at once, with the legal values. Proves nothing about the service itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_store.config import ConfigError, load, parse

GOOD = {
    "root": "/data",
    "listen": "0.0.0.0:5000",
    "maxBytes": None,
    "upstreams": [
        {
            "host": "registry.ollama.ai",
            "alias": "registry-ollama-ai",
            "endpoints": ["http://mirror.local-registry.svc.cluster.local:5000/", "https://registry.ollama.ai"],
        }
    ],
}


def test_the_documented_config_is_read() -> None:
    config = parse(json.dumps(GOOD), "c")
    assert config.address == ("0.0.0.0", 5000)  # noqa: S104
    assert config.max_bytes is None
    assert config.uploads is None
    assert (config.collect.enabled, config.collect.keep_seconds, config.wanted_file) == (False, 604800, None)
    assert config.upstreams[0].endpoints[0] == "http://mirror.local-registry.svc.cluster.local:5000"


def test_ipv6_and_a_free_port() -> None:
    assert parse(json.dumps({**GOOD, "listen": "[::]:0"}), "c").address == ("::", 0)


def test_all_faults_come_together() -> None:
    upstream = {"host": "a", "alias": "Not_A_Label", "endpoints": ["ftp://x", "http://u:p@x", "http://x/v2"]}
    bad: dict[str, object] = {
        "root": "data",
        "listen": "5000",
        "maxBytes": 0,
        "tagFreshSeconds": -1,
        "surprise": 1,
        "upstreams": [upstream, {"host": "a", "alias": "b", "endpoints": []}, {"host": "c", "alias": "b"}],
    }
    with pytest.raises(ConfigError) as caught:
        parse(json.dumps(bad), "config.json")
    text = str(caught.value)
    for words in (
        "config.json has 13 fault(s)",
        "root: Value error, 'data' is not an absolute path, such as /data",
        "listen: Value error, '5000' is not address:port",
        "maxBytes: Input should be greater than 0",
        "tagFreshSeconds",
        "surprise: Extra inputs are not permitted",
        "upstreams.0.alias: Value error, 'Not_A_Label' is not a DNS label",
        "upstreams.0.endpoints.0",
        "no place for a secret",
        "upstreams.0.endpoints.2",
        "upstreams.1.endpoints",
        "upstreams.2.endpoints: Field required",
        "upstreams.1.host: 'a' is taken by upstreams.0",
        "upstreams.2.alias: 'b' is taken by upstreams.1",
    ):
        assert words in text
    assert "u:p" not in text.replace("http://u:p@x", "")


def test_faults_of_the_newer_keys_come_with_the_others() -> None:
    upstream = {"host": "a", "alias": "a", "endpoints": ["http://a"], "credentialsFile": "secrets"}
    bad = {
        "root": "/data",
        "upstreams": [upstream],
        "uploads": {"host": "b c", "alias": "a", "tokenFile": "token"},
        "collect": {"enabled": True, "keepSeconds": -1, "intervalSeconds": 0, "leaseSeconds": 0, "keep": 1},
        "scrubSeconds": -1,
        "scrubBytesPerSecond": 0,
    }
    with pytest.raises(ConfigError) as caught:
        parse(json.dumps(bad), "c")
    text = str(caught.value)
    for words in (
        "c has 11 fault(s)",
        "upstreams.0.credentialsFile: Value error, 'secrets' is not an absolute path",
        "uploads.host",
        "uploads.tokenFile",
        "uploads.alias: 'a' is taken by upstreams.0",
        "collect.keepSeconds",
        "collect.intervalSeconds",
        "collect.leaseSeconds",
        "collect.keep: Extra inputs",
        "scrubSeconds",
        "scrubBytesPerSecond",
        "wantedFile: is required where collect.enabled is true",
    ):
        assert words in text


def test_uploads_as_a_switch_are_refused() -> None:
    """It was one once; a token is needed now."""
    with pytest.raises(ConfigError, match="uploads"):
        parse(json.dumps({**GOOD, "uploads": True}), "c")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"root": 1}'])
def test_what_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="config"):
        parse(text, "config")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json"):
        load(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("listen", "legal"), [("127.0.0.1:5000", True), ("[::1]:5000", True), ("0.0.0.0:5000", False), ("[::]:0", False)]
)
def test_open_uploads_are_for_loopback(listen: str, legal: bool) -> None:
    upstream = {"host": "registry.ollama.ai", "alias": "ollama", "endpoints": ["https://registry.ollama.ai"]}
    text = json.dumps({"root": "/data", "listen": listen, "openUploads": True, "upstreams": [upstream]})
    if legal:
        assert parse(text, "test").open_uploads
    else:
        with pytest.raises(ConfigError, match="openUploads: whoever can push"):
            parse(text, "test")
