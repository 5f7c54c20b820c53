"""What of the operator's bundle is a resource definition, and when a stack's file asks for monitoring."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.monitoring import definitions, wanted

BUNDLE = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  annotations: {a: b}
  name: prometheuses.monitoring.coreos.com
spec: {}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: prometheus-operator
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: probes.monitoring.coreos.com
"""


def test_definitions_are_cut_out_whole() -> None:
    found = dict(definitions(BUNDLE))
    assert list(found) == ["prometheuses.monitoring.coreos.com", "probes.monitoring.coreos.com"]
    assert found["prometheuses.monitoring.coreos.com"].endswith("spec: {}")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("config:\n  echorator:monitoring: {enabled: true}\n", True),
        ("config:\n  echorator:monitoring: {enabled: false}\n", False),
        ("config:\n  echorator:environment: dev\n", False),
        ("", False),
    ],
)
def test_a_stack_asks_for_monitoring(text: str, asked: bool, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(text)
    assert wanted(file) is asked
    assert not wanted(tmp_path / "absent.yaml")
