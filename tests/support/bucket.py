"""A bucket outside of the stacks: an S3 server in a namespace of its own, with keys, TLS and a volume of its own.

It is rclone, without encryption: what it holds is what was sent. Where it differs from a cloud's is not known here.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from components import pod_security, workload
from components.certificates import authority, issue
from components.versions import image
from tests.support.kube import Kube, wait_for

BUCKET = "echo-backups"
PORT = 9000
POD = "s3-0"
SECRET = "bucket-keys"
_LABELS = {"app": "s3"}
_SERVE = f"""
mkdir -p /data/{BUCKET}
export RCLONE_AUTH_KEY="\\"$(cat /keys/access-key-id),$(cat /keys/secret-access-key)\\""
exec rclone serve s3 /data --addr :{PORT} --cert /keys/tls.crt --key /keys/tls.key --vfs-cache-mode off \\
  --dir-cache-time 1s --log-level NOTICE
"""
_BEGINNINGS = f"""find /data/{BUCKET} -type f -exec sh -c 'printf "%s %s\\n" "$(head -c 6 "$1")" "$1"' _ {{}} \\;"""


class Bucket:
    """The server, while the context is open."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self.namespace = namespace
        self._host = f"s3.{namespace}.svc"
        self._core = f"/api/v1/namespaces/{namespace}"
        self._set = f"/apis/apps/v1/namespaces/{namespace}/statefulsets/s3"
        self.authority = authority("bucket", dt.datetime.now(tz=dt.UTC))
        self.keys = {"access-key-id": secrets.token_hex(8), "secret-access-key": secrets.token_hex(16)}

    def __enter__(self) -> Self:
        leaf = issue(self.authority, [self._host], dt.datetime.now(tz=dt.UTC))
        self._kube.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        data = {**self.keys, "tls.crt": leaf.certificate, "tls.key": leaf.key}
        self._kube.create(f"{self._core}/secrets", {"metadata": {"name": "keys"}, "stringData": data})
        service = {"selector": _LABELS, "ports": [{"port": PORT}]}
        self._kube.create(f"{self._core}/services", {"metadata": {"name": "s3"}, "spec": service})
        self._kube.create(self._set.rpartition("/")[0], {"metadata": {"name": "s3"}, "spec": _stateful_set()})
        try:
            self._kube.wait_ready(self.namespace, POD, limit_s=240)
        except AssertionError:
            self._kube.delete_namespace(self.namespace)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kube.delete_namespace(self.namespace, 240)

    def settings(self) -> dict[str, str]:
        """For `memory.backups.bucket`."""
        return {
            "endpoint": f"https://{self._host}:{PORT}",
            "bucket": BUCKET,
            "prefix": "team/echo",
            "credentialsSecret": SECRET,
        }

    @contextmanager
    def keys_given(self, namespace: str) -> Generator[None]:
        """Make the Secret for a gateway as soon as its namespace is there, while something else makes that."""
        failed: list[AssertionError] = []

        def give() -> None:
            try:
                found = wait_for(
                    f"the namespace {namespace} is there",
                    lambda: self._kube.get(f"/api/v1/namespaces/{namespace}"),
                    400,
                )
                assert found["status"]["phase"] == "Active"
                data = {**self.keys, "ca.crt": self.authority.certificate}
                path = f"/api/v1/namespaces/{namespace}/secrets"
                self._kube.create(path, {"metadata": {"name": SECRET}, "stringData": data})
            except AssertionError as error:
                failed.append(error)

        giving = threading.Thread(target=give)
        giving.start()
        yield
        giving.join()
        if failed:
            raise failed[0]

    def files(self) -> dict[str, str]:
        """Path in the bucket to the first characters of what is there."""
        told = self._kube.execute(self.namespace, POD, "s3", "sh", "-c", _BEGINNINGS)
        found = (line.split(" ", 1) for line in told.splitlines())
        return {path.removeprefix(f"/data/{BUCKET}/"): beginning for beginning, path in found}

    @contextmanager
    def away(self) -> Generator[None]:
        """Nothing answers at its address."""
        self._kube.patch(self._set, {"spec": {"replicas": 0}})
        wait_for("the bucket is away", lambda: self._kube.pod(self.namespace, POD) is None, 240)
        try:
            yield
        finally:
            self._kube.patch(self._set, {"spec": {"replicas": 1}})
            self._kube.wait_ready(self.namespace, POD, limit_s=240)

    @contextmanager
    def other_keys(self) -> Generator[None]:
        """It takes others than those that were given."""
        try:
            self._take("of-another")
            yield
        finally:
            self._take(self.keys["secret-access-key"])

    @contextmanager
    def missing(self) -> Generator[None]:
        """The server is there, and the bucket is not."""
        try:
            self._kube.execute(self.namespace, POD, "s3", "mv", f"/data/{BUCKET}", "/data/another")
            yield
        finally:
            self._kube.execute(self.namespace, POD, "s3", "mv", "/data/another", f"/data/{BUCKET}")

    def _take(self, key: str) -> None:
        self._kube.patch(f"{self._core}/secrets/keys", {"stringData": {"secret-access-key": key}})
        pod = self._kube.pod(self.namespace, POD)
        assert pod is not None
        self._kube.delete(f"{self._core}/pods/{POD}", grace_s=1)
        self._kube.wait_ready(self.namespace, POD, other_than=pod["metadata"]["uid"], limit_s=240)


def _stateful_set() -> dict[str, Any]:
    container = {
        "name": "s3",
        "image": image("rclone"),
        "command": ["sh", "-c", _SERVE],
        "env": [{"name": "RCLONE_CONFIG", "value": ""}],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            {"name": workload.DATA, "mountPath": "/data"},
            {"name": "keys", "mountPath": "/keys", "readOnly": True},
        ],
    }
    volumes = [workload.temporary_volume("256Mi"), {"name": "keys", "secret": {"secretName": "keys"}}]
    return {
        "serviceName": "s3",
        "replicas": 1,
        "selector": {"matchLabels": _LABELS},
        "template": {
            "metadata": {"labels": _LABELS},
            "spec": {**pod_security.POD_SPEC, "containers": [container], "volumes": volumes},
        },
        "volumeClaimTemplates": [workload.claim_template("2Gi", None)],
    }
