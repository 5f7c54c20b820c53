"""First process of the node: ``python -m toolchain.node.init SPEC`` on the host.

It enters the node's cgroup, makes the namespaces, forks, notes the child and leaves. The child is
PID 1 inside: it furnishes the namespaces and becomes the supervisor. Whatever ends it ends the
node: the kernel then kills every process in the process id namespace, and mounts, interfaces and
firewall rules go with their namespaces.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from toolchain.node import cgroups, inside, linux, modules
from toolchain.node.spec import NodeSpec
from toolchain.node.supervisor import Supervisor


def main(spec_path: str) -> int:
    """Starts the node; returns in the parent once PID 1 is noted."""
    spec = NodeSpec.read(Path(spec_path))
    modules.load_bridge_filter()
    found = cgroups.hierarchies()
    cgroups.create(spec.name, found)
    cgroups.join(spec.name, found, os.getpid())
    host_net = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.CLONE_NEWNET | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC)
    noted_read, noted_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(noted_write)
        if os.read(noted_read, 1) != b"+":
            return 1  # the parent died before it noted this process: nobody would find the node
        os.close(noted_read)
        _be_init(spec, host_net)
        return 0
    record = Path(spec.init_record)
    part = record.with_suffix(".part")
    part.write_text(json.dumps({"pid": child, "start_time": linux.process_start_time(child)}))
    part.rename(record)
    os.write(noted_write, b"+")
    return 0


def _be_init(spec: NodeSpec, host_net: int) -> None:
    os.chdir("/")
    os.umask(0o022)
    inside.furnish(spec)
    supervisor = Supervisor(Path(spec.logs), Path(spec.control_socket), host_net)
    supervisor.apply(spec.processes)
    supervisor.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
