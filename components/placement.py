"""Where a server's pods go: the pool that the settings or the sizes choose, and what its class prefers."""

from collections.abc import Mapping, Sequence
from typing import Any

from components import fit_check
from components.cpu_node_pool import selector_of
from components.gpu_pools import POOL_LABEL, Placement, Pool
from components.settings import Settings
from components.settings_server import ServerSettings

CLASS_LABEL = "echorator.dev/class"
"""Whoever runs the nodes may label some `echorator.dev/class: echo` (much memory) or `small`: pods prefer those."""

_PREFERRED = 50
_AVOIDED = 100
"""Of both: away from GPU nodes, and to CPU pools."""


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
            avoids_gpus=pool is None and bool(settings.gpu_pools),
            among=cpu_nodes(settings, settings.cluster_of(server).name) if pool is None else (),
        )
    )


def cpu_nodes(settings: Settings, cluster: str) -> Sequence[Mapping[str, str]]:
    """Labels of the nodes of each CPU pool in one cluster."""
    return [selector_of(one) for one in settings.cpu_pools if settings.cluster_of(one).name == cluster]


def preferences(
    resource_class: str | None, *, avoids_gpus: bool = False, among: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """Node affinity of a class: preferred, not required, so that a cluster without such labels serves too.

    Args:
        resource_class: of the pod, whose nodes it prefers.
        avoids_gpus: it prefers nodes outside all pools.
        among: labels of the pools that it prefers instead.
    """
    terms: list[dict[str, Any]] = []
    if resource_class is not None:
        terms.append(_term(_PREFERRED, {"key": CLASS_LABEL, "operator": "In", "values": [resource_class]}))
    terms += [
        _term(_AVOIDED, *({"key": key, "operator": "In", "values": [one[key]]} for key in sorted(one))) for one in among
    ]
    if avoids_gpus and not among:
        terms.append(_term(_AVOIDED, {"key": POOL_LABEL, "operator": "DoesNotExist"}))
    return {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}} if terms else {}


def _term(weight: int, *expressions: dict[str, Any]) -> dict[str, Any]:
    return {"weight": weight, "preference": {"matchExpressions": list(expressions)}}
