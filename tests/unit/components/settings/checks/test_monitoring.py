"""What the monitoring settings refuse, one message a case."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.settings_cases import faults, server


def monitored(**keys: Any) -> dict[str, Any]:
    return {"servers": [server()], "monitoring": {"enabled": True, **keys}}


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"prometheus": {"retention": "30d", "retentionSize": "16GB", "storage": "20Gi", "scrapeSeconds": 15}},
        {"mode": "existing", "scraperNamespace": "monitoring", "labels": {"release": "prometheus"}},
        {"alertmanager": {"receivers": [{"name": "a", "url": "https://h.example/x"}, {"name": "b", "urlSecret": "s"}]}},
        {"alertmanager": {"quiet": {"start": "22:00", "end": "07:00"}, "deadManUrl": "https://alive.example/x"}},
        {"objectives": {"availability": 0.99, "firstTokenSeconds": 10.0, "tokensPerSecond": 2.5}},
        {"grafana": {"enabled": True, "settings": {"auth.anonymous.enabled": "true"}, "rootUrl": "https://g.example"}},
        {"grafana": {"settings": {"auth.github.client_secret": "$__file{/etc/grafana-credentials/github}"}}},
        {"gpuExporter": {"enabled": True, "mode": "existing", "namespace": "gpu-operator"}},
    ],
)
def test_legal(keys: dict[str, Any]) -> None:
    assert faults(monitored(**keys)) == []


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"prometheus": {"retention": "15"}}, "monitoring.prometheus.retention: `15` must be a number and h, d, w"),
        ({"prometheus": {"retentionSize": "16Gi"}}, "monitoring.prometheus.retentionSize: `16Gi` must be a number"),
        ({"prometheus": {"storage": "20 GB"}}, "monitoring.prometheus.storage: `20 GB` is no legal quantity"),
        ({"prometheus": {"scrapeSeconds": 1}}, "must be a whole number from 5 to 120, not 1"),
        ({"probes": {"seconds": 5}}, "monitoring.probes.seconds: must be a whole number from 10 to 3600, not 5"),
        ({"probes": {"timeoutSeconds": 0}}, "monitoring.probes.timeoutSeconds: must be a whole number from 1 to 600"),
        ({"probes": {"embedding": ["none:1"]}}, "monitoring.probes.embedding[0]: no server has the model `none:1`"),
        (
            {"mode": "existing", "scraperNamespace": "m", "kubeStateMetrics": True},
            "monitoring.kubeStateMetrics: is an exporter that `mode: bring` brings",
        ),
        (
            {"mode": "existing", "scraperNamespace": "m", "probes": {"enabled": True}},
            "monitoring.probes.enabled: is an exporter that `mode: bring` brings",
        ),
        (
            {"mode": "existing", "scraperNamespace": "m", "grafana": {"enabled": True}},
            "monitoring.grafana.enabled: needs the Prometheus that `mode: bring` brings",
        ),
        (
            {"dashboards": False, "grafana": {"enabled": True}},
            "monitoring.grafana.enabled: has nothing to show without `monitoring.dashboards`",
        ),
        (
            {"grafana": {"settings": {"auth.github.client_secret": "abc"}}},
            "monitoring.grafana.settings.auth.github.client_secret: is a secret, and whoever reads the plan sees it",
        ),
        ({"grafana": {"settings": {"enabled": "x"}}}, "`enabled` must be section and key"),
        ({"gpuExporter": {"enabled": True}}, "has no node to run on: `gpuPools` has no pool of NVIDIA's GPUs"),
        (
            {"gpuExporter": {"enabled": True, "mode": "existing"}},
            "monitoring.gpuExporter.namespace: is required with `mode: existing`",
        ),
        (
            {"gpuExporter": {"namespace": "gpu-operator"}},
            "monitoring.gpuExporter.namespace: is only for `mode: existing`",
        ),
        (
            {
                "mode": "existing",
                "scraperNamespace": "m",
                "gpuExporter": {"enabled": True, "mode": "existing", "namespace": "gpu-operator"},
            },
            "monitoring.gpuExporter.enabled: is an exporter that `mode: bring` brings",
        ),
        ({"prometheus": {"replicas": 4}}, "must be a whole number from 1 to 3, not 4"),
        ({"remoteWrite": [{"url": "https://u:p@x.example"}]}, "monitoring.remoteWrite[0].url: must be http"),
        ({"alertmanager": {"deadManUrl": "https://x.example/?token=1"}}, "deadManUrl: must be http"),
        ({"alertmanager": {"quiet": {"start": "22", "end": "07:00"}}}, "quiet.start: `22` must be HH:MM"),
        ({"alertmanager": {"receivers": [{"name": "a"}]}}, "receivers[0]: must have one of `url` and `urlSecret`"),
        (
            {"alertmanager": {"receivers": [{"name": "a", "url": "http://x", "severities": ["high"]}]}},
            "`high` is no severity. Legal values: `critical`, `warning`, `info`",
        ),
        (
            {"alertmanager": {"receivers": [{"name": "a", "url": "http://x"}, {"name": "a", "url": "http://y"}]}},
            "receivers[1].name: `a` is the name of monitoring.alertmanager.receivers[0].name too",
        ),
        ({"objectives": {"availability": 1.0}}, "objectives.availability: must be a share between 0 and 1"),
        ({"objectives": {"firstTokenSeconds": 3.0}}, "objectives.firstTokenSeconds: 3 is no bound of the histogram"),
        ({"mode": "existing"}, "monitoring.scraperNamespace: is required with `mode: existing`"),
        (
            {"mode": "existing", "scraperNamespace": "m", "prometheus": {}},
            "monitoring.prometheus: is about what `mode: bring` brings",
        ),
        ({"labels": {"a": "b"}}, "monitoring.labels: is only for `mode: existing`"),
        ({"runbooks": "https://x.example/"}, "monitoring.runbooks: `https://x.example/` must be a path"),
    ],
)
def test_refused(keys: dict[str, Any], told: str) -> None:
    (fault,) = faults(monitored(**keys))
    assert told in fault
