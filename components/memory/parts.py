"""Redis and the gateway of backups, and what both share with the database: passwords, budgets, certificates."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components import workload
from components.certificates_resource import Certificates
from components.memory import backup as memory_backup
from components.memory import gateway_objects as gateway
from components.memory import names
from components.memory import redis_objects as redis
from components.memory import rotation as memory_rotation
from components.memory.namespace import MemoryNamespace
from components.settings.memory import MemorySettings
from components.versions import image
from components.workload import wire

_PASSWORD_LENGTH = 40


@dataclass(frozen=True, kw_only=True)
class Login:
    """A user and its password."""

    user: str
    password: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class MemoryParts:
    """Registers parts of one store."""

    name: str
    """Begins the resources' names."""
    prefix: str
    """The stack's."""
    space: MemoryNamespace
    settings: MemorySettings
    tls: Certificates
    priority: str
    """Name of the priority class."""
    storage_class: str | None
    """Of volumes whose settings name none."""
    digests: Mapping[str, str]
    """Of images."""
    own: pulumi.ResourceOptions
    """With the component as parent."""

    def password(self, called: str, generation: int = 0) -> pulumi.Output[str]:
        """A password that is made once in each generation; a secret in the state."""
        return random.RandomPassword(
            f"{self.name}-{called}",
            length=_PASSWORD_LENGTH,
            special=False,
            keepers={"generation": str(generation)},
            opts=self.own,
        ).result

    def redis(self) -> tuple[list[pulumi.Resource], Login | None]:
        """Redis, which answers once these are there, and who signs in to it."""
        if not self.settings.redis.enabled:
            return [], None
        space, generation = self.space, self.settings.password_generation
        passwords = [
            self.password(f"redis-password-{index}", memory_rotation.made_for(index, generation))
            for index in range(memory_rotation.TURNS)
        ]
        turn = memory_rotation.active(generation)
        known = pulumi.Output.all(*passwords).apply(
            lambda found: redis.users(dict(zip(redis.USERS, found, strict=True)))
        )
        mounted = [
            space.secret(self.name, f"{names.REDIS}-users", "redis", {"users.acl": pulumi.Output.secret(known)}),
            space.secret(self.name, f"{names.REDIS}-tls", "redis", self.tls.secret("redis")),
        ]
        account = space.account(self.name, names.REDIS, "redis")
        config = k8s.core.v1.ConfigMap(
            f"{self.name}-redis-config",
            metadata=space.metadata(None, "redis"),
            immutable=True,
            data={"redis.conf": redis.config(self.settings.redis.memory)},
            opts=space.inside,
        )
        policy = space.policy(self.name, names.REDIS, redis.network_policy(self.prefix))
        chosen = names.pod_labels(self.prefix, "redis")
        self._budget(names.REDIS, "redis", chosen)
        pods = k8s.apps.v1.Deployment(
            f"{self.name}-redis",
            metadata=space.metadata(names.REDIS, "redis"),
            spec=wire(
                redis.deployment(
                    prefix=self.prefix,
                    image=image("redis", self.digests),
                    account=names.REDIS,
                    priority=self.priority,
                    memory=self.settings.redis.memory,
                    config_map=config.metadata.apply(lambda found: found.name),
                    stamp=self._stamp("redis"),
                )
            ),
            opts=pulumi.ResourceOptions.merge(
                space.inside, pulumi.ResourceOptions(depends_on=[account, policy, *mounted, *space.policies])
            ),
        )
        service = k8s.core.v1.Service(
            f"{self.name}-redis-service",
            metadata=space.metadata(names.REDIS, "redis"),
            spec=wire(_service(chosen, "redis", names.REDIS_PORT)),
            opts=space.inside,
        )
        sign_in = space.secret(
            self.name,
            names.REDIS_SECRET,
            "redis",
            {
                "username": redis.USERS[turn],
                "password": passwords[turn],
                "host": redis.hosts(self.prefix)[0],
                "port": str(names.REDIS_PORT),
                "ca.crt": self.tls.trust,
            },
        )
        return [pods, service, sign_in], Login(user=redis.USERS[turn], password=passwords[turn])

    def gateway(self) -> list[pulumi.Resource]:
        """The gateway of backups; once these are there, the database can archive."""
        backups = self.settings.backups
        if not backups.enabled:
            return []
        space = self.space
        mounted = [
            space.secret(self.name, f"{names.GATEWAY}-tls", "backups", self.tls.secret("backups")),
            # Whoever loses these two loses the backups: they are in the stack's state, which must be backed up too.
            space.secret(
                self.name,
                f"{names.GATEWAY}-keys",
                "backups",
                {"password": self.password("backup-key"), "salt": self.password("backup-salt")},
            ),
            space.secret(
                self.name,
                memory_backup.CREDENTIALS,
                "backups",
                {
                    "access-key-id": self.password("backup-user"),
                    "secret-access-key": self.password("backup-password"),
                },
            ),
        ]
        trust = k8s.core.v1.Secret(
            f"{self.name}-authority",
            metadata=space.metadata(memory_backup.AUTHORITY, "backups"),
            string_data={"ca.crt": self.tls.trust},
            opts=space.inside,
        )
        account = space.account(self.name, names.GATEWAY, "backups")
        policy = space.policy(self.name, names.GATEWAY, gateway.network_policy(self.prefix, backups.bucket))
        chosen = names.pod_labels(self.prefix, "backups")
        self._budget(names.GATEWAY, "backups", chosen)
        pods = k8s.apps.v1.StatefulSet(
            f"{self.name}-gateway",
            metadata=space.metadata(names.GATEWAY, "backups", {"pulumi.com/patchForce": "true"}),
            spec=wire(
                gateway.stateful_set(
                    prefix=self.prefix,
                    image=image("rclone", self.digests),
                    account=names.GATEWAY,
                    priority=self.priority,
                    storage=backups.storage,
                    storage_class=self.settings.storage_class or self.storage_class,
                    bucket=backups.bucket,
                    stamp=self._stamp("backups"),
                )
            ),
            opts=pulumi.ResourceOptions.merge(
                space.inside, pulumi.ResourceOptions(depends_on=[account, policy, *mounted, *space.policies])
            ),
        )
        service = k8s.core.v1.Service(
            f"{self.name}-gateway-service",
            metadata=space.metadata(names.GATEWAY, "backups"),
            spec=wire(_service(chosen, "s3", names.GATEWAY_PORT)),
            opts=space.inside,
        )
        return [pods, service, trust]

    def _stamp(self, called: str) -> pulumi.Output[str]:
        return self.tls.certificates.apply(lambda found: hashlib.sha256(found[called].encode()).hexdigest()[:16])

    def _budget(self, called: str, component: str, chosen: dict[str, str]) -> None:
        k8s.policy.v1.PodDisruptionBudget(
            f"{self.name}-{called}-budget",
            metadata=self.space.metadata(called, component),
            spec=wire(workload.disruption_budget(chosen)),
            opts=self.space.inside,
        )


def _service(selector: dict[str, str], port_name: str, port: int) -> dict[str, Any]:
    return {
        "type": "ClusterIP",
        "selector": selector,
        "ports": [{"name": port_name, "port": port, "targetPort": port_name, "protocol": "TCP"}],
    }
