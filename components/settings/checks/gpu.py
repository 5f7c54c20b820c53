"""Checks of GPU pools, of the servers that go to them, and of what a model's facts must say."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import cast

from components.quantity import parse_bytes
from components.settings.faults import Fault, listed
from components.settings.grammar import key_faults, label_value_faults, name_faults, number_faults, quantity_faults
from components.settings.raw import Check, Raw, ServerCheck, hosted, items, mapping, maps, pairs, texts, twice
from components.sizes import CLASSES
from fit.accelerators import ACCELERATORS, Accelerator, mig_fits
from fit.library import known
from ollama.errors import ConfigurationError
from ollama.names import DEFAULT_HOST, DEFAULT_NAMESPACE, ModelName

_WAYS = ("existing", "karpenter", "clusterApi")
_MOST_NODES = 5000
"""What Kubernetes is built for in one cluster (v1.34, considerations for large clusters)."""
_MOST_GPUS = 16
_MOST_SHARES = 64
_LONGEST_LOOKUP_S = 300


def pools(raw: Raw) -> Iterator[tuple[str, Raw]]:
    """Path and content of each pool."""
    return maps(raw.get("gpuPools"), "gpuPools")


def _names(raw: Raw) -> Iterator[Fault]:
    named = [(f"{path}.name", name) for path, pool in pools(raw) if isinstance(name := pool.get("name"), str)]
    for path, name in named:
        yield from name_faults(path, name)
    yield from twice(named, lambda name, first: f"`{name}` is also the name at {first}. Names of pools must differ")


def _overlaps(raw: Raw) -> Iterator[Fault]:
    """A node in two pools would get both their labels and taints, and count twice as room."""
    nodes = (
        (place, name)
        for path, pool in pools(raw)
        for place, name in texts(mapping(pool.get("existing")).get("names"), f"{path}.existing.names")
    )
    yield from twice(nodes, lambda name, first: f"node `{name}` is also named at {first}. A node is of one pool")
    selectors = [
        (f"{path}.existing.selector", frozenset(found.items()))
        for path, pool in pools(raw)
        if (found := mapping(mapping(pool.get("existing")).get("selector")))
        and all(isinstance(value, str) for value in found.values())
    ]
    for index, (path, one) in enumerate(selectors):
        for first, other in selectors[:index]:
            if one <= other or other <= one:
                yield Fault(path, f"selects nodes that {first} selects too. A node is of one pool: add a label to one")


def _pools(raw: Raw) -> Iterator[Fault]:
    for path, pool in pools(raw):
        yield from _card(path, pool)
        yield from _nodes(path, pool)
        yield from _sharing(path, pool)
        yield from label_faults(path, pool)


def _card(path: str, pool: Raw) -> Iterator[Fault]:
    name = pool.get("accelerator")
    if isinstance(name, str) and name not in ACCELERATORS:
        yield Fault(f"{path}.accelerator", f"`{name}` is no known accelerator. Known are {listed(ACCELERATORS)}")
    yield from quantity_faults(f"{path}.memory", pool.get("memory"), parse_bytes)


def _nodes(path: str, pool: Raw) -> Iterator[Fault]:
    given = [way for way in _WAYS if pool.get(way) is not None]
    if len(given) != 1:
        what = f"has {listed(given)}" if given else f"has none of {listed(_WAYS)}"
        yield Fault(path, f"{what}. Exactly one says how its nodes come to be")
    yield from existing_faults(path, pool)
    if items(_at(pool, "existing", "names")) and "maxNodes" in pool:
        yield Fault(f"{path}.maxNodes", "is the number of `existing.names`. Leave it out")
    yield from number_faults(f"{path}.gpusPerNode", pool.get("gpusPerNode"), 1, _MOST_GPUS)
    yield from number_faults(f"{path}.maxNodes", pool.get("maxNodes"), 1, _MOST_NODES)
    yield from number_faults(f"{path}.minNodes", pool.get("minNodes"), 0, _MOST_NODES)
    low, high = pool.get("minNodes", 0), pool.get("maxNodes", 1)
    if type(low) is int and type(high) is int and low > high:
        yield Fault(f"{path}.minNodes", f"is {low}, more than `maxNodes` ({high})")
    if low and pool.get("clusterApi") is None:
        yield Fault(f"{path}.minNodes", "is kept by Cluster API alone. Leave it out")
    if pool.get("karpenter") is not None:
        yield from _whole_cards(path, pool)
    yield from number_faults(f"{path}.karpenter.weight", mapping(pool.get("karpenter")).get("weight"), 1, 100)


def existing_faults(path: str, pool: Raw) -> Iterator[Fault]:
    """Nodes that are there are told by their names or by their labels."""
    existing = mapping(pool.get("existing"))
    named, selected = bool(items(existing.get("names"))), bool(mapping(existing.get("selector")))
    if pool.get("existing") is not None and named == selected:
        yield Fault(f"{path}.existing", "needs either `names` of nodes or a `selector` of their labels, and not both")


def _whole_cards(path: str, pool: Raw) -> Iterator[Fault]:
    """What Karpenter's clouds say of an instance is its cards; a pod that asks for anything else gets no node."""
    told = "Karpenter makes nodes for whole GPUs that pods ask for by number. Use nodes that are there, or `clusterApi`"
    if mapping(pool.get("mig")):
        yield Fault(f"{path}.mig", told)
    if pool.get("devices") == "dra":
        yield Fault(f"{path}.devices", f"is `dra`. {told}")


def _sharing(path: str, pool: Raw) -> Iterator[Fault]:
    card = _accelerator(pool)
    mig = mapping(pool.get("mig"))
    yield from number_faults(f"{path}.timeSlicing", pool.get("timeSlicing"), 1, _MOST_SHARES)
    for place, profile, count in pairs(mig, f"{path}.mig"):
        yield from number_faults(place, count, 1, 7)
        if card is not None and profile not in card.mig:
            legal = f"Its profiles are {listed(card.mig)}" if card.mig else f"`{card.name}` cannot be parted"
            yield Fault(place, f"`{card.name}` has no such MIG profile. {legal}")
    layout = {name: count for name, count in mig.items() if type(count) is int and count > 0}
    understood = card is not None and len(layout) == len(mig) and all(name in card.mig for name in layout)
    if card is not None and understood and not mig_fits(card, layout):
        yield Fault(
            f"{path}.mig",
            f"these do not find places on one `{card.name}`, which has 7 parts that compute and 8 of memory",
        )
    chosen = pool.get("migProfile")
    if chosen is not None and chosen not in mig:
        yield Fault(f"{path}.migProfile", f"`{chosen}` is not among `mig`: {listed(mig) or 'nothing is there'}")
    if len(mig) > 1 and chosen is None:
        yield Fault(f"{path}.migProfile", f"is needed where `mig` has several: one of {listed(mig)}, which servers get")
    shares = pool.get("timeSlicing", 1)
    if type(shares) is int and shares > 1 and mig:
        yield Fault(f"{path}.timeSlicing", "shares a GPU that `mig` parts already. Keep one of them")
    if type(shares) is int and shares > 1 and pool.get("devices") == "dra":
        yield Fault(f"{path}.timeSlicing", "is a device plugin's. With `devices: dra` leave it out")
    if type(shares) is int and shares > 1 and card is not None and card.vendor == "amd":
        yield Fault(f"{path}.timeSlicing", f"is not known of AMD's plugin, and `{card.name}` is AMD's")


def label_faults(path: str, pool: Raw) -> Iterator[Fault]:
    """What the API server would refuse of the nodes' labels and taints."""
    places = ((f"{path}.labels", pool.get("labels")), (f"{path}.existing.selector", _at(pool, "existing", "selector")))
    for place, labels in places:
        for where, key, value in pairs(labels, place):
            yield from key_faults(where, key)
            yield from label_value_faults(where, value)
    for place, taint in maps(pool.get("taints"), f"{path}.taints"):
        yield from key_faults(f"{place}.key", taint.get("key"))
        yield from label_value_faults(f"{place}.value", taint.get("value"))


def _at(pool: Raw, section: str, key: str) -> object:
    return mapping(pool.get(section)).get(key)


def _accelerator(pool: Raw) -> Accelerator | None:
    name = pool.get("accelerator")
    return ACCELERATORS.get(name) if isinstance(name, str) else None


def units_per_node(pool: Raw) -> int | None:
    """Units of one node; None where the settings cannot be understood."""
    gpus, shares = pool.get("gpusPerNode", 1), pool.get("timeSlicing", 1)
    mig = mapping(pool.get("mig"))
    profile = pool.get("migProfile", next(iter(mig), None))
    parts = mig.get(profile) if isinstance(profile, str) else 1
    numbers = (gpus, shares, parts)
    if any(type(one) is not int or one < 1 for one in numbers):
        return None
    return int(gpus) * int(shares) * int(cast("int", parts))


def _units(pool: Raw) -> int | None:
    per_node = units_per_node(pool)
    named = items(mapping(pool.get("existing")).get("names"))
    nodes = len(named) if named else pool.get("maxNodes", 1)
    return None if per_node is None or type(nodes) is not int else per_node * nodes


def gpus_of(server: Raw) -> int:
    """GPUs of one replica; 0 where the settings cannot be understood."""
    own = server.get("gpus")
    if type(own) is int:
        return own
    size = server.get("class")
    return CLASSES[size].gpus if isinstance(size, str) and size in CLASSES else 0


def most_replicas(server: Raw) -> int:
    """Replicas at most; 0 where the settings cannot be understood."""
    scaling = server.get("scaling")
    most = server.get("replicas", 1) if scaling is None else mapping(scaling).get("max", 10)
    return most if type(most) is int else 0


def _server_pools(raw: Raw) -> Iterator[Fault]:
    by_name = {str(pool.get("name")): pool for _, pool in pools(raw)}
    for path, server in hosted(raw):
        gpus, name = gpus_of(server), server.get("pool")
        yield from number_faults(f"{path}.gpus", server.get("gpus"), 0, _MOST_GPUS)
        if isinstance(name, str):
            if name not in by_name:
                legal = f"Pools are {listed(by_name)}" if by_name else "`gpuPools` is empty"
                yield Fault(f"{path}.pool", f"`{name}` is no GPU pool. {legal}")
            elif not gpus:
                yield Fault(f"{path}.pool", "has no effect on a server without GPUs. Set `gpus`, or leave `pool` out")
        if not gpus:
            continue
        if not by_name:
            size = server.get("class")
            what = f"class `{size}`" if isinstance(size, str) else f"`gpus: {gpus}`"
            yield Fault(
                path,
                f"{what} needs GPUs, and there is no GPU pool. Name one under `gpuPools` (nodes that are there, by "
                "`existing.selector`), or set `gpus: 0` to serve from the CPU",
            )
            continue
        candidates = [by_name[name]] if isinstance(name, str) and name in by_name else list(by_name.values())
        units = [found for pool in candidates if (found := units_per_node(pool)) is not None]
        if units and max(units) < gpus:
            yield Fault(
                path,
                f"each replica needs {gpus} GPUs on one node, and the most that a node of a pool has is {max(units)}",
            )


def _room(raw: Raw) -> Iterator[Fault]:
    """A pool that is smaller than what goes to it leaves replicas waiting for ever."""
    wanted: Counter[str] = Counter()
    who: dict[str, list[str]] = {}
    anyone = 0
    for _, server in hosted(raw):
        units = gpus_of(server) * most_replicas(server)
        name = server.get("pool")
        if units and isinstance(name, str):
            wanted[name] += units
            who.setdefault(name, []).append(str(server.get("name")))
        elif units:
            anyone += units
    total: int | None = 0
    for path, pool in pools(raw):
        units, name = _units(pool), str(pool.get("name"))
        total = None if total is None or units is None else total + units
        if units is not None and wanted[name] > units:
            yield Fault(
                path,
                f"has {units} GPUs (nodes, GPUs of each and their parts multiplied), and its servers "
                f"({', '.join(who[name])}) need {wanted[name]} with all their replicas. Raise `maxNodes`, or lower "
                "`replicas` or `scaling.max`",
            )
    needed = anyone + sum(wanted.values())
    if anyone and total and needed > total and not any(wanted[name] > (total or 0) for name in wanted):
        yield Fault(
            "gpuPools",
            f"have {total} GPUs together, and the servers need {needed} with all their replicas. Raise `maxNodes`",
        )


def _lookup(raw: Raw) -> Iterator[Fault]:
    seconds = mapping(raw.get("fit")).get("lookupSeconds")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and not 0 < seconds <= _LONGEST_LOOKUP_S:
        yield Fault("fit.lookupSeconds", f"must be above 0 and at most {_LONGEST_LOOKUP_S}, not {seconds}")


_SHAPE = ("layers", "heads", "kvHeads", "headSize", "embedding", "vocabulary", "context")


def _facts(path: str, server: Raw) -> Iterator[Fault]:
    for place, model in maps(server.get("models"), f"{path}.models"):
        facts = model.get("facts")
        if not isinstance(facts, Mapping):
            continue
        here = f"{place}.facts"
        given = mapping(cast("object", facts))
        yield from quantity_faults(f"{here}.size", given.get("size"), parse_bytes)
        for key in _SHAPE:
            yield from number_faults(f"{here}.{key}", given.get(key), 1, 2**31 - 1)
        missing = [key for key in ("size", *_SHAPE) if given.get(key) is None]
        if missing and not _in_table(model):
            yield Fault(
                here,
                f"lack {listed(missing)}, and the model is not in the table of known ones. "
                "`echorator fit --gguf FILE` prints all of them",
            )


def _in_table(model: Raw) -> bool:
    name = model.get("source") if model.get("source") is not None else model.get("name")
    if not isinstance(name, str) or model.get("create") is not None:
        return False
    try:
        parsed = ModelName.parse(name)
    except ConfigurationError:
        return True
    if (parsed.host, parsed.namespace) != (DEFAULT_HOST, DEFAULT_NAMESPACE):
        return False
    return known(parsed.model, parsed.tag) is not None


CHECKS: tuple[Check, ...] = (_names, _overlaps, _pools, _server_pools, _room, _lookup)
SERVER_CHECKS: tuple[ServerCheck, ...] = (_facts,)
