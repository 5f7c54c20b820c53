"""A pod that may talk to a memory store: questions to the database go through its psql, over TLS that it verifies."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.memory import names
from components.versions import image
from tests.support.kube import Kube

_SLEEP = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(0)); signal.pause()"
CLIENT = "memory-client"
LIMIT_S = 240.0
"""For one command; it takes a second where nothing else runs."""


class MemoryClient:
    """The pod, once it is Ready."""

    def __init__(self, kube: Kube, kubeconfig: Path, namespace: str, store: str) -> None:
        self.kube = kube
        self.kubeconfig = kubeconfig
        self.namespace = namespace
        self.store = store
        self.prefix = namespace.removesuffix("-memory")
        self._kubectl = [os.environ["ECHORATOR_KUBECTL"], "--kubeconfig", str(kubeconfig)]

    def run(
        self, *command: str, text: str | None = None, pod: str = CLIENT, namespace: str = "", limit_s: float = LIMIT_S
    ) -> Any:
        """Run a command in a pod, the client's or another one; the finished process."""
        return subprocess.run(
            [*self._kubectl, "-n", namespace or self.namespace, "exec", "-i", pod, "--", *command],
            input=text,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )

    def sql(self, statement: str, *, who: str = "app", options: str = "", limit_s: float = LIMIT_S) -> str:
        """What psql prints, signed in from the Secret that is mounted at `/secret/<secret>`.

        Raises:
            AssertionError: with what it wrote on its error stream.
        """
        done = self.try_sql(statement, who=who, options=options, limit_s=limit_s)
        assert done.returncode == 0, done.stderr
        return str(done.stdout).strip()

    def signs_in(self, user: str, password: str) -> bool:
        """Whether the database takes a user with that password."""
        uri = f"host={names.host(self.store, self.prefix)} dbname={names.DATABASE} user={user} connect_timeout=10"
        tls = "sslmode=verify-full sslrootcert=/secret/trust/ca.crt"
        done = self.run("env", f"PGPASSWORD={password}", "psql", f"{uri} {tls}", "-XAtqc", "SELECT current_user")
        return bool(done.returncode == 0 and done.stdout.strip() == user)

    def try_sql(self, statement: str, *, who: str = "app", options: str = "", limit_s: float = LIMIT_S) -> Any:
        """The finished psql."""
        script = (
            "import os,subprocess,sys\n"
            f"read = lambda name: open('/secret/{who}/' + name).read()\n"
            "host = open('/secret/app/host').read()\n"
            "os.environ['PGPASSWORD'] = read('password')\n"
            f"uri = f'host={{host}} dbname={names.DATABASE} user={{read(\"username\")}} connect_timeout=10 '\n"
            f"uri += '{options or 'sslmode=verify-full sslrootcert=/secret/trust/ca.crt'}'\n"
            "sys.exit(subprocess.run(['psql', uri, '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', '-']).returncode)\n"
        )
        return self.run("python3", "-c", script, text=statement, limit_s=limit_s)


@contextmanager
def memory_client(kube: Kube, kubeconfig: Path, namespace: str, *, store: str = "memory") -> Generator[MemoryClient]:
    """Make the pod; it goes at the end."""
    kube.create(f"/api/v1/namespaces/{namespace}/pods", pod())
    try:
        kube.wait_ready(namespace, CLIENT, limit_s=LIMIT_S)
        yield MemoryClient(kube, kubeconfig, namespace, store)
    finally:
        kube.delete(f"/api/v1/namespaces/{namespace}/pods/{CLIENT}", grace_s=0)


def pod() -> dict[str, Any]:
    """The pod, with the Secrets of the app, the owner and the reader, and the authority's certificate."""
    mounts = {"app": names.APP_SECRET, "owner": names.OWNER_SECRET, "reader": names.READER_SECRET}
    volumes: list[dict[str, Any]] = [{"name": one, "secret": {"secretName": secret}} for one, secret in mounts.items()]
    trust = {"secretName": names.DATABASE_TLS, "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    return {
        "metadata": {"name": CLIENT, "labels": {names.CLIENT: "true"}},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 26,
                "runAsGroup": 26,
                "fsGroup": 26,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "client",
                    "image": image("postgres"),
                    "command": ["python3", "-c", _SLEEP],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                    "volumeMounts": [
                        {"name": one, "mountPath": f"/secret/{one}", "readOnly": True} for one in (*mounts, "trust")
                    ],
                }
            ],
            "volumes": [*volumes, {"name": "trust", "secret": trust}],
        },
    }
