"""Prefix, cluster and images: what is legal, and what is told where it is not.

Not proved: that the names are there in a cluster.
"""

from typing import Any

import pytest

from tests.support.settings_cases import DIGEST, cases, check, faults


@cases(
    ("bad prefix", {"namespace": "My_Stack"}, "namespace: `My_Stack` is no legal name: at most 40 lower-case letters"),
    ("long prefix", {"namespace": "a" * 41}, "namespace: `" + "a" * 41 + "` is no legal name"),
    ("empty context", {"cluster": {"context": ""}}, "cluster.context: is empty: must be a name, or left out"),
    (
        "name of the API server",
        {"cluster": {"apiServer": ["api.example.com:6443"]}},
        "cluster.apiServer[0]: `api.example.com:6443` must be ADDRESS:PORT",
    ),
    (
        "API server without a port",
        {"cluster": {"apiServer": ["10.0.0.1"]}},
        "cluster.apiServer[0]: `10.0.0.1` must be ADDRESS:PORT",
    ),
    (
        "address range",
        {"cluster": {"apiServerCidrs": ["10.0.0.0/33"]}},
        "cluster.apiServerCidrs[0]: must be an address range such as 10.0.0.0/24",
    ),
    (
        "unknown image",
        {"imageDigests": {"olama": DIGEST}},
        "imageDigests.olama: unknown image. Legal names: `ollama`, `runtime`",
    ),
    ("image digest", {"imageDigests": {"ollama": "latest"}}, "imageDigests.ollama: `latest` is no digest"),
    (
        "name of a storage class",
        {"cluster": {"storageClass": "Fast SSD"}},
        "cluster.storageClass: `Fast SSD` is no legal name of a storage class",
    ),
    (
        "address without range",
        {"cluster": {"apiServerCidrs": ["10.0.0.1"]}},
        "cluster.apiServerCidrs[0]: must be an address range such as 10.0.0.0/24: `10.0.0.1` has no plain",
    ),
    (
        "address range with a netmask",
        {"cluster": {"apiServerCidrs": ["10.0.0.0/255.0.0.0"]}},
        "cluster.apiServerCidrs[0]: must be an address range",
    ),
    (
        "address range with host bits",
        {"cluster": {"apiServerCidrs": ["10.0.0.1/8"]}},
        "cluster.apiServerCidrs[0]: must be an address range such as 10.0.0.0/24: 10.0.0.1/8 has host bits set",
    ),
)
def test_refusals(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


@pytest.mark.parametrize(
    "raw",
    [
        {"namespace": "a" * 40},
        {"cluster": {"context": "x y", "storageClass": "fast-ssd.example.com"}},
        {"cluster": {"apiServerCidrs": ["10.0.0.0/8", "192.168.0.1/32", "fd00::/8"]}},
        {"imageDigests": {"ollama": DIGEST, "runtime": DIGEST}},
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert faults(raw) == []
