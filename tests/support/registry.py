"""A real OCI registry (Debian's docker-registry) on loopback."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import yaml

from tests.support.processes import Server, free_port


def find_registry() -> Path:
    """Return the registry program: `$ECHORATOR_REGISTRY`, or `docker-registry` or `registry` on PATH.

    Raises:
        FileNotFoundError: none is there. Tests fail then; they do not skip.
    """
    named = os.environ.get("ECHORATOR_REGISTRY")
    candidates = [named, shutil.which("docker-registry"), shutil.which("registry")]
    for candidate in candidates:
        if candidate is not None and os.access(candidate, os.X_OK):
            return Path(candidate)
    msg = (
        f"no registry program (ECHORATOR_REGISTRY={named!r}, PATH has none): run `make up` once, which "
        "fetches it, or set ECHORATOR_REGISTRY to the path of a `docker-registry` program"
    )
    raise FileNotFoundError(msg)


class Registry(Server):
    """docker-registry over plain HTTP, its storage in `folder`.

    Attributes:
        host: `127.0.0.1:<port>`.
        storage: its file tree.
    """

    def __init__(self, binary: Path, folder: Path) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self.storage = folder / "storage"
        config = folder / "registry.yml"
        config.write_text(
            yaml.safe_dump(
                {
                    "version": 0.1,
                    "log": {"level": "error", "accesslog": {"disabled": True}},
                    "storage": {"filesystem": {"rootdirectory": str(self.storage)}, "delete": {"enabled": True}},
                    "http": {"addr": self.host, "secret": os.urandom(16).hex()},
                }
            )
        )
        super().__init__(
            [str(binary), "serve", str(config)], ready=f"http://{self.host}/v2/", log=folder / "registry.log"
        )
