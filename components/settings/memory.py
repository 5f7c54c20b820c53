"""The memory store: PostgreSQL with pgvector, Redis, and their backups."""

from typing import Literal

from components.settings.base import Section
from components.settings.server import ResourceSettings


class RedisSettings(Section):
    """Working memory and live events; nothing in it outlives its pod."""

    enabled: bool = True
    memory: str = "256Mi"
    """For data, a quantity; when it is full, writes are refused, so that nothing is lost unseen."""


class BackupBucketSettings(Section):
    """Object storage outside the cluster that encrypted backups go to."""

    endpoint: str
    bucket: str
    prefix: str = ""
    region: str = ""
    credentials_secret: str
    """Secret in the memory's namespace, keys `access-key-id` and `secret-access-key`; `ca.crt` is the authority of an
    endpoint that no public one vouches for."""


class BackupSettings(Section):
    """Encrypted backups, and the write-ahead log between them."""

    enabled: bool = False
    schedule: str = "0 0 2 * * *"
    """Six fields, seconds first."""
    keep_days: int = 30
    storage: str = "20Gi"
    """Volume in the cluster, where no bucket is named."""
    bucket: BackupBucketSettings | None = None


class RecoverySettings(Section):
    """The store begins as a copy out of a backup, not empty."""

    source: str
    """Name of the store whose backup it is."""
    time: str | None = None
    """Until when changes are repeated, RFC 3339; to the last one that was archived, where none is given."""


class MemorySettings(Section):
    """The store that holds memories."""

    enabled: bool = False
    name: str = "memory"
    """Of the database, and in backups. Another name is another store."""
    instances: int | None = None
    """Of PostgreSQL: 1 in dev and 3 in prod where none is given."""
    storage: str = "10Gi"
    storage_class: str | None = None
    resources: ResourceSettings | None = None
    """Of each instance; class `echo` where nothing is given."""
    operator: Literal["bring", "existing"] = "bring"
    operator_namespace: str = "cnpg-system"
    """Where an existing operator runs."""
    operator_manifest: str | None = None
    """File with the operator's resource definitions, where the operator is brought."""
    password_generation: int = 0
    """Raise it by one to change the password."""
    redis: RedisSettings = RedisSettings()
    backups: BackupSettings = BackupSettings()
    recovery: RecoverySettings | None = None
