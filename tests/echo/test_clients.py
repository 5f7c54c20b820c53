"""Clients of others work unchanged: the `ollama` command, and three Python libraries in an environment of their own.

What they ask is in tests/clients; each script ends with an error where an answer is not what its client makes of
Ollama's own.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.echo.conftest import Ollama, Start
from tests.echo.harness import Echo
from tests.support.ollama_process import find_ollama

pytestmark = pytest.mark.ollama

CLIENTS = Path(__file__).parents[1] / "clients"


def environment_python() -> Path:
    found = CLIENTS / ".venv" / "bin" / "python"
    assert found.exists(), "make it with `make test`, or `uv sync --frozen --project tests/clients`"
    return found


@pytest.mark.parametrize("script", sorted(CLIENTS.glob("sdk_*.py")), ids=lambda path: path.stem)
@pytest.mark.parametrize("face", ["main", "ollama"])
def test_a_library(echo: Echo, tmp_path: Path, script: Path, face: str) -> None:
    # Not in the checkout, where a package is called `ollama` too.
    done = subprocess.run(
        [environment_python(), "-I", script, getattr(echo, face), echo.key],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.strip() == "ok"


class Command:
    """The real `ollama` command, with a key pair of its own that it signs with."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / ".ollama").mkdir(parents=True)
        key = home / ".ollama" / "id_ed25519"
        made = Ed25519PrivateKey.generate()
        key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        key.chmod(0o600)
        self.public = made.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def run(self, url: str, *arguments: str, sign: bool = True) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "OLLAMA_HOST": url, "NO_COLOR": "1"}
        if sign:
            env["OLLAMA_AUTH"] = "true"
        return subprocess.run(
            [str(find_ollama()), *arguments], env=env, capture_output=True, text=True, timeout=100, check=False
        )


def test_the_ollama_command_signs(start_echo: Start, ollama: Ollama, tmp_path: Path) -> None:
    command, stranger = Command(tmp_path / "home"), Command(tmp_path / "stranger")
    key = {"name": "laptop", "publicKey": command.public}
    echo = start_echo({"name": "chat", "url": ollama.url}, keys=[key])
    listed = command.run(echo.ollama, "list")
    assert listed.returncode == 0, listed.stderr
    assert {line.split()[0] for line in listed.stdout.splitlines()[1:]} == {"tiny:1", "tiny:two", "talker:1"}
    shown = command.run(echo.ollama, "show", "tiny:1")
    assert "llama" in shown.stdout, shown.stderr
    said = command.run(echo.ollama, "run", "tiny:1", "a")
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip()
    assert "tiny:1" in command.run(echo.ollama, "ps").stdout
    pulled = command.run(echo.ollama, "pull", "tiny:1")
    assert pulled.returncode != 0
    assert "managed" in pulled.stderr
    for refused in (stranger.run(echo.ollama, "list"), command.run(echo.ollama, "list", sign=False)):
        assert refused.returncode != 0
    assert {one["key"] for one in echo.logged("request")} == {"laptop"}


def test_the_ollama_command_as_it_is(start_echo: Start, ollama: Ollama, tmp_path: Path) -> None:
    """Where anonymous requests are allowed it needs nothing at all."""
    command = Command(tmp_path / "home")
    echo = start_echo({"name": "chat", "url": ollama.url}, auth={"anonymous": True})
    said = command.run(echo.ollama, "run", "tiny:1", "a", sign=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip()
