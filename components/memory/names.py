"""Names of what the memory store consists of."""

from components.labels import labels, selector_labels
from components.versions import CLOUDNATIVE_PG_VERSION

DATABASE = "echo"
OWNER = "echo_owner"
"""Owns the schema: migrations run as it, services do not."""
GROUP = "echo_app"
"""What services may do is granted to this role; nobody signs in as it."""
USERS = ("echo_app_a", "echo_app_b")
"""Members of `GROUP` that services sign in as, in turns: while one gets a new password the other one's still holds."""

READER = "echo_reader"
"""Reads everything, past row-level security: a drill compares two stores as it. How it ended is all that it writes."""
READER_SECRET = "memory-reader"  # noqa: S105 - a Secret's name

CLIENT = "echorator.dev/memory-client"
"""A pod with this label set to "true", in one of the stack's namespaces, may talk to the database and to Redis."""

DATABASE_POD = "echorator.dev/memory-database"
"""Marks the pods of the stack's databases, copies that a drill makes among them; its value is the prefix."""

STORE = "cnpg.io/cluster"
"""Label of the operator's: the store, or the copy of one, whose pod it is."""

OPERATOR = "cloudnative-pg"
REDIS = "memory-redis"
GATEWAY = "memory-backups"
TLS = "memory-tls"
APP_SECRET = "memory-app"  # noqa: S105 - a Secret's name
OWNER_SECRET = "memory-owner"  # noqa: S105
REDIS_SECRET = "memory-redis-app"  # noqa: S105
DATABASE_TLS = "memory-database-tls"
"""Secret with the databases' certificate, its key, and the authority."""
SERVICE_SECRET = "echo-memory"  # noqa: S105
"""Secret beside the models: `url` of the database, `redis-url`, and `ca.crt`, which both URLs name a file of."""
SERVICE_MOUNT = "/etc/echo-memory"
"""Where that Secret is mounted: the URLs name `ca.crt` in it."""
MIGRATIONS = "memory-migrations"
"""Secret with the URL that migrations use; the account that they run as."""

POSTGRES_PORT = 5432
STATUS_PORT = 8000
METRICS_PORT = 9187
REDIS_PORT = 6379
GATEWAY_PORT = 8443
OPERATOR_PORT = 9443
OPERATOR_METRICS_PORT = 8080


def namespace(prefix: str) -> str:
    """Where all of it runs."""
    return f"{prefix}-memory"


def host(store: str, prefix: str) -> str:
    """Of the primary; it is among the names of the database's certificate."""
    return f"{store}-rw.{namespace(prefix)}.svc"


def object_labels(prefix: str, component: str) -> dict[str, str]:
    """Labels of what belongs to the store."""
    return labels(name="memory-store", instance=prefix, component=component)


def operator_labels(prefix: str) -> dict[str, str]:
    """Selects the operator; it looks for itself by the name."""
    return selector_labels(name=OPERATOR, instance=prefix, component="operator")


def operator_object_labels(prefix: str) -> dict[str, str]:
    """All labels of the operator's objects."""
    return labels(name=OPERATOR, instance=prefix, component="operator", version=CLOUDNATIVE_PG_VERSION)


def database_pods(prefix: str) -> dict[str, str]:
    """Selects the databases' pods and Jobs."""
    return {DATABASE_POD: prefix}


def store_pods(prefix: str, store: str) -> dict[str, str]:
    """Selects those of one store: not what it was restored from, and no copy that a drill makes."""
    return {**database_pods(prefix), STORE: store}


def pod_labels(prefix: str, component: str) -> dict[str, str]:
    """Selects one part of the store."""
    return selector_labels(name="memory-store", instance=prefix, component=component)
