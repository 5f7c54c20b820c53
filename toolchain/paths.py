"""Where the toolchain keeps things: one cache a user, one state folder a checkout."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def cache_dir() -> Path:
    """The user's cache of built tools: ``$ECHORATOR_CACHE``, else the XDG cache folder."""
    explicit = os.environ.get("ECHORATOR_CACHE")
    if explicit:
        return Path(explicit).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "echorator"


def tools_dir() -> Path:
    """Finished tools, a folder for each name and version; shared by all checkouts."""
    return cache_dir() / "tools"


def checkout_id(checkout: Path = CHECKOUT) -> str:
    """Eight hex digits that tell this checkout from every other one on the machine."""
    return hashlib.sha256(str(checkout.resolve()).encode()).hexdigest()[:8]


def state_dir(checkout: Path = CHECKOUT) -> Path:
    """The local cluster's disks, keys and logs, and the dev stack's state; ignored by git."""
    return checkout / ".echorator"


def run_dir(checkout: Path = CHECKOUT) -> Path:
    """Sockets and pid files. Short, since a unix socket's path ends at 107 bytes."""
    return Path("/run/echorator") / checkout_id(checkout)
