"""Checks of the pools of nodes without GPUs."""

from collections.abc import Iterator

from components.settings.checks import gpu
from components.settings.faults import Fault, listed
from components.settings.grammar import name_faults, number_faults
from components.settings.raw import Check, Raw, mapping, maps, texts, twice

_WAYS = ("existing", "karpenter")
_MOST_CPUS = 1_000_000


def pools(raw: Raw) -> Iterator[tuple[str, Raw]]:
    """Path and content of each pool."""
    return maps(raw.get("cpuPools"), "cpuPools")


def _pools(raw: Raw) -> Iterator[Fault]:
    for path, pool in pools(raw):
        given = [way for way in _WAYS if pool.get(way) is not None]
        if len(given) != 1:
            what = f"has {listed(given)}" if given else f"has none of {listed(_WAYS)}"
            yield Fault(path, f"{what}. Exactly one says how its nodes come to be")
        yield from gpu.existing_faults(path, pool)
        yield from gpu.label_faults(path, pool)
        yield from number_faults(f"{path}.maxCpus", pool.get("maxCpus"), 1, _MOST_CPUS)
        yield from number_faults(f"{path}.karpenter.weight", mapping(pool.get("karpenter")).get("weight"), 1, 100)
        made = pool.get("karpenter") is not None
        if made and pool.get("maxCpus") is None:
            yield Fault(f"{path}.maxCpus", "is needed with `karpenter`: how many cores its nodes may have together")
        if not made and pool.get("maxCpus") is not None:
            yield Fault(f"{path}.maxCpus", "bounds nodes that Karpenter makes. Leave it out")


def _names(raw: Raw) -> Iterator[Fault]:
    """Of both kinds of pools: the label of their nodes is the same."""
    both = [*gpu.pools(raw), *pools(raw)]
    named = [(f"{path}.name", name) for path, pool in both if isinstance(name := pool.get("name"), str)]
    ours = [one for one in named if one[0].startswith("cpuPools")]
    for path, name in ours:
        yield from name_faults(path, name)
    for fault in twice(named, lambda name, first: f"`{name}` is also the name at {first}. Names of pools must differ"):
        if fault.path.startswith("cpuPools"):
            yield fault


def _nodes(raw: Raw) -> Iterator[Fault]:
    nodes = [
        one
        for path, pool in (*gpu.pools(raw), *pools(raw))
        for one in texts(mapping(pool.get("existing")).get("names"), f"{path}.existing.names")
    ]
    for fault in twice(nodes, lambda name, first: f"node `{name}` is also named at {first}. A node is of one pool"):
        if fault.path.startswith("cpuPools"):
            yield fault


CHECKS: tuple[Check, ...] = (_pools, _names, _nodes)
