"""A stack at one moment, as the commands show it: plain data, no cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cli.phases import State
from replica_agent.report import ReplicaReport
from toolchain.status.diagnose import Problem


@dataclass(frozen=True)
class Replica:
    """One replica.

    Attributes:
        name: of its pod; the URL of a server elsewhere.
        state: where it is.
        restarts: of all its containers.
        report: what its agent says; None where it does not.
    """

    name: str
    state: State
    restarts: int = 0
    report: ReplicaReport | None = None


@dataclass(frozen=True)
class Model:
    """One model that a server shall have.

    Attributes:
        name: as it is configured.
        source: what is pulled; None where the name itself is, or it is made on the replica.
        wanted: the digest that is configured; None for any.
        found: replica to the digest that it has, None where it has none.
        phases: replica to the model's phase there.
        size: bytes on one replica.
    """

    name: str
    source: str | None
    wanted: str | None
    found: Mapping[str, str | None]
    phases: Mapping[str, str]
    size: int


@dataclass(frozen=True)
class Server:
    """One server: `wanted` replicas are configured; `url` where it runs elsewhere."""

    name: str
    state: State
    wanted: int
    url: str | None
    replicas: Sequence[Replica]
    models: Sequence[Model]


@dataclass(frozen=True)
class View:
    """All of a stack, at one moment."""

    stack: str
    namespace: str
    servers: Sequence[Server]
    problems: Sequence[Problem]
