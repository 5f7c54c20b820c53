"""The database as CloudNativePG's Cluster, its scheduled backups, and who may reach it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from components import workload
from components.labels import namespace_labels
from components.memory import names
from components.memory import queries as memory_queries
from components.quantity import parse_bytes
from components.settings.memory import RecoverySettings
from components.sizes import Size

EXTENSIONS = ("vector", "pg_trgm", "btree_gin", "unaccent")
_READS_ALL = "pg_read_all_data"
_SYNCHRONOUS_FROM = 3
"""Instances: with two, the loss of the standby would stop all writing."""


@dataclass(frozen=True, kw_only=True)
class Archive:
    """Where backups and the write-ahead log go: the gateway that encrypts them."""

    url: str
    authority: str
    """Secret with `ca.crt`."""
    credentials: str
    """Secret with `access-key-id` and `secret-access-key`."""
    keep_days: int

    def store(self) -> dict[str, Any]:
        """As the operator spells it."""
        return {
            "destinationPath": "s3://memory/",
            "endpointURL": self.url,
            "endpointCA": {"name": self.authority, "key": "ca.crt"},
            "s3Credentials": {
                "accessKeyId": {"name": self.credentials, "key": "access-key-id"},
                "secretAccessKey": {"name": self.credentials, "key": "secret-access-key"},
            },
            "wal": {"compression": "gzip", "maxParallel": 2},
            # The gateway holds an upload in memory until it is whole, so it must not be a whole database.
            "data": {
                "compression": "gzip",
                "additionalCommandArgs": ["--max-archive-size=128MB"],
                # Else it waits for half of `checkpoint_timeout`, minutes in which nothing is copied.
                "immediateCheckpoint": True,
            },
        }


@dataclass(frozen=True, kw_only=True)
class Database:
    """What the database is made of."""

    store: str
    prefix: str
    instances: int
    image: str
    size: Size
    storage_class: str | None
    priority: str
    archive: Archive | None = None
    recovery: RecoverySettings | None = None


def cluster(wanted: Database) -> dict[str, Any]:
    """The Cluster's spec."""
    backup = {}
    if wanted.archive is not None:
        backup = {
            "backup": {
                "barmanObjectStore": wanted.archive.store(),
                "retentionPolicy": f"{wanted.archive.keep_days}d",
                # The primary has other work, where there is a standby.
                "target": "prefer-standby",
            }
        }
    storage: dict[str, Any] = {"size": wanted.size.storage, "resizeInUseVolumes": True}
    if wanted.storage_class is not None:
        storage["storageClass"] = wanted.storage_class
    return {
        "instances": wanted.instances,
        "imageName": wanted.image,
        "imagePullPolicy": "IfNotPresent",
        "priorityClassName": wanted.priority,
        "primaryUpdateStrategy": "unsupervised",
        "primaryUpdateMethod": "switchover",
        # Nobody needs the superuser from outside: what needs it happens once, at the beginning.
        "enableSuperuserAccess": False,
        "storage": storage,
        "resources": wanted.size.resources(),
        "affinity": {
            "enablePodAntiAffinity": True,
            "topologyKey": "kubernetes.io/hostname",
            "podAntiAffinityType": "preferred",
        },
        "inheritedMetadata": {"labels": names.database_pods(wanted.prefix)},
        # The stack's own authority: what trusts it goes on doing so, while the operator's changes every few months.
        "certificates": {"serverCASecret": names.DATABASE_TLS, "serverTLSSecret": names.DATABASE_TLS},
        "postgresql": {
            "parameters": parameters(wanted.size),
            # The first line that fits counts, and the operator's own come before: without TLS nobody signs in.
            "pg_hba": ["hostnossl all all all reject"],
            **_synchronous(wanted.instances),
        },
        "managed": {"roles": roles()},
        "monitoring": memory_queries.monitoring(),
        # The first try of a drained primary is a switch; half a minute is what a checkpoint takes at most.
        "smartShutdownTimeout": 10,
        "stopDelay": 120,
        "switchoverDelay": 60,
        "bootstrap": bootstrap(wanted),
        **(_source(wanted) if wanted.recovery is not None else {}),
        **backup,
    }


def parameters(size: Size) -> dict[str, str]:
    """PostgreSQL's settings; the operator adds those of replication and TLS."""
    megabytes = int(parse_bytes(size.memory) / 2**20)
    return {
        "shared_buffers": f"{max(megabytes // 4, 64)}MB",
        "effective_cache_size": f"{max(megabytes * 3 // 4, 128)}MB",
        "maintenance_work_mem": f"{maintenance(size)}MB",
        "work_mem": "16MB",
        "max_connections": "200",
        "password_encryption": "scram-sha-256",
        "ssl_min_protocol_version": "TLSv1.3",
        # What is lost at most when the archive is all that is left: one segment, or these seconds.
        "archive_timeout": "60s",
        "wal_compression": "lz4",
        "log_min_duration_statement": "1000",
        "log_checkpoints": "on",
        "log_lock_waits": "on",
        # Else a session that lost its client holds its locks for two hours.
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
        "idle_in_transaction_session_timeout": "60s",
    }


def maintenance(size: Size) -> int:
    """Megabytes that building an index may take."""
    return max(int(parse_bytes(size.memory) / 2**20) // 8, 64)


def database_hosts(prefix: str) -> list[str]:
    """Names in the databases' certificate: of every store in the namespace, copies that a drill makes among them."""
    space = names.namespace(prefix)
    return [f"*.{space}.svc", f"*.{space}.svc.cluster.local"]


def _synchronous(instances: int) -> dict[str, Any]:
    if instances < _SYNCHRONOUS_FROM:
        return {}
    # `required`: a commit is acknowledged when a standby has it too, or not at all.
    return {"synchronous": {"method": "any", "number": 1, "dataDurability": "required"}}


def roles() -> list[dict[str, Any]]:
    """Roles that services sign in as, and the one that holds their rights."""
    plain = {"ensure": "present", "inherit": True, "superuser": False, "createdb": False, "createrole": False}
    group = {**plain, "name": names.GROUP, "login": False, "comment": "rights of services"}
    users = [
        {
            **plain,
            "name": user,
            "login": True,
            "inRoles": [names.GROUP],
            "connectionLimit": -1,
            "passwordSecret": {"name": user_secret(user)},
            "comment": "signs in for services, in turns with the other",
        }
        for user in names.USERS
    ]
    reader = {
        **plain,
        "name": names.READER,
        "login": True,
        "bypassrls": True,
        "inRoles": [_READS_ALL, "pg_read_all_stats"],
        "passwordSecret": {"name": names.READER_SECRET},
        "comment": "compares a restored store with its source",
    }
    return [group, *users, reader]


def user_secret(user: str) -> str:
    """Name of the Secret with a role's password."""
    return f"memory-{user.replace('_', '-')}"


def bootstrap(wanted: Database) -> dict[str, Any]:
    """An empty database with its extensions, or a copy out of a backup."""
    owner = {"database": names.DATABASE, "owner": names.OWNER, "secret": {"name": names.OWNER_SECRET}}
    if wanted.recovery is not None:
        recovery: dict[str, Any] = {"source": wanted.recovery.source, **owner}
        if wanted.recovery.time is not None:
            recovery["recoveryTarget"] = {"targetTime": _moment(wanted.recovery.time)}
        return {"recovery": recovery}
    return {
        "initdb": {
            **owner,
            "encoding": "UTF8",
            # PostgreSQL's own ordering: that of the C library changes with the image, and indexes with it.
            "localeProvider": "builtin",
            "builtinLocale": "C.UTF-8",
            "locale": "C",
            "localeCollate": "C",
            "localeCType": "C",
            "dataChecksums": True,
            "postInitSQL": [f"CREATE ROLE {names.GROUP} NOLOGIN"],
            "postInitApplicationSQL": [
                *(f"CREATE EXTENSION IF NOT EXISTS {one}" for one in EXTENSIONS),
                f"REVOKE ALL ON DATABASE {names.DATABASE} FROM PUBLIC",
                "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
                # The reader, who is no member of the group, has the other role's rights.
                f"GRANT CONNECT ON DATABASE {names.DATABASE} TO {names.GROUP}, {_READS_ALL}",
            ],
        }
    }


def _moment(time: str) -> str:
    """As PostgreSQL's configuration takes it.

    With a `T` and in UTC the operator would write `Z`, which PostgreSQL knows by its list of abbreviations: that is not
    read yet when the target is, and the server would not start.
    """
    return f"{dt.datetime.fromisoformat(time).astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.%f}+00"


def _source(wanted: Database) -> dict[str, Any]:
    recovery, archive = wanted.recovery, wanted.archive
    if recovery is None or archive is None:
        raise ValueError("a store recovers from an archive; its settings were never checked")
    return {
        "externalClusters": [
            {"name": recovery.source, "barmanObjectStore": {**archive.store(), "serverName": recovery.source}}
        ]
    }


def scheduled_backup(store: str, schedule: str) -> dict[str, Any]:
    """A full backup at once and then by the schedule (six fields, seconds first)."""
    return {
        "cluster": {"name": store},
        "schedule": schedule,
        "immediate": True,
        "method": "barmanObjectStore",
        "backupOwnerReference": "cluster",
    }


def database_policy(
    *, prefix: str, operator: dict[str, Any], api_server: list[dict[str, Any]], archive: bool
) -> dict[str, Any]:
    """Who may reach the database, and whom it may.

    Args:
        prefix: the stack's.
        operator: the peer that is the operator.
        api_server: egress rules to the API server, which the first process of each pod watches.
        archive: whether there are backups.
    """
    pods = {"matchLabels": names.database_pods(prefix)}
    each_other = {"podSelector": pods}
    clients = {
        "namespaceSelector": {"matchLabels": namespace_labels(prefix)},
        "podSelector": {"matchLabels": {names.CLIENT: "true"}},
    }
    gateway = {"podSelector": {"matchLabels": names.pod_labels(prefix, "backups")}}
    egress: list[dict[str, Any]] = [
        {"to": [each_other], "ports": workload.tcp(names.POSTGRES_PORT, names.STATUS_PORT)},
        *api_server,
    ]
    if archive:
        egress.append({"to": [gateway], "ports": workload.tcp(names.GATEWAY_PORT)})
    return {
        "podSelector": pods,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {"from": [clients, each_other], "ports": workload.tcp(names.POSTGRES_PORT)},
            {"from": [operator, each_other], "ports": workload.tcp(names.STATUS_PORT)},
            *metrics(prefix, names.METRICS_PORT),
        ],
        "egress": egress,
    }


def metrics(prefix: str, *ports: int) -> list[dict[str, Any]]:
    """Lets the stack's Prometheus read."""
    reader = {
        "namespaceSelector": {"matchLabels": namespace_labels(prefix)},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
    }
    return [{"from": [reader], "ports": workload.tcp(*ports)}]


def client_policy(prefix: str) -> dict[str, Any]:
    """What a client in the memory's own namespace may reach: the database and Redis."""
    database = {"podSelector": {"matchLabels": names.database_pods(prefix)}}
    redis = {"podSelector": {"matchLabels": names.pod_labels(prefix, "redis")}}
    return {
        "podSelector": {"matchLabels": {names.CLIENT: "true"}},
        "policyTypes": ["Ingress", "Egress"],
        # Nobody, unless another policy says so.
        "ingress": [],
        "egress": [
            {"to": [database], "ports": workload.tcp(names.POSTGRES_PORT)},
            {"to": [redis], "ports": workload.tcp(names.REDIS_PORT)},
        ],
    }


def services_policy(prefix: str) -> dict[str, Any]:
    """What a client among the models may reach besides: the same, in the memory's namespace."""
    policy = client_policy(prefix)
    space = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": names.namespace(prefix)}}}
    for rule in policy["egress"]:
        rule["to"] = [{**space, **peer} for peer in rule["to"]]
    return policy


def operator_policy(prefix: str, *, api_server: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Whom the operator may reach: the database's status port, and the API server."""
    database = {"podSelector": {"matchLabels": names.database_pods(prefix)}}
    return {
        "podSelector": {"matchLabels": names.operator_labels(prefix)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": metrics(prefix, names.OPERATOR_METRICS_PORT),
        "egress": [{"to": [database], "ports": workload.tcp(names.STATUS_PORT, names.POSTGRES_PORT)}, *api_server],
    }
