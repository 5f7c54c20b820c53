"""Keys and configuration files of the reduced mode; only what changed is written."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from components.registries import DEFAULT_HOST, alias_of
from toolchain.node import files, pki
from toolchain.reduced import ports
from toolchain.reduced.errors import ReducedError
from toolchain.reduced.layout import REQUIRED_TOOLS, ReducedLayout


def check(layout: ReducedLayout) -> None:
    """Refuses a layout that cannot work.

    Raises:
        ReducedError: Names every missing program.
    """
    lacking = [name for name in REQUIRED_TOOLS if name not in layout.tools or not layout.tools[name].exists()]
    if lacking:
        raise ReducedError(f"these programs are missing: {', '.join(lacking)}", "`make up` builds them first")


def make_folders(layout: ReducedLayout) -> None:
    """Makes every folder, for the user alone."""
    for folder in layout.folders:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)


def put(path: Path, text: str) -> None:
    """Writes a file of mode 0600 at once, unless it is so already."""
    if path.exists() and path.read_text() == text:
        return
    part = path.with_name(path.name + ".part")
    part.touch(mode=0o600)
    part.write_text(text)
    part.rename(path)


def store_config(layout: ReducedLayout, port: int) -> str:
    """The model store's config: it takes pushes, since it is the registry here too, and asks upstream for the rest."""
    return json.dumps(
        {
            "root": str(layout.store),
            "listen": f"127.0.0.1:{port}",
            "openUploads": True,
            "shutdownSeconds": 2,
            "upstreams": [
                {"host": DEFAULT_HOST, "alias": alias_of(DEFAULT_HOST), "endpoints": [f"https://{DEFAULT_HOST}"]}
            ],
        },
        indent=1,
    )


def write(layout: ReducedLayout, port: Mapping[str, int]) -> None:
    """Certificates, kubeconfigs and the configuration of each process.

    Raises:
        NodeError: openssl is missing or refused.
    """
    pki.ensure(layout.pki, layout.name)
    authority = (layout.pki / "ca.crt").read_bytes()
    kubeconfigs = {
        "admin": layout.kubeconfig,
        **{name: layout.config / f"{name}.kubeconfig" for name in (ports.CONTROLLERS, ports.SCHEDULER)},
    }
    for certificate, path in kubeconfigs.items():
        own = [(layout.pki / f"{certificate}.{end}").read_bytes() for end in ("crt", "key")]
        put(path, files.host_kubeconfig(layout.name, port[ports.API], authority, *own))
    # Made once: a new key would make every Secret of the old one unreadable.
    if not (layout.config / "encryption.json").exists():
        put(layout.config / "encryption.json", files.encryption(secrets.token_bytes(32)))
    put(layout.config / "audit-policy.json", files.audit_policy())
    # Given as empty, else KWOK takes the user's own file, or stages that a later release brings.
    put(layout.config / "kwok.yaml", "")
    put(layout.config / "store.json", store_config(layout, port[ports.STORE]))
