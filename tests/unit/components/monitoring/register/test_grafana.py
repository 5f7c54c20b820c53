"""Grafana as a stack registers it: what it asks, how it answers, who gets in, and that no secret stands in the plan.

Not proved: that Grafana starts; it cannot be had from package registries. Its image takes what is said here by the
documentation of its release.
"""

from __future__ import annotations

from configparser import ConfigParser
from typing import Any

import pytest
import yaml

from components.monitoring.dashboards import BOARDS
from tests.support.pulumi_mocks import Seen, kinds
from tests.unit.components.test_monitoring_stack import COLLECTOR, made, own, spec

pytestmark = pytest.mark.usefixtures("local_kubeconfig")

ON: dict[str, Any] = {"grafana": {"enabled": True}}


def pod(seen: Seen) -> dict[str, Any]:
    return spec(seen, "Deployment", "m-grafana")["template"]["spec"]


def ini(seen: Seen) -> dict[str, str]:
    """Its settings by section and key."""
    parser = ConfigParser(interpolation=None)
    parser.read_string(kinds(seen, ":ConfigMap")["m-grafana-config"]["data"]["grafana.ini"])
    return {f"{section}.{key}": value for section in parser.sections() for key, value in parser.items(section)}


def sources(seen: Seen) -> dict[str, dict[str, Any]]:
    data = kinds(seen, ":ConfigMap")["m-grafana-config"]["data"]
    return {one["type"]: one for one in yaml.safe_load(data["datasources.yaml"])["datasources"]}


def test_there_is_none_unless_asked_for() -> None:
    assert not [name for name in own(made()) if "grafana" in name]


def test_it_asks_what_the_stack_has_and_shows_every_board() -> None:
    seen = made(**ON, collector=COLLECTOR)
    found = sources(seen)
    assert {kind: one["url"] for kind, one in found.items()} == {
        "prometheus": "http://prometheus-operated.team-monitoring.svc.cluster.local:9090",
        "alertmanager": "http://alertmanager-operated.team-monitoring.svc.cluster.local:9093",
        "jaeger": "http://jaeger.team-monitoring.svc.cluster.local:16686",
    }
    assert [kind for kind, one in found.items() if one.get("isDefault")] == ["prometheus"]
    volumes = {one["name"]: one for one in pod(seen)["volumes"]}
    mounted = [one["configMap"]["name"] for one in volumes["dashboards"]["projected"]["sources"]]
    boards = kinds(seen, ":ConfigMap")
    assert mounted == [boards[f"m-dashboard-{board.name}"]["metadata"]["name"] for board in BOARDS]
    # What is mounted is looked for where it lies.
    (container,) = pod(seen)["containers"]
    places = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    provider = yaml.safe_load(boards["m-grafana-config"]["data"]["dashboards.yaml"])["providers"][0]
    assert provider["options"]["path"] == places["dashboards"]
    told = {one["name"]: one["value"] for one in container["env"]}
    # Variables of the image would win over a file.
    assert told["GF_PATHS_PROVISIONING"] == places["provisioning"]
    assert told["GF_PATHS_CONFIG"] == f"{places['provisioning']}/grafana.ini"
    writable = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
    assert told["GF_PATHS_DATA"] in writable
    assert all(told[f"GF_PATHS_{name}"].startswith(f"{told['GF_PATHS_DATA']}/") for name in ("LOGS", "PLUGINS"))
    kept = {one["path"].partition("/")[0] for one in volumes["provisioning"]["configMap"]["items"]}
    assert kept == {"grafana.ini", "datasources", "dashboards", "alerting", "plugins"}


def test_without_jaeger_it_asks_none() -> None:
    assert set(sources(made(**ON))) == {"prometheus", "alertmanager"}


def test_by_tls_it_answers_and_asks_so() -> None:
    seen = made(**ON, tls=True)
    found = sources(seen)
    places = {one["name"]: one["mountPath"] for one in pod(seen)["containers"][0]["volumeMounts"]}
    for kind in ("prometheus", "alertmanager"):
        assert found[kind]["url"].startswith("https://")
        assert found[kind]["jsonData"]["tlsAuthWithCACert"] is True
        assert found[kind]["secureJsonData"]["tlsCACert"] == f"$__file{{{places['trust']}/ca.crt}}"
    told = ini(seen)
    assert told["server.protocol"] == "https"
    assert told["server.cert_file"] == f"{places['metrics-tls']}/tls.crt"
    (container,) = pod(seen)["containers"]
    probes = [container[name]["httpGet"]["scheme"] for name in ("readinessProbe", "startupProbe", "livenessProbe")]
    assert probes == ["HTTPS"] * 3
    (endpoint,) = spec(seen, "PodMonitor", "m-podmonitor-grafana")["podMetricsEndpoints"]
    assert (endpoint["scheme"], endpoint["tlsConfig"]["serverName"]) == ("https", "grafana.team-monitoring.svc")


def test_its_password_is_made_and_stands_in_a_secret_alone() -> None:
    seen = made(**ON)
    assert {name for name in kinds(seen, "RandomPassword") if "grafana" in name} == {
        "m-grafana-password",
        "m-grafana-secret-key",
    }
    told = ini(seen)
    assert told["security.admin_password"] == "$__file{/etc/grafana-secrets/password}"
    assert told["security.secret_key"] == "$__file{/etc/grafana-secrets/secret-key}"
    # Wrapped, as the engine has what is secret.
    kept = kinds(seen, ":Secret")["m-grafana-admin"]["stringData"]
    assert set(kept["value"]) == {"password", "secret-key"}


def test_marked_clients_and_prometheus_get_in_and_it_gets_out_to_three() -> None:
    seen = made(**ON, collector=COLLECTOR)
    policy = spec(seen, "NetworkPolicy", "m-network-grafana")
    assert [port["port"] for way in policy["egress"] for port in way["ports"]] == [9090, 9093, 16686]
    assert {port["port"] for way in policy["ingress"] for port in way["ports"]} == {3000}
    labels = spec(seen, "Deployment", "m-grafana")["template"]["metadata"]["labels"]
    # As which it is let in by those that it asks.
    assert labels["echorator.dev/metrics-client"] == "true"


def test_settings_of_its_own_win_and_addresses_in_them_are_open() -> None:
    own_settings = {
        "auth.generic_oauth.enabled": "true",
        "auth.generic_oauth.token_url": "https://id.example:8443/token",
        "auth.generic_oauth.client_secret": "$__file{/etc/grafana-credentials/client}",
        "log.mode": "console file",
        "auth.generic_oauth.name": "Sign in; here #1",
    }
    given = {
        "enabled": True,
        "rootUrl": "https://grafana.example",
        "settings": own_settings,
        "credentialsSecret": "sso",
    }
    seen = made(grafana=given)
    told = ini(seen)
    assert told["auth.generic_oauth.client_secret"] == own_settings["auth.generic_oauth.client_secret"]
    assert told["log.mode"] == "console file"
    # Else Grafana would read a comment.
    assert told["auth.generic_oauth.name"] == '"""Sign in; here #1"""'
    assert told["server.root_url"] == "https://grafana.example"
    assert {"name": "credentials", "secret": {"secretName": "sso", "defaultMode": 0o440}} in pod(seen)["volumes"]
    policy = spec(seen, "NetworkPolicy", "m-network-grafana")
    assert 8443 in [port["port"] for way in policy["egress"] for port in way["ports"]]
