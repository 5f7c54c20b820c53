"""What of the operator's bundle is a resource definition."""

from __future__ import annotations

from toolchain.monitoring import definitions

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
