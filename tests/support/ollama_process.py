"""A real Ollama server on loopback, with its models in a folder of the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.support.processes import Server, free_port


def find_ollama() -> Path:
    """Return the Ollama binary: `$ECHORATOR_OLLAMA`, or `ollama` on PATH.

    Raises:
        FileNotFoundError: neither is there. Tests fail then; they do not skip.
    """
    named = os.environ.get("ECHORATOR_OLLAMA")
    found = named if named is not None else shutil.which("ollama")
    if found is None or not os.access(found, os.X_OK):
        msg = (
            f"no Ollama binary (ECHORATOR_OLLAMA={named!r}, PATH has none): run `make up` once, which builds "
            "it, or set ECHORATOR_OLLAMA to the path of an `ollama` program"
        )
        raise FileNotFoundError(msg)
    return Path(found)


class OllamaProcess(Server):
    """`ollama serve` on a free loopback port.

    Attributes:
        url: base URL of its API.
        models: its OLLAMA_MODELS folder (`blobs/`, `manifests/`).
    """

    def __init__(
        self,
        binary: Path,
        home: Path,
        *,
        env: Mapping[str, str] | None = None,
        tmpfs_bytes: int | None = None,
    ) -> None:
        """Prepare a server.

        Args:
            binary: the `ollama` program.
            home: an existing, empty folder; everything it writes goes there.
            env: further OLLAMA_* settings.
            tmpfs_bytes: put the models on a file system of this size (needs root: a mount in a mount
                namespace of its own, which ends with the process).
        """
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.models = home / "models"
        self.models.mkdir(exist_ok=True)
        command = [str(binary), "serve"]
        if tmpfs_bytes is not None:
            mount = f'mount -t tmpfs -o size={tmpfs_bytes} tmpfs "$0" && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", mount, str(self.models), *command]
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "OLLAMA_HOST": f"127.0.0.1:{self.port}",
            "OLLAMA_MODELS": str(self.models),
            "OLLAMA_NO_CLOUD": "1",
            "OLLAMA_CONTEXT_LENGTH": "256",
            **(env if env is not None else {}),
        }
        super().__init__(command, ready=f"{self.url}/api/version", log=home / "ollama.log", env=settings)

    def blob(self, digest: str) -> Path:
        """Return the path of a blob by its `sha256:<hex>` digest."""
        return self.models / "blobs" / digest.replace(":", "-")
