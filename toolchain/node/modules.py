"""The one kernel module that nothing loads by itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

BRIDGE_SETTINGS = Path("/proc/sys/net/bridge")
_CALLS = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables", "bridge-nf-call-arptables")
_NAME = "br_netfilter"


def _modprobe(*arguments: str) -> bool:
    found = shutil.which("modprobe", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if found is None:
        return False
    return subprocess.run([found, "-q", *arguments], check=False, capture_output=True).returncode == 0


def bridge_filter_available() -> bool:
    """Whether packets between pods can be made to pass the firewall; loads nothing."""
    return BRIDGE_SETTINGS.is_dir() or _modprobe("-n", _NAME)


def load_bridge_filter() -> None:
    """Loads br_netfilter where it is a module and not loaded yet.

    Loading it would send the packets of the host's own bridges (libvirt, docker) through the
    host's firewall. So it is switched off again there; the node switches it on for itself.
    """
    if BRIDGE_SETTINGS.is_dir() or not _modprobe(_NAME):
        return
    for name in _CALLS:
        (BRIDGE_SETTINGS / name).write_text("0\n")
