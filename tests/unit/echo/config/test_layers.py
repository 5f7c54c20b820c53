"""The order of settings, and what is said of wrong ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from echo.config.layers import Layers
from echo.config.model import EchoConfig
from replica_agent.fields import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "config.json"
    found.write_text(
        json.dumps({"queue": {"size": 1, "waitSeconds": 11}, "servers": [{"name": "a", "pods": "a-pods"}]})
    )
    return found


def test_nothing_is_the_defaults() -> None:
    assert Layers(None, {}).read() == EchoConfig()


def test_later_layers_count_more_and_leave_the_rest(file: Path) -> None:
    environment = {"ECHO_QUEUE__SIZE": "2", "ECHO_LIMITS__MAX_REQUEST_BYTES": "7", "PATH": "/bin"}
    assert Layers(file, environment).read().queue.size == 2
    found = Layers(file, environment, ["queue.size=3", "auth.anonymous=true"]).read()
    assert (found.queue.size, found.queue.wait_seconds, found.limits.max_request_bytes) == (3, 11, 7)
    assert found.auth.anonymous
    assert [server.name for server in found.servers] == ["a"]


def test_a_list_is_replaced_whole(file: Path) -> None:
    found = Layers(file, {"ECHO_SERVERS": '[{"name": "b", "url": "http://b:1"}]'}).read()
    assert [server.name for server in found.servers] == ["b"]


def test_a_text_needs_no_quotes() -> None:
    assert Layers(None, {"ECHO_LISTEN__MAIN": "127.0.0.1:80"}).read().listen.main == "127.0.0.1:80"


@pytest.mark.parametrize(
    ("environment", "arguments", "told"),
    [
        ({"ECHO_QUEUE__SIZE": "-1"}, [], "queue.size"),
        ({"ECHO_QUEU__SIZE": "1"}, [], "queu"),
        ({"ECHO___": "1"}, [], "is no setting"),
        ({}, ["queue"], "write SECTION.KEY=VALUE"),
        ({}, ["queue=1", "queue.size=1"], "is no section"),
        ({"ECHO_SERVERS": '[{"name": "a"}]'}, [], "either `pods`"),
        (
            {"ECHO_SERVERS": '[{"name": "a", "url": "http://h"}, {"name": "a", "url": "http://h"}]'},
            [],
            "more than once",
        ),
        (
            {"ECHO_AUTH__OIDC": '{"issuer":"i","audience":"a","jwksUrl":"https://h/k","algorithms":["HS256"]}'},
            [],
            "HS256|RS256",
        ),
    ],
)
def test_wrong_settings(environment: dict[str, str], arguments: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Layers(None, environment, arguments).read()


def test_every_fault_at_once(file: Path) -> None:
    file.write_text(json.dumps({"queue": {"size": -1}, "limits": {"websockets": -1}, "x": 1}))
    with pytest.raises(ConfigError, match="has 3 fault") as found:
        Layers(file, {}).read()
    assert str(file) in str(found.value)


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_file_that_is_no_object(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"config\.json"):
        Layers(file, {}).read()
