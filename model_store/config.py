"""The config file: JSON, read once at start, every fault reported together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from replica_agent.metrics_tls import MetricsTls

__all__ = ["CollectConfig", "ConfigError", "StoreConfig", "UploadsConfig", "UpstreamConfig", "load", "parse"]

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?")
_MAX_PORT = 65535
_LOOPBACK = re.compile(r"127\.|\[::1\]|localhost:")
_LISTEN = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


class ConfigError(Exception):
    """A config file with faults; the message lists all of them."""


def _matches(pattern: re.Pattern[str], legal: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"{value!r} is not {legal}")
        return value

    return check


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        raise ValueError(f"'{value}' is not an absolute path, such as /data")
    return value


def _listen(value: str) -> str:
    match = _LISTEN.fullmatch(value)
    if match is None or int(match[2]) > _MAX_PORT:
        raise ValueError(f"{value!r} is not address:port, such as 0.0.0.0:5000 or [::]:5000")
    return value


def _endpoint(value: str) -> str:
    legal = "an http:// or https:// URL of host and port alone, such as https://registry.ollama.ai"
    try:
        url = urlsplit(value)
        port_ok = url.port is None or url.port > 0
    except ValueError as error:
        raise ValueError(f"{value!r} is not {legal}") from error
    if url.username is not None or url.password is not None:
        raise ValueError("an endpoint holds no user or password: this file is no place for a secret")
    if url.scheme not in {"http", "https"} or not url.hostname or not port_ok:
        raise ValueError(f"{value!r} is not {legal}")
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise ValueError(f"{value!r} is not {legal}")
    return value.rstrip("/")


_Host = Annotated[str, AfterValidator(_matches(_HOST, "a host name, with or without :port"))]
_Alias = Annotated[str, AfterValidator(_matches(_LABEL, "a DNS label (a-z, 0-9, '-', at most 63)"))]
_Path = Annotated[Path, Field(strict=False), AfterValidator(_absolute)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, strict=True)


class UpstreamConfig(_Strict):
    """A registry that the store stands before.

    Attributes:
        host: The registry's name, as in a model's full name.
        alias: First label of the Host header that selects it.
        endpoints: Base URLs in the order to ask: mirrors, then the registry itself.
        credentials_file: Folder with the files `username` and `password`, as a mounted Secret of type
            kubernetes.io/basic-auth has them. See `credentials` for who is shown them.
    """

    host: _Host
    alias: _Alias
    endpoints: list[Annotated[str, AfterValidator(_endpoint)]] = Field(min_length=1)
    credentials_file: _Path | None = None


class UploadsConfig(_Strict):
    """Pushing, into repositories of a registry that is nowhere else.

    Attributes:
        host: The name of that registry, as in a model's full name.
        alias: First label of the Host header that selects it.
        token_file: Holds the token that whoever pushes or deletes must show; read at each use.
    """

    host: _Host
    alias: _Alias
    token_file: _Path

    @property
    def repositories(self) -> UpstreamConfig:
        """The registry itself: without endpoints, since what it has is on the volume or nowhere."""
        return UpstreamConfig.model_construct(host=self.host, alias=self.alias, endpoints=[], credentials_file=None)


class CollectConfig(_Strict):
    """Garbage collection.

    Attributes:
        enabled: Whether models that nobody wants are deleted. What nothing refers to goes in any case.
        keep_seconds: Since such a model was last pulled, or last wanted.
        interval_seconds: Between two collections; the first is at the start.
        lease_seconds: For so long a manifest that was handed out promises its blobs, from the last request
            for any of them. Also how long a pushed blob waits for its manifest.
    """

    enabled: bool = False
    keep_seconds: float = Field(default=7 * 24 * 3600.0, ge=0)
    interval_seconds: float = Field(default=600.0, gt=0)
    lease_seconds: float = Field(default=600.0, ge=1)


class StoreConfig(_Strict):
    """Everything the service is told.

    Attributes:
        root: The volume. Everything the store writes is below it.
        listen: Address and port; port 0 takes a free one and logs it.
        max_bytes: Most bytes of blobs, partial ones included; None: what the disk holds.
        min_free_bytes: Disk to leave free; below it nothing is downloaded.
        tag_fresh_seconds: How long the upstream's word on a tag counts, so that
            replicas that pull at the same time cost one upstream request.
        shutdown_seconds: How long open transfers may go on after SIGTERM; below
            the pod's grace period (30 s by default).
        uploads: Where clients may push, and with which token; None: nowhere.
        open_uploads: Let anyone push anything: for a store that listens on loopback alone and is the registry itself.
        wanted_file: The models that the stack's servers want (see `wanted`); read again when it changes.
        collect: Garbage collection.
        scrub_seconds: How often each blob's bytes are hashed again; 0: never.
        scrub_bytes_per_second: How fast at most.
        metrics_tls: Tell metrics by TLS, on a port of their own, and not where clients ask. None: there, plain.
        upstreams: The first serves every Host that no alias matches.
    """

    root: _Path
    listen: Annotated[str, AfterValidator(_listen)] = "0.0.0.0:5000"
    max_bytes: int | None = Field(default=None, gt=0)
    min_free_bytes: int = Field(default=64 << 20, ge=0)
    tag_fresh_seconds: float = Field(default=5.0, ge=0, le=3600)
    shutdown_seconds: int = Field(default=25, ge=0, le=600)
    uploads: UploadsConfig | None = None
    open_uploads: bool = False
    wanted_file: _Path | None = None
    collect: CollectConfig = CollectConfig()
    scrub_seconds: float = Field(default=7 * 24 * 3600.0, ge=0)
    scrub_bytes_per_second: int = Field(default=32 << 20, gt=0)
    metrics_tls: MetricsTls | None = None
    upstreams: list[UpstreamConfig] = Field(min_length=1)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to bind."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


def _registries(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    upstreams = document.get("upstreams")
    if isinstance(upstreams, list):
        for index, item in enumerate(cast("list[object]", upstreams)):
            if isinstance(item, dict):
                yield f"upstreams.{index}", cast("dict[str, Any]", item)
    uploads = document.get("uploads")
    if isinstance(uploads, dict):
        yield "uploads", cast("dict[str, Any]", uploads)


def _crossed(document: Mapping[str, Any]) -> Iterator[str]:
    """Faults between keys, found in the raw document: pydantic would report them only once all else is right."""
    for key in ("host", "alias"):
        seen: dict[str, str] = {}
        for place, item in _registries(document):
            value = item.get(key)
            if isinstance(value, str) and seen.setdefault(value, place) != place:
                yield f"{place}.{key}: {value!r} is taken by {seen[value]}; give each its own"
    if document.get("openUploads") is True and not _LOOPBACK.match(str(document.get("listen", ""))):
        yield "openUploads: whoever can push can replace every model, so `listen` must be on loopback: 127.0.0.1:PORT"
    collect = document.get("collect")
    enabled = isinstance(collect, dict) and cast("dict[str, Any]", collect).get("enabled") is True
    if enabled and document.get("wantedFile") is None:
        yield (
            "wantedFile: is required where collect.enabled is true: without it nothing is known to be wanted; "
            "give the path of the list, or set collect.enabled to false"
        )


def parse(text: str, source: str) -> StoreConfig:
    """Read a config document.

    Args:
        text: JSON.
        source: Its name in the error.

    Raises:
        ConfigError: With every fault, one a line.
    """
    try:
        raw: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{source} is not JSON: {error}") from error
    faults: list[str] = []
    config: StoreConfig | None = None
    try:
        config = StoreConfig.model_validate(raw)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            where = ".".join(str(part) for part in fault["loc"]) or "(the document)"
            faults.append(f"{where}: {fault['msg']}")
    if isinstance(raw, dict):
        faults += _crossed(cast("dict[str, Any]", raw))
    if config is None or faults:
        raise ConfigError("\n".join([f"{source} has {len(faults)} fault(s):", *(f"  {f}" for f in faults)]))
    return config


def load(path: Path) -> StoreConfig:
    """Read the config file.

    Raises:
        ConfigError: When it cannot be read or has faults.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    return parse(text, str(path))
