"""Whether a cluster writes Secrets encrypted to its database: what can be seen of it from outside, and what cannot.

An API server counts how it encodes what it stores, by the encoding's prefix. One that was given an encryption
provider shows `k8s:enc:...` for Secrets; one that was not shows nothing. Clouds that hide theirs say in their
documentation what they do. Kubernetes: https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/
"""

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from components.kube_api import KubeApi, KubeApiError

State = Literal["encrypted", "byTheCloud", "clear", "unknown"]

PROBE = "at-rest-probe"

_SAMPLE = re.compile(r"^apiserver_storage_transformation_operations_total\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

_PLAIN = ("", "identity")
"""Prefixes of what is in clear, where it is written and where it is read. Others than these and `k8s:enc:...` are names
of keys: a provider counts once more which of its keys it took."""

_CLOUDS = {
    "aws": "EKS encrypts all that its API server stores since Kubernetes 1.28 (its documentation; not seen here)",
    "gce": "GKE encrypts the disks below its API server (its documentation; not seen here)",
    "azure": "AKS encrypts the disks below its API server (its documentation; not seen here)",
}
"""Beginning of a node's provider id to what the managed Kubernetes there says of itself."""


@dataclass(frozen=True)
class Finding:
    """What was found, and by what it is known."""

    state: State
    how: str


def judge(metrics: str | None, provider_ids: Iterable[str], *, wrote: bool) -> Finding:
    """What the API server's samples and the nodes' owners say.

    Args:
        metrics: the API server's, in Prometheus' text; None where they may not be read.
        provider_ids: of the nodes, such as `aws:///eu-central-1a/i-0`.
        wrote: whether a Secret was written just before, through the same server.
    """
    written, stored = _prefixes(metrics or "")
    encrypting = sorted(prefix for prefix in written or stored if prefix.startswith("k8s:enc:"))
    plain = [prefix for prefix in written or stored if prefix in _PLAIN]
    if encrypting and not plain:
        return Finding("encrypted", f"the API server writes Secrets as {', '.join(encrypting)}")
    if plain:
        return Finding("clear", "the API server has an encryption provider, but writes Secrets in clear")
    for cloud, told in _CLOUDS.items():
        if any(one.startswith(f"{cloud}://") for one in provider_ids):
            return Finding("byTheCloud", told)
    if metrics is None:
        return Finding("unknown", "the API server's /metrics may not be read with these credentials")
    if wrote:
        return Finding("clear", "a Secret was written, and the API server has no encryption provider for it")
    return Finding("unknown", "the API server has not encoded a Secret since it started")


def look(api: KubeApi, namespace: str) -> Finding:
    """Write a Secret, take it away, and see how the API server encoded it.

    The client keeps its connection, so it is one and the same of several API servers that is asked.

    Raises:
        KubeUnreachableError: it does not answer.
    """
    base = f"/api/v1/namespaces/{namespace}/secrets"
    body = {"metadata": {"name": PROBE}, "type": "Opaque", "stringData": {"probe": "nothing"}, "immutable": True}
    try:
        # One that an interrupted look has left.
        api.delete(f"{base}/{PROBE}")
        wrote = api.create(base, body, manager="echorator") is not None
        api.delete(f"{base}/{PROBE}")
    except KubeApiError:
        wrote = False
    try:
        metrics = api.text("/metrics")
    except KubeApiError:
        metrics = None
    nodes: list[dict[str, Any]] = []
    with contextlib.suppress(KubeApiError):
        nodes = (api.get("/api/v1/nodes") or {"items": []})["items"]
    return judge(metrics, [str(node["spec"].get("providerID", "")) for node in nodes], wrote=wrote)


def _prefixes(metrics: str) -> tuple[set[str], set[str]]:
    """Encodings of Secrets that were written, and that were read."""
    found: dict[str, set[str]] = {"to_storage": set(), "from_storage": set()}
    for labels, count in _SAMPLE.findall(metrics):
        known = dict(_LABEL.findall(labels))
        counts = known.get("status") == "OK" and float(count) > 0
        if counts and known.get("resource") == "secrets" and known.get("transformation_type") in found:
            found[known["transformation_type"]].add(known.get("transformer_prefix", ""))
    return found["to_storage"], found["from_storage"]
