"""The links by which busybox is every command that it has."""

from __future__ import annotations

import tempfile
from pathlib import Path

from toolchain.images.errors import ImageError, run
from toolchain.images.tree import Tree

_BINARY = "usr/bin/busybox"


def add_applet_links(tree: Tree) -> None:
    """Link every applet's name in ``/bin`` to busybox, asking the program itself for the names.

    Raises:
        ImageError: The tree has no busybox, or it does not run here.
    """
    entry = tree.entries.get(_BINARY)
    if entry is None or not isinstance(entry.content, bytes):
        raise ImageError(f"the image has no /{_BINARY}; is the package busybox-static among its packages?")
    with tempfile.TemporaryDirectory(prefix="echorator-busybox-") as scratch:
        program = Path(scratch) / "busybox"
        program.write_bytes(entry.content)
        program.chmod(0o755)
        names = run([program, "--list"], what="busybox applets").split()
    for name in names:
        if name != "busybox":
            tree.add_link(f"usr/bin/{name}", "busybox")
