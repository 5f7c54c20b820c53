"""Which cluster a deploy would go to: reads the kubeconfig as kubectl does, and refuses surprises. No network."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import yaml
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

DEFAULT_PATH = "~/.kube/config"

LOCAL_CONTEXTS = (
    "kind-*",
    "k3d-*",
    "minikube",
    "docker-desktop",
    "orbstack",
    "rancher-desktop",
    "colima",
    "echorator-<8 hex digits>",
)
"""Names that the tools for local clusters give to their contexts."""

_LOCAL_NAME = re.compile(
    r"(kind|k3d)-.+|minikube|docker-desktop|orbstack|rancher-desktop|colima(-.+)?|echorator-[0-9a-f]{8}"
)
_FILES = (
    ("cluster", "certificate-authority"),
    ("user", "client-certificate"),
    ("user", "client-key"),
    ("user", "tokenFile"),
)


class KubeContextError(Exception):
    """The kubeconfig has no such context, or it is one that the stack must not touch; says what to do."""


@dataclass(frozen=True)
class KubeContext:
    """A context that exists, and the server behind it."""

    name: str
    server: str
    """URL of the API server."""
    config: SingleConfig
    """With the user's credentials: never log it, never put it in a resource."""

    @property
    def on_loopback(self) -> bool:
        """Whether the API server listens on this machine only."""
        host = urlsplit(self.server).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    @property
    def is_local(self) -> bool:
        """Whether a development stack may go there without being told so by name.

        A name alone is not trusted: a context that is called minikube but points to a public address is some other
        cluster. Local clusters have loopback or private addresses.
        """
        if self.on_loopback:
            return True
        return bool(_LOCAL_NAME.fullmatch(self.name)) and self._private()

    def _private(self) -> bool:
        host = urlsplit(self.server).hostname or ""
        try:
            return ipaddress.ip_address(host).is_private
        except ValueError:
            return "." not in host or host.endswith((".internal", ".local", ".docker.internal"))


def kubeconfig_paths(explicit: str | None = None, environment: Mapping[str, str] = os.environ) -> list[Path]:
    """The files to read: `explicit`, else those in KUBECONFIG, else `~/.kube/config`."""
    if explicit is not None:
        return [Path(explicit).expanduser()]
    listed = [part for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    return [Path(part).expanduser() for part in listed or [DEFAULT_PATH]]


def load(name: str | None = None, *, paths: list[Path] | None = None) -> KubeContext:
    """The context `name`, or the current one where `name` is None.

    Raises:
        KubeContextError: no kubeconfig, or no such context; lists what there is.
    """
    paths = kubeconfig_paths() if paths is None else paths
    merged = _merged(paths)
    where = ", ".join(str(path) for path in paths)
    names = [str(entry["name"]) for entry in merged["contexts"]]
    chosen = merged["current-context"] if name is None else name
    if not chosen:
        raise KubeContextError(f"{where} names no current context. Set cluster.context to one of: {_shown(names)}")
    if chosen not in names:
        raise KubeContextError(f"there is no context `{chosen}` in {where}. Legal contexts: {_shown(names)}")
    try:
        config = KubeConfig.from_dict(merged).get(chosen)
    except (ConfigError, KeyError, TypeError) as error:
        raise KubeContextError(f"context `{chosen}` in {where} is not complete: {error!r}") from error
    if config is None:
        raise KubeContextError(f"context `{chosen}` in {where} is not complete")
    return KubeContext(chosen, config.cluster.server, config)


def minified(name: str, *, paths: list[Path]) -> dict[str, Any]:
    """A kubeconfig of one context with its cluster and user, whatever files they come from; file names are absolute.

    Raises:
        KubeContextError: there is no such context, or it is not complete.
    """
    load(name, paths=paths)
    merged = _merged(paths)

    def entry(section: str, called: str) -> dict[str, Any]:
        return next(one for one in merged[section] if one["name"] == called)

    context = entry("contexts", name)
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [context],
        "clusters": [entry("clusters", context["context"]["cluster"])],
        "users": [entry("users", context["context"]["user"])],
    }


def guard(environment: str, wanted: str | None, *, paths: list[Path] | None = None) -> KubeContext:
    """The context that the stack goes to, once it is clear that it may.

    Args:
        environment: `dev` goes only to a local cluster, unless `wanted` names the context.
        wanted: the setting `cluster.context`.
        paths: kubeconfig files; those kubectl would read where left out.

    Raises:
        KubeContextError: the context is not there, or not local; says how to allow it.
    """
    found = load(wanted, paths=paths)
    if environment == "dev" and wanted is None and not found.is_local:
        raise KubeContextError(
            f"environment is `dev`, but the current context `{found.name}` (server {found.server}) is not local. "
            f"Local is a server on the loopback address, or on a private one with a context called "
            f"{', '.join(LOCAL_CONTEXTS)}. Switch with `kubectl config use-context NAME`, or, if this cluster is "
            f"meant, allow it with `pulumi config set --path 'cluster.context' {found.name}`"
        )
    return found


def _merged(paths: list[Path]) -> dict[str, Any]:
    """Several files as one: for each name the first file that has it wins, as with kubectl."""
    merged: dict[str, Any] = {"current-context": None, "clusters": [], "contexts": [], "users": []}
    existing = [path for path in paths if path.is_file()]
    if not existing:
        listed = ", ".join(str(path) for path in paths)
        raise KubeContextError(
            f"no kubeconfig: {listed} does not exist. Point KUBECONFIG to one, or run `make up` for a local cluster"
        )
    for path in existing:
        for key, value in _read(path).items():
            if key == "current-context":
                merged[key] = merged[key] or value
            elif isinstance(merged.get(key), list):
                entries = cast("list[dict[str, Any]]", value or [])
                known = {entry["name"] for entry in merged[key]}
                merged[key] += [_absolute(entry, path) for entry in entries if entry["name"] not in known]
    return merged


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        # The parser's message would quote the file, and the file holds credentials.
        raise KubeContextError(
            f"cannot read {path} ({type(error).__name__}). It must be a kubeconfig in YAML"
        ) from None
    if not isinstance(content, dict):
        raise KubeContextError(f"{path} is not a kubeconfig: it must be a map with clusters, contexts and users")
    return cast("dict[str, Any]", content)


def _absolute(entry: dict[str, Any], path: Path) -> dict[str, Any]:
    """Paths inside a kubeconfig count from the folder of the file that holds them."""
    copied: dict[str, Any] = dict(entry)
    for section, key in _FILES:
        content: dict[str, Any] = dict(copied.get(section) or {})
        if isinstance(content.get(key), str):
            copied[section] = {**content, key: str(path.parent / content[key])}
    return copied


def _shown(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) if names else "(there are none)"
