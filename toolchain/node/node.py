"""The local single-node cluster: start, mend, look, end. The only door to this package."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from toolchain.build.lock import exclusive
from toolchain.node import addons, cgroups, pki, ports, prepare
from toolchain.node.api import Api
from toolchain.node.errors import NodeError
from toolchain.node.layout import API_PORT, NodeLayout
from toolchain.node.leftovers import leftovers
from toolchain.node.ports import Forward
from toolchain.node.sandbox import Sandbox, tail
from toolchain.node.spec import NodeSpec
from toolchain.node.status import ComponentStatus, NodeStatus, components
from toolchain.node.verdicts import API_FORWARD, ours, port_was_taken, ready_since

Progress = Callable[[str, str], None]
"""Called with a step (``node``, ``api``, ``kubelet``, ``add-ons`` ...) and what happens in it now."""

_API_TARGET = f"127.0.0.1:{API_PORT}"
_POLL_S = 0.1


def _silent(_step: str, _detail: str) -> None:
    return


class Node:
    """One local cluster, described by its layout. Every method may be called at any time and again."""

    def __init__(self, layout: NodeLayout) -> None:
        self.layout = layout
        self._sandbox = Sandbox(layout)

    # -- bringing up ---------------------------------------------------------------------------

    def up(self, progress: Progress = _silent, timeout_s: float = 180.0) -> None:
        """``start``, ``install_addons`` and ``wait_ready``; for a registry that already has the images."""
        self.start(progress, timeout_s)
        self.install_addons(progress)
        self.wait_ready(progress, timeout_s)

    def start(self, progress: Progress = _silent, timeout_s: float = 120.0) -> None:
        """Brings every process up and waits for the API server and the Ready node.

        Mends what a kill, a reboot or another program's port left broken; takes under a second when
        all is well.

        Raises:
            NodeError: Something is missing or does not come up in time; says which part, and the
                end of its log.
        """
        with self._lock(progress):
            deadline = time.monotonic() + timeout_s
            prepare.check(self.layout)
            prepare.make_folders(self.layout)
            prepare.write_configuration(self.layout)
            self._bring_processes_up(progress)
            api = self._wait_for_api(progress, deadline)
            addons.apply(api, addons.RBAC)
            self.layout.api_mark.touch()
            self._wait_for_node(api, progress, deadline)
            self._wait_for_health(progress, deadline)
            api.close()

    def install_addons(self, progress: Progress = _silent) -> None:
        """Applies DNS, storage and the registry's Service; their images must be in the registry.

        Raises:
            NodeError: The node does not run, or an object was refused.
        """
        progress("add-ons", "applying DNS, storage class and registry service")
        with self.api() as api:
            addons.apply(api, addons.ADDONS)

    def wait_ready(self, progress: Progress = _silent, timeout_s: float = 120.0) -> None:
        """Waits until every add-on is available and no pod's state is one from before the node's start.

        Raises:
            NodeError: Not in time; names each add-on or pod and what it waits for.
        """
        deadline = time.monotonic() + timeout_s
        shown: list[str] = []
        with self.api() as api:
            while missing := self._missing(api):
                if missing != shown:
                    progress("add-ons", "waiting: " + "; ".join(missing))
                    shown = missing
                if time.monotonic() > deadline:
                    raise NodeError(
                        f"the cluster is not ready after {timeout_s:.0f} s:\n  " + "\n  ".join(missing),
                        f"see `kubectl --kubeconfig {self.layout.kubeconfig} get pods -A` and {self.layout.logs}",
                    )
                time.sleep(_POLL_S)

    # -- looking -------------------------------------------------------------------------------

    def status(self) -> NodeStatus:
        """State of every part; starts and changes nothing."""
        forwards = ports.read(self.layout.forwards_file)
        url = pki.api_url(forwards[API_FORWARD].port) if API_FORWARD in forwards else ""
        pid = self._sandbox.find()
        if pid is None:
            return NodeStatus(False, None, url, None, (), ("the local node does not run: `make up` starts it",))
        parts = components(self.layout, self._sandbox, pid)
        ready: bool | None = None
        with contextlib.suppress(NodeError, OSError, http.client.HTTPException), self.api() as api:
            ready = self._node_is_ready(api, parts)
        problems = [f"{part.name}: {part.problem} ({part.hint})" for part in parts if not part.healthy]
        if not parts:
            problems.append("the node's first process does not answer: `make up` restarts the node")
        if ready is False:
            problems.append(f"the node is not Ready: see {self.layout.logs / 'kubelet.log'}")
        return NodeStatus(True, pid, url, ready, parts, tuple(problems))

    @property
    def running(self) -> bool:
        """Whether the node's PID 1 lives. Says nothing about health."""
        return self._sandbox.find() is not None

    def run_inside(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        capture: bool = True,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """See :meth:`toolchain.node.sandbox.Sandbox.run_inside`."""
        return self._sandbox.run_inside(argv, check=check, capture=capture, stdin=stdin, env=env, timeout_s=timeout_s)

    def inside_command(self, argv: Sequence[str]) -> list[str]:
        """See :meth:`toolchain.node.sandbox.Sandbox.command`."""
        return self._sandbox.command(argv)

    # -- changing ------------------------------------------------------------------------------

    def forward(self, name: str, target: str, progress: Progress = _silent) -> int:
        """A port on the host's 127.0.0.1 that leads to ``target`` (``HOST:PORT``) inside the node.

        The port is kept over restarts. Asking again changes nothing.

        Raises:
            NodeError: The node does not run, a program of the layout is missing, or the port does not open.
        """
        prepare.check(self.layout)
        with self._lock(progress):
            wanted = ports.read(self.layout.forwards_file)
            known = wanted.get(name)
            if known is None or known.target != target:
                port = known.port if known is not None else ports.free_port()
                ports.write(self.layout.forwards_file, {**wanted, name: Forward(port, target)})
            if self._sandbox.find() is None:
                raise NodeError("the local node does not run", "make up")
            self._bring_processes_up(progress)
            deadline = time.monotonic() + 10.0
            while not ports.is_taken(port := ports.read(self.layout.forwards_file)[name].port):
                if time.monotonic() > deadline:
                    log = self.layout.logs / f"forward-{name}.log"
                    raise NodeError(f"127.0.0.1:{port} does not lead to {target}:\n{tail(log)}", f"see {log}")
                time.sleep(0.02)
            return port

    def unforward(self, name: str, progress: Progress = _silent) -> None:
        """Closes a forwarded port; nothing happens when there is none of that name."""
        prepare.check(self.layout)
        with self._lock(progress):
            wanted = ports.read(self.layout.forwards_file)
            if wanted.pop(name, None) is not None:
                ports.write(self.layout.forwards_file, wanted)
                if self._sandbox.find() is not None:
                    self._bring_processes_up(progress)

    def down(self, progress: Progress = _silent, *, purge: bool = False) -> None:
        """Stops everything and removes processes, cgroups and sockets, also of a node that was killed.

        Args:
            progress: Told of each step.
            purge: Also delete the disks: cluster state, images, registry, volumes, keys and logs.

        Raises:
            NodeError: Something is still there; names it.
        """
        layout = self.layout
        if not layout.state.exists() and not layout.run.exists():
            return
        with self._lock(progress):
            progress("node", "stopping pods and components")
            self._sandbox.end()
            cgroups.remove(layout.name, cgroups.hierarchies())
            if layout.run.exists():
                shutil.rmtree(layout.run)
            with contextlib.suppress(OSError):  # shared with other nodes: stays while one is there
                layout.run.parent.rmdir()
            left = leftovers(layout)
            if left:
                raise NodeError("the node left something behind:\n  " + "\n  ".join(left))
            if purge:
                progress("node", "deleting its disks")
                for folder, _ in layout.disks:
                    if folder.exists():
                        shutil.rmtree(folder)
                layout.kubeconfig.unlink(missing_ok=True)
                layout.forwards_file.unlink(missing_ok=True)

    # -- parts ---------------------------------------------------------------------------------

    def _lock(self, progress: Progress) -> contextlib.AbstractContextManager[None]:
        """One change at a time, over processes too; a second caller waits."""
        return exclusive(self.layout.lock_file, "changing the node", waiting=lambda told: progress("node", told))

    @contextlib.contextmanager
    def api(self) -> Generator[Api]:
        """The API server, as the administrator.

        Raises:
            NodeError: the node does not run.
        """
        forwards = ports.read(self.layout.forwards_file)
        if self._sandbox.find() is None or API_FORWARD not in forwards:
            raise NodeError("the local node does not run", "make up")
        api = Api(forwards[API_FORWARD].port, self.layout.pki)
        try:
            yield api
        finally:
            api.close()

    def _bring_processes_up(self, progress: Progress) -> None:
        """Starts PID 1, or tells the running one what is wanted now."""
        layout = self.layout
        answer = self._sandbox.control({"op": "status"}) if self._sandbox.find() is not None else None
        forwards = self._settled_forwards(answer)
        prepare.write_kubeconfig(layout, forwards[API_FORWARD].port)
        spec = prepare.node_spec(layout, forwards)
        if answer is not None and self._furnished_as(spec):
            self._sandbox.control({"op": "apply", "processes": [p.to_wire() for p in spec.processes]})
            return
        if answer is None:
            progress("node", "starting")
        else:
            progress("node", "restarting, since its programs, folders or supervisor changed")
        self._sandbox.end()
        cgroups.remove(layout.name, cgroups.hierarchies())
        self._sandbox.boot(spec)

    def _furnished_as(self, spec: NodeSpec) -> bool:
        """Whether the running node's mounts are those of ``spec``."""
        try:
            running = NodeSpec.read(self.layout.spec_file)
        except (FileNotFoundError, ValueError, KeyError):
            return False
        return replace(running, processes=()) == replace(spec, processes=())

    def _settled_forwards(self, answer: dict[str, Any] | None) -> dict[str, Forward]:
        wanted = ports.read(self.layout.forwards_file)
        if API_FORWARD not in wanted:
            wanted[API_FORWARD] = Forward(ports.free_port(), _API_TARGET)
        settled = ports.settle(wanted, ours(answer) if answer is not None else set())
        ports.write(self.layout.forwards_file, settled)
        return settled

    def _wait_for_api(self, progress: Progress, deadline: float) -> Api:
        progress("api", "waiting for the API server")
        port, api = 0, None
        while True:
            wanted = ports.read(self.layout.forwards_file)[API_FORWARD].port
            if api is None or port != wanted:
                if api is not None:
                    api.close()
                port, api = wanted, Api(wanted, self.layout.pki)
            if api.ready():
                return api
            if time.monotonic() > deadline:
                raise self._not_up("the API server")
            answer = self._sandbox.control({"op": "status"})
            if answer is None or port_was_taken(answer):
                self._bring_processes_up(progress)
            time.sleep(_POLL_S)

    def _wait_for_node(self, api: Api, progress: Progress, deadline: float) -> None:
        told = False
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):  # the API server may die meanwhile
                if self._node_is_ready(api, self._parts()):
                    return
            if not told:
                progress("kubelet", "waiting for the node to be Ready")
                told = True
            if time.monotonic() > deadline:
                raise self._not_up("the node")
            time.sleep(_POLL_S)

    def _node_is_ready(self, api: Api, parts: tuple[ComponentStatus, ...]) -> bool:
        ages = [part.age_s for part in parts if part.name == "kubelet" and part.age_s is not None]
        return bool(ages) and ready_since(api.get(f"/api/v1/nodes/{self.layout.name}"), time.time() - ages[0])

    def _missing(self, api: Api) -> list[str]:
        boot = self.layout.init_record.stat().st_mtime
        stale = addons.stale_pods(api, self.layout.name, boot)
        return addons.unavailable(api, boot) + [f"{name}: not yet restarted" for name in stale]

    def _wait_for_health(self, progress: Progress, deadline: float) -> None:
        shown: list[str] = []
        while sick := [part for part in self._parts() if not part.healthy]:
            names = [part.name for part in sick]
            if names != shown:
                progress("components", "waiting for " + ", ".join(names))
                shown = names
            if time.monotonic() > deadline:
                raise self._not_up("a component")
            time.sleep(_POLL_S)

    def _parts(self) -> tuple[ComponentStatus, ...]:
        pid = self._sandbox.find()
        if pid is None:
            raise NodeError(
                "the node's first process ended", f"see {self.layout.logs / 'init.log'}; `make up` starts it"
            )
        return components(self.layout, self._sandbox, pid)

    def _not_up(self, what: str) -> NodeError:
        sick = [part for part in self.status().components if not part.healthy]
        lines = [f"  {part.name}: {part.problem}\n{tail(self.layout.logs / f'{part.name}.log', 6)}" for part in sick]
        return NodeError(f"{what} does not come up:\n" + "\n".join(lines), f"read the logs in {self.layout.logs}")
