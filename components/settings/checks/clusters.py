"""Checks of the clusters: their names and roles, their storage, and which server goes where."""

import ipaddress
from collections.abc import Iterator

from components import storage_classes
from components.settings.cluster import SHORT_NAME
from components.settings.faults import Fault, listed
from components.settings.grammar import name_faults, object_faults, range_faults
from components.settings.raw import Check, Raw, hosted, mapping, maps, production, texts, twice

_MOST_PORT = 65535


def each(raw: Raw) -> Iterator[tuple[str, Raw]]:
    """Path and content of every cluster: those in the list, or the one of the short form."""
    if raw.get("clusters"):
        yield from maps(raw["clusters"], "clusters")
    else:
        yield "cluster", mapping(raw.get("cluster"))


def _either(raw: Raw) -> Iterator[Fault]:
    if raw.get("clusters") and raw.get("cluster"):
        yield Fault("clusters", f"stands beside `cluster`. Keep one: `cluster` is a list of one called `{SHORT_NAME}`")


def _listed(raw: Raw) -> Iterator[Fault]:
    found = list(maps(raw.get("clusters"), "clusters"))
    if not found:
        return
    for path, one in found:
        yield from name_faults(f"{path}.name", one.get("name"))
        if one.get("context") is None and one.get("mode", "adopt") == "adopt":
            yield Fault(
                f"{path}.context", "is required in a list: the current context may be another one tomorrow. Name it"
            )
    yield from twice(
        [(f"{path}.name", name) for path, one in found if isinstance(name := one.get("name"), str)],
        lambda name, first: f"`{name}` is also the name at {first}. Names of clusters must differ",
    )
    yield from twice(
        [(f"{path}.context", context) for path, one in found if isinstance(context := one.get("context"), str)],
        lambda context, first: (
            f"`{context}` is also the context at {first}: both would make the same objects. Name each cluster once"
        ),
    )
    yield from _roles(found)


def _roles(found: list[tuple[str, Raw]]) -> Iterator[Fault]:
    primary = [path for path, one in found if one.get("role") == "primary"]
    if not primary:
        yield Fault(
            "clusters",
            "has no cluster with `role: primary`, which servers go to that name none. Give it to one of: "
            + listed(str(one.get("name")) for _, one in found),
        )
    for path in primary[1:]:
        yield Fault(f"{path}.role", f"is `primary`, as at {primary[0]}. One is primary, the others are `secondary`")
    for path, one in found:
        if one.get("lost") is True and one.get("role") == "primary":
            yield Fault(f"{path}.lost", "is true, but the cluster is the primary one. Make another one primary")


def _placed(raw: Raw) -> Iterator[Fault]:
    """Each server in a cluster of the list, and in one that can be reached."""
    found = list(each(raw))
    alone = not raw.get("clusters")
    known = {SHORT_NAME if alone else one.get("name"): (path, one) for path, one in found if _named(one) or alone}
    primary = SHORT_NAME if alone else next((one.get("name") for _, one in found if one.get("role") == "primary"), None)
    for path, server in hosted(raw):
        named = server.get("cluster")
        wanted = primary if named is None else named
        if not isinstance(wanted, str):
            continue
        if wanted not in known:
            yield Fault(f"{path}.cluster", f"there is no cluster `{wanted}`. Legal names: {listed(map(str, known))}")
            continue
        place, cluster = known[wanted]
        if cluster.get("lost") is True:
            if named is not None:
                yield Fault(f"{path}.cluster", f"`{wanted}` is lost. Name another one, or none for the primary one")
        elif cluster.get("mode") == "clusterApi" and cluster.get("context") is None:
            yield Fault(
                f"{path}.cluster",
                f"`{wanted}` is made by Cluster API, and no context leads there yet. Deploy once without this server; "
                f"then add the new cluster to the kubeconfig and name its context in {place}.context",
            )


def _pools(raw: Raw) -> Iterator[Fault]:
    """Each pool in a cluster of the list, and each server in the cluster of the pool that it names."""
    clusters = list(maps(raw.get("clusters"), "clusters"))
    names = [str(one.get("name")) for _, one in clusters] or [SHORT_NAME]
    primary = next((str(one.get("name")) for _, one in clusters if one.get("role") == "primary"), names[0])
    placed: dict[str, str] = {}
    for path, pool in maps(raw.get("gpuPools"), "gpuPools"):
        cluster = primary if pool.get("cluster") is None else pool["cluster"]
        if cluster not in names:
            yield Fault(f"{path}.cluster", f"there is no cluster `{cluster}`. Legal names: {listed(names)}")
        elif isinstance(name := pool.get("name"), str):
            placed[name] = str(cluster)
    for path, pool in maps(raw.get("cpuPools"), "cpuPools"):
        if pool.get("cluster") is not None and pool["cluster"] not in names:
            yield Fault(f"{path}.cluster", f"there is no cluster `{pool['cluster']}`. Legal names: {listed(names)}")
    for path, server in hosted(raw):
        pool, cluster = server.get("pool"), primary if server.get("cluster") is None else server["cluster"]
        if isinstance(pool, str) and pool in placed and cluster in names and placed[pool] != cluster:
            yield Fault(
                f"{path}.pool",
                f"`{pool}` is in cluster `{placed[pool]}`, the server in `{cluster}`. Name a pool of the same cluster",
            )


def _named(cluster: Raw) -> bool:
    return isinstance(cluster.get("name"), str)


def _texts(raw: Raw) -> Iterator[Fault]:
    for place, cluster in each(raw):
        for key in ("context", "storageClass"):
            if cluster.get(key) == "":
                yield Fault(f"{place}.{key}", "is empty: must be a name, or left out")
        yield from object_faults(f"{place}.storageClass", cluster.get("storageClass") or None, "storage class")
        for path, text in texts(cluster.get("apiServer"), f"{place}.apiServer"):
            address, _, port = text.rpartition(":")
            try:
                ipaddress.ip_address(address.strip("[]"))
                legal = 0 < int(port) <= _MOST_PORT
            except ValueError:
                legal = False
            if not legal:
                yield Fault(
                    path, f"`{text}` must be ADDRESS:PORT, such as 10.0.0.1:6443: network policies know no names"
                )
        for path, text in texts(cluster.get("apiServerCidrs"), f"{place}.apiServerCidrs"):
            yield from range_faults(path, text)


def _storage(raw: Raw) -> Iterator[Fault]:
    for place, cluster in each(raw):
        classes = list(maps(cluster.get("storage"), f"{place}.storage"))
        named: list[tuple[str, str]] = []
        for path, one in classes:
            yield from object_faults(f"{path}.name", one.get("name"), "storage class")
            secret = mapping(one.get("secret"))
            yield from object_faults(f"{path}.secret.name", secret.get("name"), "Secret")
            driver = one.get("driver")
            if not isinstance(driver, str) or driver not in storage_classes.DRIVERS:
                continue
            named.append((f"{path}.name", str(one.get("name") or driver)))
            for key, problem in storage_classes.faults(driver, one):
                yield Fault(f"{path}.{key}", problem)
            if production(raw) and not storage_classes.DRIVERS[driver].encrypts:
                legal = [name for name, known in storage_classes.DRIVERS.items() if known.encrypts]
                yield Fault(
                    f"{path}.driver", f"`{driver}` does not encrypt, which production asks for. Use {listed(legal)}"
                )
        yield from twice(named, lambda _, first: f"is the name at {first}. Give each class a name of its own")


CHECKS: tuple[Check, ...] = (_either, _listed, _placed, _pools, _texts, _storage)
