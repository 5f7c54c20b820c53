"""What types alone cannot say about the stack configuration: formats, and combinations that make no sense.

Each check takes the raw data and passes over what has the wrong type, which `settings_faults.shape_faults` reports.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from components.quantity import parse_bytes, parse_cpu
from components.registries import DEFAULT_HOST, STORE_SERVICE, alias_of
from components.settings_faults import Fault, listed
from components.versions import IMAGES
from ollama.errors import ConfigurationError
from ollama.names import ModelName

Raw = Mapping[str, Any]

_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[0-9]{1,5})?")

LONGEST_NAME = 40
"""A pod's name and revision label are made from the server's name, and labels end at 63 characters."""


def faults(raw: Raw) -> list[Fault]:
    """Every fault that the checks of this module find in the whole configuration."""
    found: list[Fault] = []
    for check in _CHECKS:
        found += check(raw)
    for path, server in _servers(raw):
        for check_server in _SERVER_CHECKS:
            found += check_server(path, server)
    return found


def _mapping(value: object) -> Raw:
    return cast("Raw", value) if isinstance(value, Mapping) else {}


def _items(value: object) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list | tuple) else ()


def _maps(value: object, path: str) -> Iterator[tuple[str, Raw]]:
    for index, item in enumerate(_items(value)):
        if isinstance(item, Mapping):
            yield f"{path}[{index}]", cast("Raw", item)


def _servers(raw: Raw) -> Iterator[tuple[str, Raw]]:
    return _maps(raw.get("servers"), "servers")


def _model_name(text: object) -> ModelName | None:
    if not isinstance(text, str):
        return None
    try:
        return ModelName.parse(text)
    except ConfigurationError:
        return None


def _label_faults(path: str, text: object) -> Iterator[Fault]:
    if isinstance(text, str) and (len(text) > LONGEST_NAME or not _LABEL.fullmatch(text)):
        yield Fault(
            path,
            f"`{text}` is no legal name: at most {LONGEST_NAME} lower-case letters, digits and hyphens, "
            "beginning with a letter and not ending with a hyphen",
        )


def _digest_faults(path: str, text: object) -> Iterator[Fault]:
    if isinstance(text, str) and not _DIGEST.fullmatch(text):
        yield Fault(path, f"`{text}` is no digest: must be `sha256:` and 64 lower-case hex digits")


def _url_faults(path: str, text: object) -> Iterator[Fault]:
    if not isinstance(text, str):
        return
    try:
        parts = urlsplit(text)
        legal = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        legal = False
        parts = None
    if parts is not None and "@" in parts.netloc:
        yield Fault(path, "holds a user or password; configuration is stored in clear. Use a URL without credentials")
    elif parts is None or not legal or parts.query or parts.fragment or parts.path not in ("", "/"):
        yield Fault(path, f"`{text}` is no legal URL: must be `http://HOST[:PORT]` or `https://HOST[:PORT]`, no path")


def _quantity_faults(path: str, text: object, parse: Callable[[str], object]) -> Iterator[Fault]:
    if isinstance(text, str):
        try:
            parse(text)
        except ValueError as error:
            yield Fault(path, f"`{text}` is no legal quantity: {error}")


def _twice(named: Iterable[tuple[str, str]], problem: Callable[[str, str], str]) -> Iterator[Fault]:
    """A fault for each `(path, key)` whose key came before; `problem(key, first path)` words it."""
    first: dict[str, str] = {}
    for path, key in named:
        if key in first:
            yield Fault(path, problem(key, first[key]))
        else:
            first[key] = path


def _prefix(raw: Raw) -> Iterator[Fault]:
    yield from _label_faults("namespace", raw.get("namespace"))


def _cluster(raw: Raw) -> Iterator[Fault]:
    cluster = _mapping(raw.get("cluster"))
    for key in ("context", "storageClass"):
        if cluster.get(key) == "":
            yield Fault(f"cluster.{key}", "is empty: must be a name, or left out")
    for index, text in enumerate(_items(cluster.get("apiServerCidrs"))):
        if isinstance(text, str):
            try:
                ipaddress.ip_network(text)
            except ValueError as error:
                yield Fault(
                    f"cluster.apiServerCidrs[{index}]", f"must be an address range such as 10.0.0.0/24: {error}"
                )


def _image_digests(raw: Raw) -> Iterator[Fault]:
    for name, digest in _mapping(raw.get("imageDigests")).items():
        if name not in IMAGES:
            yield Fault(f"imageDigests.{name}", f"unknown image. Legal names: {listed(IMAGES)}")
        yield from _digest_faults(f"imageDigests.{name}", digest)


def _model_store(raw: Raw) -> Iterator[Fault]:
    store = _mapping(raw.get("modelStore"))
    yield from _quantity_faults("modelStore.storage", store.get("storage"), parse_bytes)
    if "upstreams" in store and store.get("enabled", True) is True and store["upstreams"] in ([], ()):
        yield Fault(
            "modelStore.upstreams", "is empty, so the store could fetch nothing. Name a registry, or leave the key out"
        )
    upstreams = [(path, one) for path, one in _maps(store.get("upstreams"), "modelStore.upstreams")]
    for path, upstream in upstreams:
        host = upstream.get("host")
        if isinstance(host, str) and not _HOST.fullmatch(host):
            yield Fault(
                f"{path}.host", f"`{host}` is no registry: must be HOST or HOST:PORT in lower case, no scheme, no path"
            )
        for index, mirror in enumerate(_items(upstream.get("mirrors"))):
            yield from _url_faults(f"{path}.mirrors[{index}]", mirror)
    yield from _twice(
        ((f"{path}.host", alias_of(host)) for path, one in upstreams if isinstance(host := one.get("host"), str)),
        lambda alias, first: f"its service would be called `{alias}`, like that of {first}. Name each registry once",
    )


def _names(raw: Raw) -> Iterator[Fault]:
    store = _mapping(raw.get("modelStore"))
    hosts = [one.get("host") for _, one in _maps(store.get("upstreams"), "")] or [DEFAULT_HOST]
    taken = {STORE_SERVICE, *(alias_of(host) for host in hosts if isinstance(host, str))}
    named = [(f"{path}.name", name) for path, one in _servers(raw) if isinstance(name := one.get("name"), str)]
    for path, name in named:
        yield from _label_faults(path, name)
        if name in taken:
            yield Fault(path, f"`{name}` is the name of a service of the model store. Choose another")
        if name.endswith("-pods"):
            yield Fault(path, f"`{name}` ends in `-pods`, as the services that name single pods do. Choose another")
    yield from _twice(named, lambda name, first: f"`{name}` is also the name at {first}. Names of servers must differ")


def _sources(raw: Raw) -> Iterator[Fault]:
    """A replica in the cluster reaches registries only through the store, so each source needs an upstream there."""
    store = _mapping(raw.get("modelStore"))
    if store.get("enabled", True) is not True:
        return
    hosts = [one.get("host") for _, one in _maps(store.get("upstreams"), "")] or [DEFAULT_HOST]
    for server_path, server in _servers(raw):
        if server.get("url") is not None:
            continue
        for path, model in _maps(server.get("models"), f"{server_path}.models"):
            key = "source" if model.get("source") is not None else "name"
            found = _model_name(model.get(key))
            if found is not None and found.host not in hosts:
                yield Fault(
                    f"{path}.{key}",
                    f"comes from `{found.host}`, which the model store does not fetch from. Add it to "
                    f"modelStore.upstreams (there now: {listed(str(host) for host in hosts)})",
                )


def _production(raw: Raw) -> Iterator[Fault]:
    if raw.get("environment") != "prod":
        return
    for server_path, server in _servers(raw):
        for path, model in _maps(server.get("models"), f"{server_path}.models"):
            if model.get("digest") is None:
                yield Fault(
                    f"{path}.digest",
                    "is required where environment is `prod`, since a tag can move: `sha256:` and the digest that "
                    "/api/tags shows for the model on a server that you trust",
                )


def _adopted(path: str, server: Raw) -> Iterator[Fault]:
    if server.get("url") is None:
        return
    yield from _url_faults(f"{path}.url", server["url"])
    own = [key for key in ("replicas", "storage", "class", "resources") if key in server]
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
        yield Fault(path, "has `class` and `resources`. Keep one: a class is `small`, `medium` or `large`")
    if not sized and not explicit:
        yield Fault(
            path, "has neither `class` (`small`, `medium`, `large`) nor `resources` (requests and limits). Add one"
        )
    if explicit and not sized and server.get("storage") is None:
        yield Fault(f"{path}.storage", "is required beside `resources` (a class has its own), such as 20Gi")
    yield from _quantity_faults(f"{path}.storage", server.get("storage"), parse_bytes)


def _resources(path: str, server: Raw) -> Iterator[Fault]:
    resources = _mapping(server.get("resources"))
    parsers: dict[str, Callable[[str], Any]] = {"cpu": parse_cpu, "memory": parse_bytes}
    for resource, parse in parsers.items():
        amounts: dict[str, Any] = {}
        for bound in ("requests", "limits"):
            text = _mapping(resources.get(bound)).get(resource)
            found = list(_quantity_faults(f"{path}.resources.{bound}.{resource}", text, parse))
            yield from found
            if isinstance(text, str) and not found:
                amounts[bound] = parse(text)
        if len(amounts) == 2 and amounts["requests"] > amounts["limits"]:  # noqa: PLR2004
            yield Fault(
                f"{path}.resources.requests.{resource}", "is more than the limit. Raise the limit or ask for less"
            )


def _replicas(path: str, server: Raw) -> Iterator[Fault]:
    replicas = server.get("replicas")
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        return
    if not 0 <= replicas <= MOST_REPLICAS:
        yield Fault(f"{path}.replicas", f"must be from 0 to {MOST_REPLICAS}, not {replicas}")
    if replicas == 0 and _items(server.get("models")):
        yield Fault(
            f"{path}.replicas",
            "is 0, but the server has models, and no replica could hold them. Set at least 1, or remove the models",
        )


def _models(path: str, server: Raw) -> Iterator[Fault]:
    named: list[tuple[str, str]] = []
    for place, model in _maps(server.get("models"), f"{path}.models"):
        for key in ("name", "source"):
            text = model.get(key)
            if isinstance(text, str):
                try:
                    found = ModelName.parse(text)
                except ConfigurationError as error:
                    yield Fault(f"{place}.{key}", f"{error.message}. Fix: {error.hint}")
                else:
                    named += [(f"{place}.name", found.key)] if key == "name" else []
                    if found.remote:
                        yield Fault(
                            f"{place}.{key}",
                            f"`{text}` would run on Ollama's own service, not here. Choose a tag without `cloud`",
                        )
        yield from _digest_faults(f"{place}.digest", model.get("digest"))
    yield from _twice(
        named,
        lambda full, first: f"is `{full}`, which {first} is too. Each model of a server must be named once",
    )


MOST_REPLICAS = 1000
"""More is taken for a slip of the keyboard."""

_CHECKS = (_prefix, _cluster, _image_digests, _model_store, _names, _sources, _production)
_SERVER_CHECKS = (_adopted, _size, _resources, _replicas, _models)
