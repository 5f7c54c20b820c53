"""Metrics by TLS in the whole program: who gets a certificate, what mounts it, and where it is on.

Not shown: that the services speak TLS with it (tests/replica_agent/test_metrics_tls.py), and that Prometheus is content
(tests/drill/test_stack.py).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components import ollama_agent
from components.monitoring import tls
from components.settings.stack import SettingsError, validate
from tests.support.pulumi_mocks import Seen, deploy, kinds
from tests.support.settings_cases import server
from tests.unit.components.conftest import write_kubeconfig
from tests.unit.components.test_program import program

TOLD = {"listen": "0.0.0.0:9443", "folder": "/etc/metrics-tls"}
EXISTING = {"enabled": True, "mode": "existing", "scraperNamespace": "theirs"}


@pytest.fixture(autouse=True)
def _kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = {"e": "https://34.1.2.3", "w": "https://34.1.2.4"}
    monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path / "kubeconfig", urls, "e")))


def made(**monitoring: Any) -> Seen:
    """Two clusters with a server and a store each, the echo service, and a Prometheus that is there."""
    roles = (("east", "primary"), ("west", "secondary"))
    config: dict[str, Any] = {
        "clusters": [{"name": name, "context": name[0], "role": role} for name, role in roles],
        "servers": [server(), server(name="spare", cluster="west")],
        "echo": {"enabled": True},
        "monitoring": {**EXISTING, **monitoring},
    }
    return deploy(program, config={f"echorator:{key}": json.dumps(value) for key, value in config.items()})


def pod(seen: Seen, kind: str, name: str) -> Mapping[str, Any]:
    return kinds(seen, f":{kind}")[name]["spec"]["template"]


def mounted(template: Mapping[str, Any], container: str) -> str | None:
    """Name of the Secret with the certificate that a container mounts, and tells on its port by."""
    (one,) = [found for found in template["spec"]["containers"] if found["name"] == container]
    ports = {port["name"]: port["containerPort"] for port in one["ports"]}
    mounts = {mount["name"]: mount for mount in one["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
    assert ("metrics" in ports) == ("metrics-tls" in mounts) == ("metrics-tls" in volumes)
    if "metrics" not in ports:
        return None
    assert ports["metrics"] == 9443
    assert mounts["metrics-tls"] == {"name": "metrics-tls", "mountPath": TOLD["folder"], "readOnly": True}
    # Nobody else in the pod has it: Ollama parses what strangers send.
    others = [found for found in template["spec"]["containers"] if found["name"] != container]
    assert not [found for found in others for mount in found["volumeMounts"] if mount["name"] == "metrics-tls"]
    return str(volumes["metrics-tls"]["secret"]["secretName"])


def test_who_is_scraped_mounts_its_own_certificate() -> None:
    seen = made(tls=True)
    secrets = {one["metadata"]["name"]: one for one in kinds(seen, ":Secret").values()}
    chat, store, echo = (
        pod(seen, "StatefulSet", "chat-pods"),
        pod(seen, "StatefulSet", "store-east-pods"),
        pod(seen, "Deployment", "echo-pods"),
    )
    assert mounted(chat, "agent") == tls.secret("replicas")
    assert mounted(store, "model-store") == tls.secret("model-store")
    assert mounted(echo, "echo") == tls.secret("echo")
    assert {tls.secret(part) for part in ("replicas", "model-store", "echo")} < set(secrets)
    assert json.loads(chat["metadata"]["annotations"][ollama_agent.CONFIG_ANNOTATION])["metricsTls"] == TOLD
    maps = kinds(seen, ":ConfigMap")
    for name in ("store-east-config", "echo-config"):
        assert json.loads(maps[name]["data"]["config.json"])["metricsTls"] == TOLD
    # Prometheus is on the primary cluster alone: on the other one nobody could make anything of it.
    assert mounted(pod(seen, "StatefulSet", "spare-pods"), "agent") is None
    assert mounted(pod(seen, "StatefulSet", "store-west-pods"), "model-store") is None
    assert "metricsTls" not in json.loads(maps["store-west-config"]["data"]["config.json"])


def test_keys_are_secrets() -> None:
    found = kinds(made(tls=True), ":Secret")["metrics-tls-replicas"]
    assert set(found) >= {"metadata", "stringData"}
    assert "4dabf18193072939515e22adb298388d" in found["stringData"]
    assert found["metadata"]["namespace"] == "echorator-models"


def test_off_nothing_changes() -> None:
    seen = made(tls=False)
    assert not [name for kind, name in seen if "metrics-tls" in name or kind.endswith(":Certificates")]
    assert mounted(pod(seen, "StatefulSet", "chat-pods"), "agent") is None


@pytest.mark.parametrize(
    ("environment", "wanted", "monitored", "by_tls"),
    [
        ("prod", None, True, True),
        ("dev", None, True, False),
        ("prod", False, True, False),
        ("dev", True, True, True),
        ("prod", None, False, False),
        ("prod", True, False, False),
    ],
)
def test_where_it_is_on(environment: str, wanted: bool | None, monitored: bool, by_tls: bool) -> None:
    monitoring = {"enabled": monitored, **({} if wanted is None else {"tls": wanted})}
    assert validate({"environment": environment, "monitoring": monitoring}).metrics_tls is by_tls


def test_it_is_yes_or_no() -> None:
    with pytest.raises(SettingsError, match=r"monitoring\.tls: .*true or false"):
        validate({"monitoring": {"enabled": True, "tls": "yes"}})
