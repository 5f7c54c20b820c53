"""Everything that the page needs, as real processes: PostgreSQL, Ollama, the echo service, a browser."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from echo.auth.keys import digest
from tests.echo.harness import Echo, new_key
from tests.echo.remembering import MODEL, WIDTH
from tests.replica_agent.harness import create_talker, until
from tests.support.ollama_process import OllamaProcess, find_ollama
from tests.support.postgres import SERVICE, Postgres, find_wheel
from tests.view import seed
from toolchain import paths
from toolchain.browser import browser
from toolchain.images import live_view

CLIENT = Path(__file__).parents[1] / "browser"
_SWITCHES = (
    "--no-sandbox",
    # Draws WebGL without a graphics card.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)
_LISTENS = re.compile(r"^DevTools listening on (ws://\S+)$", re.MULTILINE)
_START_S = 120.0
SAID = ("What do you know about the boat?", "What do you know about the violin?")


@dataclass(frozen=True)
class Place:
    """Where the page is, and what opens it.

    Attributes:
        echo: the service.
        key: of a user and operator, whose own space is `home`; it may use `care` too.
        user: of a user alone.
        devtools: WebSocket of the browser.
        database: URL for the service's role.
    """

    echo: Echo
    key: str
    user: str
    devtools: str
    database: str

    def look(self, script: str, *arguments: str, limit_s: float = 110, env: Mapping[str, str] | None = None) -> str:
        """Run a script of tests/browser; returns what it prints.

        Raises:
            AssertionError: it failed; with what it wrote.
        """
        python = CLIENT / ".venv" / "bin" / "python"
        assert python.exists(), "make it with `make test`, or `uv sync --frozen --project tests/browser`"
        whole = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "VIEW_DEVTOOLS": self.devtools,
            "VIEW_URL": self.echo.main,
            "VIEW_KEY": self.key,
            "VIEW_USER_KEY": self.user,
            **(env or {}),
        }
        command = [str(python), "-Es", str(CLIENT / script), *arguments]
        done = subprocess.run(command, env=whole, capture_output=True, text=True, timeout=limit_s, check=False)
        assert done.returncode == 0, f"{script}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout


@contextmanager
def place(folder: Path, *, memories: int, said: Sequence[str] = SAID) -> Generator[Place]:
    """Start everything; all of it is ended afterwards.

    Args:
        folder: an existing one, for what is written.
        memories: in the space `home`.
        said: the first words of each conversation that is had there.
    """
    files = live_view.built(paths.CHECKOUT, paths.cache_dir() / "images" / "view", lambda _: None)
    key, user = new_key(), new_key()
    with Postgres(find_wheel()) as postgres:
        database = postgres.url(postgres.create(), SERVICE)
        asyncio.run(seed.fill(database, "home", memories))
        asyncio.run(seed.wish(database, "home"))
        asyncio.run(seed.keep(database, "home"))
        # Of its own, since what is done there changes what is there.
        asyncio.run(seed.fill(database, "care", 30))
        asyncio.run(seed.wish(database, "care"))
        secret = folder / "database-url"
        secret.write_text(database)
        with _ollama(folder) as ollama:
            echo = Echo(
                folder / "echo",
                [{"name": "chat", "url": ollama}],
                keys=[
                    _key("looker", key, ["user", "operator"]),
                    _key("reader", user, ["user"]),
                ],
                memory={
                    "databaseUrlFile": str(secret),
                    "embedder": {"model": MODEL, "width": WIDTH},
                    "recall": {"seconds": 60},
                },
                view={"folder": str(files)},
            )
            try:
                echo.start(60)
                _talk(echo, key, said)
                with _browser(folder) as devtools:
                    yield Place(echo, key, user, devtools, database)
            finally:
                echo.stop()


@contextmanager
def _ollama(folder: Path) -> Generator[str]:
    home = folder / "ollama"
    home.mkdir()
    with OllamaProcess(find_ollama(), home) as server:
        create_talker(server.url)
        yield server.url


def _talk(echo: Echo, key: str, said: Sequence[str]) -> None:
    """Have conversations with a memory, and wait until all of them are learned from."""
    with echo.client(key=key) as http:
        until(lambda: http.get("/echo/state").status_code == 200, _START_S)
        for number, words in enumerate(said):
            body = {
                "model": MODEL,
                "messages": [{"role": "user", "content": words}],
                "options": {"num_predict": 4},
                "stream": False,
                "echo": {"conversation": f"talk-{number}"},
            }
            assert http.post("/api/chat", json=body).raise_for_status().json()["echo"]["recalled"]
        until(lambda: http.get("/echo/state").json()["learning"]["experiences"] >= len(said), _START_S)


def _key(name: str, key: str, roles: list[str]) -> dict[str, object]:
    return {"name": name, "sha256": digest(key), "roles": roles, "spaces": ["home", "care"], "space": "home"}


@contextmanager
def _browser(folder: Path) -> Generator[str]:
    found = browser(paths.cache_dir() / "images")
    log = folder / "browser.log"
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **found.environment}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(found.program), *_SWITCHES, f"--user-data-dir={folder / 'profile'}"],
            stdout=out, stderr=out, env=env, cwd=folder, process_group=0,
        )  # fmt: skip
    try:
        yield _devtools(process, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait(20)


def _devtools(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        match = _LISTENS.search(log.read_text(errors="replace"))
        if match is not None:
            return match[1]
        time.sleep(0.05)
    raise RuntimeError(f"the browser did not start:\n{log.read_text(errors='replace')[-3000:]}")
