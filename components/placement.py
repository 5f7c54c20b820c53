"""Where a server's pods go: the pool that the settings or the sizes choose, and what its class prefers."""

from collections.abc import Mapping, Sequence
from typing import Any

from components import fit_check
from components.cpu_node_pool import selector_of
from components.gpu_pools import POOL_LABEL, Placement, Pool
from components.settings.server import ServerSettings
from components.settings.stack import Settings

CLASS_LABEL = "echorator.dev/class"
"""Whoever runs the nodes may label some `echorator.dev/class: echo` (much memory) or `small`: pods prefer those."""

_PREFERRED = 50
_AVOIDED = 100
_AMONG = 25
"""Of CPU pools: less than nodes that are labelled for a pod's class."""


def placements(settings: Settings) -> dict[str, Placement]:
    """Server to how its pods are placed: on its pool's nodes alone, or off all pools where it needs no GPU."""
    assigned = fit_check.assign(settings)
    return {server.name: _placed(settings, server, assigned.get(server.name)) for server in settings.servers}


def _placed(settings: Settings, server: ServerSettings, pool: Pool | None) -> Placement:
    if server.url is not None:
        return Placement()
    placed = Placement() if pool is None else pool.placement()
    return placed.preferring(
        preferences(
            server.resource_class,
            avoids=[one.name for one in settings.gpu_pools] if pool is None else (),
            among=cpu_nodes(settings, settings.cluster_of(server).name) if pool is None else (),
        )
    )


def cpu_nodes(settings: Settings, cluster: str) -> Sequence[Mapping[str, str]]:
    """Labels of the nodes of each CPU pool in one cluster."""
    return [selector_of(one) for one in settings.cpu_pools if settings.cluster_of(one).name == cluster]


def preferences(
    resource_class: str | None, *, avoids: Sequence[str] = (), among: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """Node affinity of a class: preferred, not required, so that a cluster without such labels serves too.

    Args:
        resource_class: of the pod, whose nodes it prefers.
        avoids: names of the GPU pools, whose nodes it leaves to others.
        among: labels of the nodes of each CPU pool, which it prefers.
    """
    terms: list[dict[str, Any]] = []
    if resource_class is not None:
        terms.append(_term(_PREFERRED, {"key": CLASS_LABEL, "operator": "In", "values": [resource_class]}))
    terms += [
        _term(_AMONG, *({"key": key, "operator": "In", "values": [one[key]]} for key in sorted(one))) for one in among
    ]
    if avoids:
        # Nodes of CPU pools have that label too.
        outside = {"operator": "NotIn", "values": sorted(avoids)} if among else {"operator": "DoesNotExist"}
        terms.append(_term(_AVOIDED, {"key": POOL_LABEL, **outside}))
    return {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}} if terms else {}


def _term(weight: int, *expressions: dict[str, Any]) -> dict[str, Any]:
    return {"weight": weight, "preference": {"matchExpressions": list(expressions)}}
