"""What the host tells PID 1 of the node: mounts to make and processes to keep. Plain JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Process:
    """A process that the supervisor keeps running.

    Attributes:
        name: Also the name of its log file.
        argv: Program (absolute path, or found on PATH inside the node) and arguments.
        env: Added to the supervisor's environment.
        after: Started once each of these is there: ``tcp:HOST:PORT``, ``unix:PATH`` or ``file:PATH``.
        stamp: Digest of its configuration and certificates; a change restarts it.
        stateless: Killed without grace. The API server would hold its connections, and so etcd's
            end, for a minute.
        host_net: Gets the host's network namespace as file descriptor 3.
    """

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict[str, str])
    after: tuple[str, ...] = ()
    stamp: str = ""
    stateless: bool = False
    host_net: bool = False

    def to_wire(self) -> dict[str, Any]:
        """JSON object of this process."""
        return asdict(self)

    @staticmethod
    def from_wire(data: dict[str, Any]) -> Process:
        """The reverse of :meth:`to_wire`."""
        return Process(
            name=data["name"],
            argv=tuple(data["argv"]),
            env=dict(data["env"]),
            after=tuple(data["after"]),
            stamp=data["stamp"],
            stateless=data["stateless"],
            host_net=data["host_net"],
        )


@dataclass(frozen=True)
class NodeSpec:
    """One node, as its PID 1 sees it.

    Attributes:
        name: Host name inside, and name of the cgroup.
        code: Digest of the program that becomes PID 1; a node that runs another is restarted.
        usr_layers: Folders laid over ``/usr``, the first on top.
        private: Folders that become an empty tmpfs inside.
        keep: Paths of the host that must stay visible below the private folders.
        binds: Pairs of a host's folder and its place inside.
        fixed_files: Pairs of a path and the content that the node sees there, in place of the
            host's: kernel settings that kubelet would otherwise change for the whole machine.
        control_socket: Where PID 1 answers.
        init_record: Where PID 1 is noted.
        logs: Folder of the logs, as seen inside.
        address: The node's address on ``bridge``.
        service_cidr: Routed to ``bridge``, so that the node itself reaches Services.
        processes: What runs.
    """

    name: str
    code: str
    usr_layers: tuple[str, ...]
    private: tuple[str, ...]
    keep: tuple[str, ...]
    binds: tuple[tuple[str, str], ...]
    fixed_files: tuple[tuple[str, str], ...]
    control_socket: str
    init_record: str
    logs: str
    bridge: str
    address: str
    service_cidr: str
    processes: tuple[Process, ...]

    def to_json(self) -> str:
        """Text for the spec file."""
        return json.dumps(asdict(self), indent=1)

    @staticmethod
    def from_json(text: str) -> NodeSpec:
        """The reverse of :meth:`to_json`."""
        data: dict[str, Any] = json.loads(text)
        return NodeSpec(
            name=data["name"],
            code=data["code"],
            usr_layers=tuple(data["usr_layers"]),
            private=tuple(data["private"]),
            keep=tuple(data["keep"]),
            binds=tuple((str(a), str(b)) for a, b in data["binds"]),
            fixed_files=tuple((str(a), str(b)) for a, b in data["fixed_files"]),
            control_socket=data["control_socket"],
            init_record=data["init_record"],
            logs=data["logs"],
            bridge=data["bridge"],
            address=data["address"],
            service_cidr=data["service_cidr"],
            processes=tuple(Process.from_wire(item) for item in data["processes"]),
        )

    @staticmethod
    def read(path: Path) -> NodeSpec:
        """The spec in a file."""
        return NodeSpec.from_json(path.read_text())
