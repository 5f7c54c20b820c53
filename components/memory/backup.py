"""The database and its archive out of the settings: what the component deploys, and what a drill makes a copy of."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from components import sizes
from components.memory import gateway_objects as gateway
from components.memory import names
from components.memory.postgres_objects import Archive, Database
from components.settings.memory import MemorySettings
from components.sizes import Size
from components.versions import image

AUTHORITY = f"{names.TLS}-authority"
"""Secret with the certificate of the stack's own authority."""
CREDENTIALS = f"{names.GATEWAY}-credentials"
"""Secret with what signs the database in at the gateway."""

Environment = Literal["dev", "prod"]


def instances(settings: MemorySettings, environment: Environment) -> int:
    """Of PostgreSQL."""
    default = 3 if environment == "prod" else 1
    return default if settings.instances is None else settings.instances


def size(settings: MemorySettings) -> Size:
    """Of each of them."""
    chosen = replace(sizes.CLASSES["echo"], storage=settings.storage)
    if settings.resources is None:
        return chosen
    requests, limits = settings.resources.requests, settings.resources.limits
    return replace(chosen, cpu=requests.cpu, cpu_limit=limits.cpu, memory=requests.memory, memory_limit=limits.memory)


def archive(settings: MemorySettings, prefix: str) -> Archive | None:
    """Where backups go; None where there are none."""
    if not settings.backups.enabled:
        return None
    return Archive(
        url=gateway.url(prefix), authority=AUTHORITY, credentials=CREDENTIALS, keep_days=settings.backups.keep_days
    )


def database(
    settings: MemorySettings,
    *,
    prefix: str,
    environment: Environment,
    storage_class: str | None,
    priority: str,
    digests: Mapping[str, str],
) -> Database:
    """The database.

    Args:
        settings: of the store.
        prefix: the stack's.
        environment: decides how many instances there are where nothing is said.
        storage_class: of volumes whose settings name none.
        priority: name of the priority class.
        digests: of images.
    """
    return Database(
        store=settings.name,
        prefix=prefix,
        instances=instances(settings, environment),
        image=image("postgres", digests),
        size=size(settings),
        storage_class=settings.storage_class or storage_class,
        priority=priority,
        archive=archive(settings, prefix),
        recovery=settings.recovery,
    )
