"""Checks of the model store, and that it can fetch what the servers want."""

import math
from collections.abc import Iterator

from components.quantity import parse_bytes
from components.registries import DEFAULT_HOST, PUSHED_HOST, alias_of
from components.settings.faults import Fault, listed
from components.settings.grammar import object_faults, quantity_faults, registry_faults, url_faults
from components.settings.raw import Check, Raw, hosted, mapping, maps, texts, twice
from ollama.errors import ConfigurationError
from ollama.names import ModelName


def upstream_hosts(raw: Raw) -> list[str]:
    """Hosts of the registries that the store answers for: those that it fetches from, and its own for pushed models."""
    store = mapping(raw.get("modelStore"))
    hosts = [one.get("host") for _, one in maps(store.get("upstreams"), "")] or [DEFAULT_HOST]
    pushed = [PUSHED_HOST] if store.get("uploads") is True else []
    return [host for host in [*hosts, *pushed] if isinstance(host, str)]


def _store(raw: Raw) -> Iterator[Fault]:
    store = mapping(raw.get("modelStore"))
    yield from quantity_faults("modelStore.storage", store.get("storage"), parse_bytes)
    if "upstreams" in store and store.get("enabled", True) is True and store["upstreams"] in ([], ()):
        yield Fault(
            "modelStore.upstreams", "is empty, so the store could fetch nothing. Name a registry, or leave the key out"
        )
    if store.get("enabled", True) is False and store.get("uploads") is True:
        yield Fault("modelStore.uploads", "is true, but there is no store. Enable it, or leave `uploads` out")
    hours = mapping(store.get("collect")).get("keepHours")
    if isinstance(hours, int | float) and not isinstance(hours, bool) and not (math.isfinite(hours) and hours >= 0):
        yield Fault(
            "modelStore.collect.keepHours",
            f"must be a number of hours from 0 on, not {hours}. To keep everything, set `collect.enabled: false`",
        )


def _upstreams(raw: Raw) -> Iterator[Fault]:
    upstreams = list(maps(mapping(raw.get("modelStore")).get("upstreams"), "modelStore.upstreams"))
    for path, upstream in upstreams:
        yield from registry_faults(f"{path}.host", upstream.get("host"))
        if upstream.get("host") == PUSHED_HOST:
            yield Fault(
                f"{path}.host",
                f"`{PUSHED_HOST}` is the store's own name for models that are pushed to it. Set "
                "`modelStore.uploads: true` instead",
            )
        yield from object_faults(f"{path}.credentialsSecret", upstream.get("credentialsSecret"), "Secret")
        for place, mirror in texts(upstream.get("mirrors"), f"{path}.mirrors"):
            yield from url_faults(place, mirror)
    yield from twice(
        ((f"{path}.host", alias_of(host)) for path, one in upstreams if isinstance(host := one.get("host"), str)),
        lambda alias, first: f"its service would be called `{alias}`, like that of {first}. Name each registry once",
    )


def _sources(raw: Raw) -> Iterator[Fault]:
    """A replica in the cluster reaches registries only through the store, so each source needs an upstream there."""
    if mapping(raw.get("modelStore")).get("enabled", True) is not True:
        return
    hosts = upstream_hosts(raw)
    for server_path, server in hosted(raw):
        for path, model in maps(server.get("models"), f"{server_path}.models"):
            if model.get("create") is not None:
                continue
            key = "source" if model.get("source") is not None else "name"
            host = _host(model.get(key))
            if host is not None and host not in hosts:
                yield Fault(
                    f"{path}.{key}",
                    f"comes from `{host}`, which the model store does not fetch from. Add it to "
                    f"modelStore.upstreams (there now: {listed(hosts)})",
                )


def _host(text: object) -> str | None:
    if not isinstance(text, str):
        return None
    try:
        return ModelName.parse(text).host
    except ConfigurationError:
        return None


CHECKS: tuple[Check, ...] = (_store, _upstreams, _sources)
