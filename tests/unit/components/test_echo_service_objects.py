"""The echo service's objects where it has a memory: config, Secret, label, the way out.

Objects without one are seen by the policies (tests/policies) and on the cluster (tests/integration/test_echo.py).
"""

from __future__ import annotations

import json
from typing import Any

from components import echo_service_objects as objects
from components.memory import names as memory_names
from components.settings.echo import EchoEmbedderSettings, EchoKeySettings, EchoMemorySettings, EchoSettings
from echo.auth.keys import KeyFile
from echo.config.model import EchoConfig

EMBEDDER = EchoEmbedderSettings(model="all-minilm:22m", width=384)


def settings(**memory: Any) -> EchoSettings:
    return EchoSettings(enabled=True, memory=EchoMemorySettings(embedder=EMBEDDER, **memory))


def pod_of(chosen: EchoSettings) -> dict[str, Any]:
    made = objects.deployment(prefix="e", settings=chosen, image="i", priority="p")
    template: dict[str, Any] = made["template"]
    return template


def test_the_config_names_the_mounted_file_and_the_embedder() -> None:
    config = EchoConfig.model_validate_json(objects.config(settings(cognition=False), [], "e-models"))
    assert config.memory is not None
    assert str(config.memory.database_url_file) == "/etc/echo-memory/url"
    assert (config.memory.embedder.model, config.memory.embedder.width) == ("all-minilm:22m", 384)
    assert config.memory.cognition is False
    assert "memory" not in json.loads(objects.config(EchoSettings(enabled=True), [], "e-models"))


def test_the_secret_is_mounted_whole_and_may_be_missing() -> None:
    pod = pod_of(settings(urlSecret="other"))
    assert pod["metadata"]["labels"][memory_names.CLIENT] == "true"
    [volume] = [one for one in pod["spec"]["volumes"] if one["name"] == "memory"]
    assert volume["secret"] == {"secretName": "other", "defaultMode": 0o440, "optional": True}
    [container] = pod["spec"]["containers"]
    [mount] = [one for one in container["volumeMounts"] if one["name"] == "memory"]
    assert mount == {"name": "memory", "mountPath": "/etc/echo-memory", "readOnly": True}
    assert not [one for one in container.get("env", ()) if "URL" in one["name"]]


def test_without_a_memory_nothing_of_it_is_there() -> None:
    pod = pod_of(EchoSettings(enabled=True))
    assert memory_names.CLIENT not in pod["metadata"]["labels"]
    assert "memory" not in [one["name"] for one in pod["spec"]["volumes"]]


def test_only_a_database_elsewhere_needs_a_port_to_anywhere() -> None:
    """The stack's own store has a policy for its clients."""
    assert objects.egress_rules(settings(), []) == []
    [rule] = objects.egress_rules(settings(port=5433), [])
    assert rule["ports"] == [{"protocol": "TCP", "port": 5433}]


def test_keys_carry_their_spaces() -> None:
    key = EchoKeySettings(name="ann", spaces=("home", "work"), space="home")
    text = objects.keys_file(EchoSettings(enabled=True, keys=(key,)), {"ann": "ek-x"})
    [entry] = KeyFile.model_validate_json(text).keys
    assert (entry.spaces, entry.space) == (("home", "work"), "home")
