"""An Ollama server of our own, on loopback, that lives as long as a ``with`` block."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import cast

import httpx

from toolchain.models.errors import ModelError

_START_S = 60.0
_STOP_S = 10.0
# Loading a model and a first answer on two busy cores.
_ANSWER_S = 300.0
_FIRST_ERROR = 400


class Ollama:
    """The API of a running server, with failures as ``ModelError``."""

    def __init__(self, url: str) -> None:
        """Talk to the server at ``url``."""
        # A proxy from the environment must not catch what is meant for loopback.
        self.http = httpx.Client(base_url=url, timeout=_ANSWER_S, trust_env=False)

    def post(self, path: str, body: object) -> dict[str, object]:
        """POST JSON and return the JSON answer, empty if there is none."""
        response = self._send("POST", path, content=json.dumps(body).encode())
        return cast("dict[str, object]", response.json()) if response.content else {}

    def stream(self, path: str, body: object) -> Iterator[dict[str, object]]:
        """POST JSON and yield each line of the answer.

        Raises:
            ModelError: The server refused, or reported an error in the stream.
        """
        try:
            with self.http.stream("POST", path, json=body) as response:
                if response.status_code >= _FIRST_ERROR:
                    response.read()
                    raise _refusal(response)
                for line in response.iter_lines():
                    row = cast("dict[str, object]", json.loads(line))
                    if "error" in row:
                        raise ModelError(f"Ollama failed in {path}: {row['error']}")
                    yield row
        except httpx.HTTPError as error:
            raise ModelError(f"Ollama does not answer {path}: {error or type(error).__name__}") from error

    def upload(self, digest: str, size: int, chunks: Iterable[bytes]) -> None:
        """Give the server a blob, unless it has it."""
        path = f"/api/blobs/{digest}"
        try:
            if self.http.head(path).is_success:
                return
        except httpx.HTTPError as error:
            raise ModelError(f"Ollama does not answer {path}: {error or type(error).__name__}") from error
        self._send("POST", path, content=chunks, headers={"Content-Length": str(size)})

    def _send(
        self, method: str, path: str, *, content: bytes | Iterable[bytes], headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            response = self.http.request(method, path, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise ModelError(f"Ollama does not answer {path}: {error or type(error).__name__}") from error
        if response.status_code >= _FIRST_ERROR:
            raise _refusal(response)
        return response


@contextlib.contextmanager
def ollama_server(binary: Path, home: Path) -> Generator[Ollama]:
    """Run ``ollama serve`` on a free port of loopback, with everything it writes below ``home``.

    At the end the server and the runners it started are killed.

    Raises:
        ModelError: It does not start within a minute; holds the end of its log.
    """
    home.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    environment = {
        "HOME": str(home),
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "OLLAMA_MODELS": str(home / "models"),
        "OLLAMA_HOST": f"127.0.0.1:{port}",
    }
    log = home / "ollama.log"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                [*_ends_with_us(), binary, "serve"],
                env=environment,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Its own group, so that the runners end with it.
                start_new_session=True,
            )
        except OSError as error:
            raise ModelError(f"Ollama cannot be started: {error}") from error
    client = Ollama(f"http://127.0.0.1:{port}")
    try:
        _wait(client, process, log)
        yield client
    finally:
        client.http.close()
        _stop(process)


def _ends_with_us() -> tuple[str, ...]:
    """Words before a command by which it is told to end when this process is killed.

    After a kill -9 of the toolchain the server would otherwise stay, in its own process group.
    """
    setpriv = shutil.which("setpriv")
    return () if setpriv is None else (setpriv, "--pdeathsig", "TERM")


def _wait(client: Ollama, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if client.http.get("/api/version", timeout=2).is_success:
                return
        time.sleep(0.1)
    how = "did not answer in time" if process.poll() is None else f"ended with status {process.returncode}"
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
    raise ModelError(f"Ollama {how}; the end of its log:\n{tail}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for how, patience in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, None)):
        # The group outlives its leader while a runner is left.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return cast("int", probe.getsockname()[1])


def _refusal(response: httpx.Response) -> ModelError:
    return ModelError(f"Ollama answered {response.request.url.path} with {response.status_code}: {response.text[:300]}")
