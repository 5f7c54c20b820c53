"""The Job that brings the memory's schema up to date and the one that builds indexes, as Kubernetes spells them."""

from typing import Any
from urllib.parse import quote

from components import pod_security, workload
from components.memory import names
from components.memory import redis_objects as redis
from components.sizes import Size
from components.versions import schema_tag

SIZE = Size(cpu="50m", cpu_limit="1", memory="96Mi", memory_limit="256Mi", storage="0")
"""It sends statements; the database works."""

LIMIT_S = 3600
"""Of one deploy: a step may build an index beside running writes."""

_TRIES = 4
_WAIT_S = 120
"""A network policy takes a moment to know a new pod, on a busy node more than a few; until then nothing answers it."""
_UNIT = "MB"


def database_url(prefix: str, store: str, user: str, password: str) -> str:
    """Of the primary, for a pod that has the Secret with `ca.crt` at `SERVICE_MOUNT`."""
    who = f"{quote(user, safe='')}:{quote(password, safe='')}"
    where = f"{names.host(store, prefix)}:{names.POSTGRES_PORT}/{names.DATABASE}"
    return f"postgresql://{who}@{where}?sslmode=verify-full&sslrootcert={names.SERVICE_MOUNT}/ca.crt"


def redis_url(prefix: str, user: str, password: str) -> str:
    """Of Redis, for the same pod."""
    who = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return f"rediss://{who}@{redis.hosts(prefix)[0]}:{names.REDIS_PORT}/0?ssl_ca_certs={names.SERVICE_MOUNT}/ca.crt"


def job_name(store: str) -> str:
    """Another one for another schema, so that a changed schema runs again; and for another store."""
    return f"{store}-migrations-{schema_tag()}"


def migrations(*, prefix: str, image: str, priority: str) -> dict[str, Any]:
    """Runs the steps that the database lacks, and grants services what they need.

    Args:
        prefix: the stack's.
        image: of the echo service.
        priority: name of the priority class.
    """
    # The role that holds the rights of services: those that sign in are its members.
    command = ["echo.migrations", "up", "--service-role", names.GROUP]
    return {
        "backoffLimit": _TRIES,
        "activeDeadlineSeconds": LIMIT_S,
        "template": _template(command, prefix=prefix, image=image, priority=priority),
    }


def indexes(*, prefix: str, image: str, priority: str, megabytes: int) -> dict[str, Any]:
    """Builds the vector indexes that spaces have grown into, once an hour.

    Args:
        prefix: the stack's.
        image: of the echo service.
        priority: name of the priority class.
        megabytes: of the database's memory that one build may take.
    """
    command = ["echo.migrations", "indexes", "--memory", f"{megabytes}{_UNIT}"]
    return {
        "schedule": "23 * * * *",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 600,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
        "jobTemplate": {
            "spec": {
                # The next hour tries again.
                "backoffLimit": 0,
                "template": _template(command, prefix=prefix, image=image, priority=priority),
            }
        },
    }


def _template(command: list[str], *, prefix: str, image: str, priority: str) -> dict[str, Any]:
    command = [*command, "--wait", str(_WAIT_S)]
    container = {
        "name": "migrations",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # The image's entry point is Python with `-m`.
        "args": command,
        "env": [{"name": "ECHO_DATABASE_URL_FILE", "value": f"{names.SERVICE_MOUNT}/url"}],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": SIZE.resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [
            {"name": "owner", "mountPath": names.SERVICE_MOUNT, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }
    return {
        "metadata": {"labels": {**names.object_labels(prefix, "migrations"), names.CLIENT: "true"}},
        "spec": {
            **pod_security.POD_SPEC,
            "serviceAccountName": names.MIGRATIONS,
            "priorityClassName": priority,
            # What failed stays to be read.
            "restartPolicy": "Never",
            "containers": [container],
            "volumes": [
                {"name": "owner", "secret": {"secretName": names.MIGRATIONS, "defaultMode": 0o440}},
                workload.temporary_volume("16Mi"),
            ],
        },
    }
