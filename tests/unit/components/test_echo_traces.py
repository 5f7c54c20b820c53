"""Traces of the echo service: off by default, and what is asked for when they are on."""

from __future__ import annotations

import pytest

from components import echo_service_objects as objects
from components.settings.checks.echo import CHECKS
from components.settings.echo import EchoSettings


def container(settings: EchoSettings) -> dict[str, object]:
    spec = objects.deployment(prefix="team", settings=settings, image="i", priority="p")
    found: dict[str, object] = spec["template"]["spec"]["containers"][0]
    return found


def test_off_by_default() -> None:
    assert "env" not in container(EchoSettings())
    assert objects.egress_rules(EchoSettings(), []) == []


def test_the_collector_is_named_and_can_be_reached() -> None:
    settings = EchoSettings.model_validate({"traces": {"endpoint": "http://collector.example:4318", "share": 0.1}})
    assert container(settings)["env"] == [
        {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector.example:4318"},
        {"name": "OTEL_TRACES_SAMPLER", "value": "parentbased_traceidratio"},
        {"name": "OTEL_TRACES_SAMPLER_ARG", "value": "0.1"},
    ]
    (rule,) = objects.egress_rules(settings, [])
    assert [one["port"] for one in rule["ports"]] == [4318]


@pytest.mark.parametrize(
    ("traces", "path"),
    [
        ({"endpoint": "collector:4318"}, "echo.traces.endpoint"),
        ({"endpoint": "https://user:password@collector.example"}, "echo.traces.endpoint"),
        ({"endpoint": "https://collector.example", "share": 1.5}, "echo.traces.share"),
    ],
)
def test_faults_are_named(traces: dict[str, object], path: str) -> None:
    assert [fault.path for check in CHECKS for fault in check({"echo": {"traces": traces}})] == [path]


def test_none_where_there_is_none() -> None:
    raw = {"echo": {"traces": {"endpoint": "https://collector.example:4318", "share": 0}}}
    assert [fault for check in CHECKS for fault in check(raw)] == []
