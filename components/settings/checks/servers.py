"""Checks of a server itself: its name, its size, its volume, how a deploy reaches it."""

from collections.abc import Callable, Iterator
from typing import Any

from components.quantity import parse_bytes, parse_cpu
from components.registries import STORE_SERVICE, alias_of
from components.settings.checks.store import upstream_hosts
from components.settings.faults import Fault, listed
from components.settings.grammar import is_url, name_faults, number_faults, object_faults, quantity_faults, url_faults
from components.settings.raw import Check, Raw, ServerCheck, hosted, items, mapping, servers, twice

MOST_REPLICAS = 1000
"""More is taken for a slip of the keyboard."""

_OWN = (
    *("replicas", "storage", "class", "resources", "volume", "ollama", "expose", "pod", "reach"),
    *("cluster", "clientsMayManageModels", "gpus", "pool", "scaling"),
)
"""What can be said only of a server that is made here."""


def _names(raw: Raw) -> Iterator[Fault]:
    taken = {STORE_SERVICE, *map(alias_of, upstream_hosts(raw))}
    named = [(f"{path}.name", name) for path, one in servers(raw) if isinstance(name := one.get("name"), str)]
    for path, name in named:
        yield from name_faults(path, name)
        if name in taken:
            yield Fault(path, f"`{name}` is the name of a service of the model store. Choose another")
        if name.endswith("-pods"):
            yield Fault(path, f"`{name}` ends in `-pods`, as the services that name single pods do. Choose another")
    yield from twice(named, lambda name, first: f"`{name}` is also the name at {first}. Names of servers must differ")


def _claims(raw: Raw) -> Iterator[Fault]:
    """Each server has a writer of its own, and two that write to one volume break each other's downloads."""
    yield from twice(
        (
            (f"{path}.volume.claim", str(claim_of(server)))
            for path, server in hosted(raw)
            if mapping(server.get("volume")).get("mode") == "shared"
        ),
        lambda claim, first: f"`{claim}` is also the volume at {first}. Give each server a claim of its own",
    )


def claim_of(server: Raw) -> object:
    """The claim that a server's pods share: one that is named, or the one that is made for it."""
    named = mapping(server.get("volume")).get("claim")
    return f"{server.get('name')}-models" if named is None else named


def _adopted(path: str, server: Raw) -> Iterator[Fault]:
    if server.get("url") is None:
        return
    yield from url_faults(f"{path}.url", server["url"])
    own = [key for key in _OWN if key in server]
    if own:
        yield Fault(
            f"{path}.url",
            f"is of a server that already runs, so {listed(own)} cannot be set here. "
            "Leave out either `url` or those keys",
        )


def _size(path: str, server: Raw) -> Iterator[Fault]:
    if server.get("url") is not None:
        return
    sized = server.get("class") is not None
    explicit = server.get("resources") is not None
    if sized and explicit:
        yield Fault(path, "has `class` and `resources`. Keep one: a class is `small`, `medium`, `large` or `echo`")
    if not sized and not explicit:
        yield Fault(
            path,
            "has neither `class` (`small`, `medium`, `large`, `echo`) nor `resources` (requests and limits). Add one",
        )
    if explicit and not sized and server.get("storage") is None:
        yield Fault(f"{path}.storage", "is required beside `resources` (a class has its own), such as 20Gi")
    yield from quantity_faults(f"{path}.storage", server.get("storage"), parse_bytes)


def _resources(path: str, server: Raw) -> Iterator[Fault]:
    resources = mapping(server.get("resources"))
    parsers: dict[str, Callable[[str], Any]] = {"cpu": parse_cpu, "memory": parse_bytes}
    for resource, parse in parsers.items():
        amounts: dict[str, Any] = {}
        for bound in ("requests", "limits"):
            text = mapping(resources.get(bound)).get(resource)
            found = list(quantity_faults(f"{path}.resources.{bound}.{resource}", text, parse))
            yield from found
            if isinstance(text, str) and not found:
                amounts[bound] = parse(text)
        if len(amounts) == 2 and amounts["requests"] > amounts["limits"]:  # noqa: PLR2004
            yield Fault(
                f"{path}.resources.requests.{resource}", "is more than the limit. Raise the limit or ask for less"
            )


def _replicas(path: str, server: Raw) -> Iterator[Fault]:
    replicas = server.get("replicas")
    yield from number_faults(f"{path}.replicas", replicas, 0, MOST_REPLICAS)
    if type(replicas) is int and replicas == 0 and items(server.get("models")):
        yield Fault(
            f"{path}.replicas",
            "is 0, but the server has models, and no replica could hold them. Set at least 1, or remove the models",
        )


def _volume(path: str, server: Raw) -> Iterator[Fault]:
    volume = mapping(server.get("volume"))
    here = f"{path}.volume"
    claim = volume.get("claim")
    shared = volume.get("mode") == "shared"
    yield from object_faults(f"{here}.storageClass", volume.get("storageClass"), "storage class")
    yield from object_faults(f"{here}.claim", claim, "PersistentVolumeClaim")
    if claim is not None and not shared:
        yield Fault(
            f"{here}.claim",
            "is one volume, but each replica has its own. Set `volume.mode: shared`, or leave `claim` out",
        )
    if claim is not None and volume.get("storageClass") is not None:
        yield Fault(f"{here}.storageClass", "has no effect on a claim that exists. Leave out either it or `claim`")
    yield from _access(here, volume.get("accessMode"), shared=shared, replicas=server.get("replicas", 1))


def _access(path: str, access: object, *, shared: bool, replicas: object) -> Iterator[Fault]:
    if access == "ReadWriteMany" and not shared:
        yield Fault(
            f"{path}.accessMode",
            "is `ReadWriteMany`, but each replica has a volume of its own. Use `ReadWriteOnce` or "
            "`ReadWriteOncePod`, or set `volume.mode: shared`",
        )
    if access == "ReadWriteOncePod" and shared:
        yield Fault(
            f"{path}.accessMode",
            "is `ReadWriteOncePod`, but a shared volume has its writer's pod and the replicas'. Use `ReadWriteMany`",
        )
    if access == "ReadWriteOnce" and shared and isinstance(replicas, int) and replicas > 1:
        yield Fault(
            f"{path}.accessMode",
            f"is `ReadWriteOnce`, which pods on one node alone can use, but there are {replicas} replicas. "
            "Use `ReadWriteMany` and a storage class that has it",
        )


def _reach(path: str, server: Raw) -> Iterator[Fault]:
    reach = mapping(server.get("reach"))
    url = reach.get("url")
    if reach.get("mode") == "url":
        if url is None:
            yield Fault(
                f"{path}.reach.url",
                "is required with `mode: url`, such as https://{replica}.models.example.com; `{replica}` becomes "
                "the pod's name",
            )
        elif isinstance(url, str):
            yield from _pattern(f"{path}.reach.url", url)
    elif url is not None:
        yield Fault(f"{path}.reach.url", "has no effect unless `reach.mode` is `url`. Set that, or leave `url` out")


def _pattern(path: str, url: str) -> Iterator[Fault]:
    if "{replica}" not in url:
        yield Fault(
            path, f"`{url}` lacks `{{replica}}`, so every replica would have one address. Put it where the name goes"
        )
    plain = url.replace("{replica}", "chat-0")
    if not is_url(plain) or "{" in plain or "}" in plain:
        yield Fault(
            path,
            f"`{url}` is no legal URL: must be http:// or https://, a host and perhaps a path, with `{{replica}}` "
            "for the pod's name, and without user, password, query and fragment",
        )


CHECKS: tuple[Check, ...] = (_names, _claims)
SERVER_CHECKS: tuple[ServerCheck, ...] = (_adopted, _size, _resources, _replicas, _volume, _reach)
