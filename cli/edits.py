"""What each command changes in the configuration: a text and a wish in, the changed text out. No file, no cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from cli.exits import UsageError
from cli.stack_file import SERVERS
from cli.yaml_text import YamlText
from ollama.errors import ConfigurationError
from ollama.names import ModelName

NEW_SERVER = "chat"
"""Name of the first server where none is given."""

Item = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Deploy:
    """A model that is wanted. None leaves a setting as it is."""

    model: str
    server: str | None = None
    source: str | None = None
    digest: str | None = None
    replicas: int | None = None
    size: str | None = None
    """A class: small, medium, large or echo."""
    cpu: str | None = None
    memory: str | None = None
    storage: str | None = None
    preload: bool | None = None
    aliases: tuple[str, ...] = ()
    storage_class: str | None = None
    expose: str | None = None
    source_ranges: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Expose:
    """How a server is to be reached. None leaves a setting as it is."""

    server: str
    type: str | None = None
    node_port: int | None = None
    source_ranges: tuple[str, ...] = ()
    from_namespaces: tuple[str, ...] = ()
    ingress_host: str | None = None
    tls_secret: str | None = None
    class_name: str | None = None
    insecure: bool | None = None
    gateway_host: str | None = None
    gateway: str | None = None
    gateway_namespace: str | None = None
    section: str | None = None


def servers(yaml: YamlText) -> list[Item]:
    """The servers of a configuration, as they are written."""
    found: object = yaml.get(SERVERS)
    items = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Item", one) if isinstance(one, dict) else {} for one in items]


def models(server: Item) -> list[Item]:
    """The models of a server, as they are written."""
    found: object = server.get("models")
    items = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Item", one) if isinstance(one, dict) else {} for one in items]


def deploy(yaml: YamlText, wish: Deploy) -> tuple[YamlText, str]:
    """The configuration with the model in it, and its server's name.

    Raises:
        UsageError: it is not clear which server is meant, or the model's name is not legal.
    """
    key = _key(wish.model)
    name = _choose(yaml, wish.server, key)
    index = _index(yaml, name)
    if index is None:
        yaml = yaml.append(SERVERS, {"name": name, **_size({}, wish, new=True), "models": [_model(wish)]})
        index = len(servers(yaml)) - 1
    else:
        for setting, value in _size(servers(yaml)[index], wish, new=False).items():
            path = (*SERVERS, index, setting)
            yaml = yaml.remove(path) if value is None else yaml.set(path, value)
        at = next((at for at, one in enumerate(models(servers(yaml)[index])) if _is(one, key)), None)
        path = (*SERVERS, index, "models")
        yaml = yaml.append(path, _model(wish)) if at is None else _update_model(yaml, (*path, at), wish)
    if wish.storage_class is not None:
        yaml = yaml.set((*SERVERS, index, "volume", "storageClass"), wish.storage_class)
    if wish.expose is not None or wish.source_ranges:
        yaml = expose(yaml, Expose(server=name, type=wish.expose, source_ranges=wish.source_ranges))
    return yaml, name


def expose(yaml: YamlText, wish: Expose) -> YamlText:
    """The configuration with the server exposed so.

    Raises:
        UsageError: there is no such server.
    """
    base = (*SERVERS, server_index(yaml, wish.server), "expose")
    if wish.type is not None:
        yaml = yaml.set((*base, "type"), wish.type)
        if wish.type != "NodePort":
            yaml = yaml.remove((*base, "nodePort"))
        if wish.type == "ClusterIP":
            yaml = yaml.remove((*base, "sourceRanges"))
    if wish.source_ranges:
        yaml = yaml.set((*base, "sourceRanges"), list(wish.source_ranges))
    if wish.from_namespaces:
        yaml = yaml.set((*base, "fromNamespaces"), list(wish.from_namespaces))
    values: Sequence[tuple[tuple[str, ...], object]] = (
        (("nodePort",), wish.node_port),
        (("ingress", "host"), wish.ingress_host),
        (("ingress", "tlsSecret"), wish.tls_secret),
        (("ingress", "className"), wish.class_name),
        (("ingress", "insecure"), wish.insecure),
        (("gateway", "host"), wish.gateway_host),
        (("gateway", "gateway"), wish.gateway),
        (("gateway", "namespace"), wish.gateway_namespace),
        (("gateway", "section"), wish.section),
    )
    for place, value in values:
        if value is not None:
            yaml = yaml.set((*base, *place), value)
    return yaml


def conceal(yaml: YamlText, server: str) -> YamlText:
    """The configuration with the server reachable from inside the cluster only.

    Raises:
        UsageError: there is no such server.
    """
    return yaml.remove((*SERVERS, server_index(yaml, server), "expose"))


def undeploy_model(yaml: YamlText, model: str, server: str | None) -> tuple[YamlText, str]:
    """The configuration without the model, and the name of the server that had it.

    Raises:
        UsageError: no server has it, or several have and none is named.
    """
    name, path = _found_model(yaml, model, server)
    return yaml.remove(path), name


def retain_model(yaml: YamlText, model: str, server: str | None) -> YamlText:
    """The configuration in which the model stays on the replicas when it is taken off the list.

    Raises:
        UsageError: no server has it, or several have and none is named.
    """
    _, path = _found_model(yaml, model, server)
    return yaml.set((*path, "retain"), True)


def undeploy_server(yaml: YamlText, server: str) -> YamlText:
    """The configuration without the server and all its models.

    Raises:
        UsageError: there is no such server.
    """
    return yaml.remove((*SERVERS, server_index(yaml, server)))


def pin(yaml: YamlText, model: str, server: str, digest: str) -> YamlText:
    """The configuration in which the model has this digest and no other.

    Raises:
        UsageError: there is no such model.
    """
    _, path = _found_model(yaml, model, server)
    return yaml.set((*path, "digest"), digest)


def server_index(yaml: YamlText, name: str) -> int:
    """The place of a server in the list.

    Raises:
        UsageError: there is none of that name.
    """
    found = _index(yaml, name)
    if found is None:
        raise UsageError(f"there is no server `{name}`", f"there are: {_listed(yaml)}")
    return found


def _index(yaml: YamlText, name: str) -> int | None:
    return next((at for at, one in enumerate(servers(yaml)) if one.get("name") == name), None)


def _listed(yaml: YamlText) -> str:
    return ", ".join(f"`{one.get('name')}`" for one in servers(yaml)) or "none"


def _key(model: str) -> str:
    try:
        return ModelName.parse(model).key
    except ConfigurationError as error:
        raise UsageError(error.message, error.hint) from error


def _is(model: Item, key: str) -> bool:
    try:
        return ModelName.parse(str(model.get("name"))).key == key
    except ConfigurationError:
        return False


def _choose(yaml: YamlText, named: str | None, key: str) -> str:
    """The server that a model goes to: the named one, the one that has it, the only one, or a first one."""
    if named is not None:
        return named
    there = servers(yaml)
    having = [one for one in there if any(_is(model, key) for model in models(one))]
    for candidates in (having, there):
        if len(candidates) == 1:
            return str(candidates[0].get("name"))
    if not there:
        return NEW_SERVER
    raise UsageError("there are several servers", f"say which one is meant by --server: {_listed(yaml)}")


def _found_model(yaml: YamlText, model: str, server: str | None) -> tuple[str, tuple[str | int, ...]]:
    key = _key(model)
    if server is not None:
        server_index(yaml, server)
    found = [
        (str(one.get("name")), (*SERVERS, index, "models", at))
        for index, one in enumerate(servers(yaml))
        if server is None or one.get("name") == server
        for at, candidate in enumerate(models(one))
        if _is(candidate, key)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"`{name}`" for name, _ in found)
        raise UsageError(f"`{model}` is on several servers: {names}", "say which one is meant by --server")
    there = ", ".join(f"`{one.get('name')}`" for each in servers(yaml) for one in models(each)) or "none"
    where = "no server" if server is None else f"server `{server}` does not"
    raise UsageError(f"{where} {'has' if server is None else 'have'} a model `{model}`", f"there are: {there}")


def _size(server: Item, wish: Deploy, *, new: bool) -> dict[str, Any]:
    """The settings of a server's size that change; None takes one away."""
    found: dict[str, Any] = {}
    if new or wish.replicas is not None:
        found["replicas"] = wish.replicas if wish.replicas is not None else 1
    if wish.cpu is not None or wish.memory is not None:
        found |= _resources(server, wish)
    elif wish.size is not None or new:
        found["class"] = wish.size if wish.size is not None else "small"
        if "resources" in server:
            found["resources"] = None
    if wish.storage is not None:
        found["storage"] = wish.storage
    return found


def _resources(server: Item, wish: Deploy) -> dict[str, Any]:
    before = cast("Item", server.get("resources") or {})
    bounds: dict[str, Any] = {}
    for bound in ("requests", "limits"):
        amounts = dict(cast("Item", before.get(bound) or {}))
        amounts |= {key: text for key, text in (("cpu", wish.cpu), ("memory", wish.memory)) if text is not None}
        missing = {"cpu", "memory"} - amounts.keys()
        if missing:
            raise UsageError(f"--{missing.pop()} is missing", "give --cpu and --memory, or a --class")
        bounds[bound] = amounts
    return {"resources": bounds, **({"class": None} if "class" in server else {})}


def _fields(wish: Deploy) -> dict[str, Any]:
    found = {"source": wish.source, "digest": wish.digest, "preload": wish.preload}
    return {key: value for key, value in found.items() if value is not None}


def _model(wish: Deploy) -> dict[str, Any]:
    aliases = {"aliases": list(wish.aliases)} if wish.aliases else {}
    return {"name": wish.model, **_fields(wish), **aliases}


def _update_model(yaml: YamlText, path: tuple[str | int, ...], wish: Deploy) -> YamlText:
    for key, value in _fields(wish).items():
        yaml = yaml.set((*path, key), value)
    for alias in wish.aliases:
        if alias not in (yaml.get((*path, "aliases")) or []):
            yaml = yaml.append((*path, "aliases"), alias)
    return yaml
