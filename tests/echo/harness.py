"""An echo service as a process of its own, in front of whatever a test gives it."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from echo.auth.keys import digest
from tests.support.processes import Server, free_port

_METRIC = re.compile(r"^(\w+)(?:\{(.*)\})? ([0-9.e+-]+)$")


def new_key() -> str:
    return f"ek-{secrets.token_urlsafe(36)}"


class Echo(Server):
    """`python -m echo` on free loopback ports, with a user's key and an operator's.

    Attributes:
        main, ollama, internal: base URLs of its faces.
        key, operator: keys.
        config_file, keys_file: what it reads.
    """

    def __init__(
        self,
        folder: Path,
        servers: Sequence[Mapping[str, object]],
        *,
        env: Mapping[str, str] | None = None,
        keys: Sequence[Mapping[str, object]] = (),
        **settings: Any,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        ports = [free_port() for _ in range(3)]
        self.main, self.ollama, self.internal = (f"http://127.0.0.1:{port}" for port in ports)
        self.key, self.operator = new_key(), new_key()
        self.config_file, self.keys_file = folder / "config.json", folder / "keys.json"
        self.write_keys(
            [
                {"name": "user", "sha256": digest(self.key), "requestsPerMinute": 1e9, "concurrent": 100_000},
                {"name": "operator", "sha256": digest(self.operator), "roles": ["operator"]},
                *keys,
            ]
        )
        names = ("main", "ollama", "internal")
        auth = {"keysFile": str(self.keys_file), **settings.pop("auth", {})}
        self.settings: dict[str, Any] = {
            "listen": {name: f"127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)},
            "servers": list(servers),
            "routing": {"lookSeconds": 0.3},
            "drain": {"settleSeconds": 0.5, "limitSeconds": 30},
            **settings,
            "auth": auth,
        }
        self.write_config()
        whole = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), **(env or {})}
        command = [sys.executable, "-m", "echo", "--config", str(self.config_file)]
        super().__init__(command, ready=f"{self.main}/api/health", log=folder / "echo.log", env=whole)

    def write_config(self, **settings: Any) -> None:
        """Write the config file, with further or other sections."""
        self.settings |= settings
        self._replace(self.config_file, self.settings)

    def write_keys(self, entries: Sequence[Mapping[str, object]]) -> None:
        self._replace(self.keys_file, {"keys": list(entries)})

    @staticmethod
    def _replace(file: Path, document: object) -> None:
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(document))
        fresh.replace(file)

    @property
    def pid(self) -> int:
        """Process id of the running service."""
        assert self._process is not None
        return self._process.pid

    def exit_code(self, seconds: float = 30) -> int:
        """Wait for the service's own end and return its status."""
        assert self._process is not None
        return self._process.wait(seconds)

    def client(self, base: str | None = None, *, key: str | None = None, **more: Any) -> httpx.Client:
        """Return a client that shows the user's key, or another one."""
        headers = {"authorization": f"Bearer {key if key is not None else self.key}"}
        return httpx.Client(base_url=base or self.main, headers=headers, timeout=60, trust_env=False, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        with self.client(**more) as http:
            return http.get(path)

    def post(self, path: str, body: object, **more: Any) -> httpx.Response:
        with self.client(**more) as http:
            return http.post(path, json=body)

    def replicas(self) -> list[dict[str, Any]]:
        """What routing knows of the replicas."""
        found: list[dict[str, Any]] = (
            self.get("/admin/replicas", key=self.operator).raise_for_status().json()["replicas"]
        )
        return found

    def metric(self, name: str, **labels: str) -> float:
        """Sum of a metric's series with these labels; 0 when there is none."""
        total = 0.0
        for line in httpx.get(f"{self.internal}/metrics", trust_env=False).raise_for_status().text.splitlines():
            match = _METRIC.match(line)
            if match and match[1] == f"echo_{name}":
                found = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
                if labels.items() <= found.items():
                    total += float(match[3])
        return total

    def logged(self, name: str) -> list[dict[str, Any]]:
        """The log's events of one kind."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]
