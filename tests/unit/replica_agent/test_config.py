"""The config file and the environment: what is legal, what is refused and how it is said.

Not shown: that the component writes such a file; its own tests show that.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from replica_agent.config import ConfigError, Pod, load, parse, pod_of

LEAST = {"server": "chat", "wantedFile": "/etc/wanted/wanted.json", "ledgerFile": "/data/ledger.json"}


def read(**more: Any) -> Any:
    return parse(json.dumps(LEAST | more), "the config")


def test_defaults() -> None:
    config = read()
    assert config.ollama_url == "http://127.0.0.1:11435"
    assert (config.gate_listen, config.agent_listen) == ("0.0.0.0:11434", "0.0.0.0:11436")
    assert (config.look_seconds, config.drain_settle_seconds, config.drain_limit_seconds) == (60, 5, 290)
    assert (config.clients_may_manage_models, config.read_only, config.api) == (False, False, None)
    assert config.max_request_bytes == 100 * 2**20
    policy = config.pull_policy()
    assert (policy.no_progress_s, policy.deadline_s) == (60, 3600)


def test_everything_can_be_said() -> None:
    config = read(
        ollamaUrl="http://127.0.0.1:1/",
        gateListen="[::]:1",
        agentListen="127.0.0.1:0",
        api={"configMap": "chat-wanted", "key": "wanted.json", "url": "https://api:6443", "account": "/account"},
        lookSeconds=0.5,
        drainSettleSeconds=0,
        drainLimitSeconds=0,
        clientsMayManageModels=True,
        readOnly=True,
        maxRequestBytes=1,
        policy={"noProgressS": 2, "deadlineS": 3.5},
    )
    assert config.ollama_url == "http://127.0.0.1:1"
    assert (config.drain_settle_seconds, config.drain_limit_seconds) == (0, 0)
    assert config.api.account == Path("/account")
    assert config.pull_policy().deadline_s == 3.5


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"ollamaUrl": "https://a:1"}, "http://host:port"),
        ({"ollamaUrl": "http://a:1/x"}, "with nothing after it"),
        ({"gateListen": "11434"}, "0.0.0.0:11434"),
        ({"gateListen": "a:70000"}, "address:port"),
        ({"wantedFile": "wanted.json"}, "absolute path"),
        ({"lookSeconds": 0}, "greater than 0"),
        ({"drainSettleSeconds": -1}, "greater than or equal to 0"),
        ({"maxRequestBytes": 0}, "greater than 0"),
        ({"api": {"configMap": "A", "key": "k"}}, "an object's name"),
        ({"api": {"configMap": "a", "key": "k/v"}}, "a ConfigMap's key"),
        ({"api": {"configMap": "a", "key": "k", "url": "ftp://a:1"}}, "https://host:port or http://host:port"),
        ({"policy": {"noProgressS": 0}}, "policy.noProgressS"),
        ({"server": ""}, "server:"),
    ],
)
def test_refusals(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**more)
    assert said in str(caught.value)
    assert "1 fault(s)" in str(caught.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read(lookSeconds=0, gateListen="x", extra=1)
    assert "3 fault(s)" in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load(tmp_path / "absent.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ConfigError, match=r"\(the document\)"):
        load(tmp_path / "broken.json")


def test_the_pod_is_read_from_the_environment() -> None:
    assert pod_of({"POD_NAMESPACE": "a", "POD_NAME": "b"}) == Pod("a", "b")
    assert pod_of({"POD_NAMESPACE": "a", "POD_NAME": "b", "POD_UID": "c"}).uid == "c"
    with pytest.raises(ConfigError, match="POD_NAMESPACE and POD_NAME"):
        pod_of({})
