"""The replicas that are known, and what each of them has."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from echo.config.model import ServerConfig
from ollama.errors import ConfigurationError
from ollama.names import ModelName

__all__ = ["Fleet", "Listed", "Replica", "model_key"]

_CONTEXT = 4096
"""Tokens that Ollama gives a model where nothing else is said and the GPU is small."""


def model_key(name: str) -> str | None:
    """Return by what two spellings of one model's name are equal; None where it is no name."""
    try:
        return ModelName.parse(name).key
    except ConfigurationError:
        return None


@dataclass(frozen=True)
class Listed:
    """A model as a replica lists it.

    Attributes:
        name: as Ollama spells it.
        entry: the whole entry of `/api/tags`.
    """

    name: str
    entry: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Of its manifest."""
        return str(self.entry.get("digest", ""))


@dataclass(eq=False)
class Replica:
    """One Ollama.

    Attributes:
        server: name of its server.
        name: of the pod; where that is not known, its address.
        base: URL for requests.
        agent: base URL of its agent; None where it has none.
        slots: requests that it answers at once for one model.
        up: it answered when it was last asked.
        leaving: it takes no new requests.
        models: key to what it has, whole and ready.
        version: of its Ollama.
        others: requests there that other clients sent, as last told.
        running: own requests by model.
        misses: looks in a row that failed.
    """

    server: str
    name: str
    base: str
    agent: str | None
    slots: int
    up: bool = False
    leaving: bool = False
    models: dict[str, Listed] = field(default_factory=dict[str, Listed])
    version: str = ""
    others: int = 0
    running: dict[str, int] = field(default_factory=dict[str, int])
    misses: int = 0

    @property
    def own(self) -> int:
        """Own requests that run there."""
        return sum(self.running.values())

    @property
    def load(self) -> int:
        """Requests that run there, as far as is known."""
        return self.own + self.others

    def takes(self, model: str) -> bool:
        """Whether it can be asked for a model."""
        return self.up and not self.leaving and model in self.models


class Fleet:
    """All replicas, and the names that the settings want of them."""

    def __init__(self) -> None:
        self._replicas: dict[str, Replica] = {}
        self._wanted: dict[str, str] = {}
        self._contexts: dict[str, int] = {}
        self.looked = False
        self.alone_since: float | None = -math.inf
        """When the last replica was lost (monotonic); None while there is one."""

    def __iter__(self) -> Iterator[Replica]:
        return iter(list(self._replicas.values()))

    def configure(self, servers: Iterable[ServerConfig]) -> None:
        """Take the servers' settings; replicas of a server that is gone are forgotten."""
        known = {server.name: server for server in servers}
        self._contexts = {name: server.context for name, server in known.items()}
        self._wanted = {
            key: name for server in known.values() for name in server.models if (key := model_key(name)) is not None
        }
        for base, replica in list(self._replicas.items()):
            if replica.server in known:
                replica.slots = known[replica.server].slots
            else:
                self.forget(base)

    def add(self, replica: Replica) -> None:
        """Know a replica."""
        self._replicas[replica.base] = replica

    def find(self, base: str) -> Replica | None:
        """Return the replica at a URL."""
        return self._replicas.get(base)

    def forget(self, base: str) -> None:
        """Know a replica no more; requests that run there go on."""
        replica = self._replicas.pop(base, None)
        if replica is not None:
            replica.up = False

    def seen(self) -> None:
        """Note that every replica was looked at."""
        self.looked = True
        if any(replica.up for replica in self._replicas.values()):
            self.alone_since = None
        elif self.alone_since is None:
            self.alone_since = time.monotonic()

    def having(self, model: str) -> list[Replica]:
        """Return the replicas that can be asked for a model."""
        return [replica for replica in self._replicas.values() if replica.takes(model)]

    def context(self, model: str) -> int:
        """Return how many tokens a request for a model may have, wherever it goes."""
        servers = {one.server for one in self.having(model)}
        found = [size for name, size in self._contexts.items() if name in servers]
        return min(found or self._contexts.values(), default=_CONTEXT)

    def expects(self, model: str) -> bool:
        """Whether a model is to be here, even if no replica can be asked for it now."""
        return model in self._wanted or any(model in replica.models for replica in self._replicas.values())

    def label(self, model: str | None) -> str:
        """Return the name under which a model is counted; `other` for one that is not here."""
        key = model_key(model) if model is not None else None
        if key is None:
            return "other"
        if key in self._wanted:
            return self._wanted[key]
        for replica in self._replicas.values():
            if key in replica.models:
                return replica.models[key].name
        return "other"

    def catalogue(self) -> dict[str, Listed]:
        """Return every model that can be asked for; of several copies, the one that most replicas have."""
        found: dict[str, dict[str, list[Listed]]] = {}
        for replica in self._replicas.values():
            if replica.up and not replica.leaving:
                for key, listed in replica.models.items():
                    found.setdefault(key, {}).setdefault(listed.digest, []).append(listed)
        return {
            key: max(copies.values(), key=lambda same: (len(same), same[0].digest))[0]
            for key, copies in sorted(found.items())
        }
