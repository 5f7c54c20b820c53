"""EchoMemoryStore: PostgreSQL with pgvector, and Redis, where an Echo keeps its memories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_kubernetes as k8s

from components import workload
from components.certificates_resource import Certificates
from components.cluster import Cluster
from components.cluster_baseline import Demand
from components.memory import backup as memory_backup
from components.memory import gateway_objects as gateway
from components.memory import names
from components.memory import operator_objects as memory_operator_objects
from components.memory import postgres_objects as postgres
from components.memory import queries as memory_queries
from components.memory import redis_objects as redis
from components.memory import rotation as memory_rotation
from components.memory import schema_objects as schema
from components.memory.namespace import MemoryNamespace
from components.memory.operator import MemoryOperator
from components.memory.parts import Login, MemoryParts
from components.memory.schema import MemorySchema
from components.settings.memory import MemorySettings
from components.settings.stack import Settings
from components.versions import image

_API = "postgresql.cnpg.io/v1"


@dataclass(frozen=True, kw_only=True)
class EchoMemoryStoreArgs:
    """What an EchoMemoryStore is made of."""

    cluster: Cluster
    settings: MemorySettings
    environment: Literal["dev", "prod"]
    storage_class: str | None = None
    """Of volumes whose settings name none."""
    image_digests: Mapping[str, str] = field(default_factory=dict[str, str])


class EchoMemoryStore(pulumi.ComponentResource):
    """The database, Redis, the gateway of backups, and the operator where none is there."""

    namespace: str
    store: str
    host: str
    """Of the primary."""
    secret: pulumi.Output[str]
    """Name of the Secret beside the models that services sign in with; known once the schema is there."""
    authority: pulumi.Output[str]
    """PEM; signs the certificates of the database, whose metrics are read by TLS too."""
    certificates_end: pulumi.Output[int]
    """When the first of its certificates ends, or the authority; seconds since 1970."""
    ready: list[pulumi.Resource]
    """Once these are there, services may sign in."""

    def __init__(self, name: str, args: EchoMemoryStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers all of it.

        Raises:
            pulumi.RunError: the operator is to be brought and its definitions are not there.
        """
        settings = args.settings
        super().__init__("echorator:index:EchoMemoryStore", name, {"store": settings.name}, opts)
        self._name, self._args, self._settings = name, args, settings
        cluster = args.cluster
        self._prefix = cluster.prefix
        self.store = settings.name
        self._own = pulumi.ResourceOptions(parent=self)
        self._space = MemoryNamespace(
            name,
            cluster,
            self._demands(),
            protect=args.environment == "prod",
            opts=pulumi.ResourceOptions(parent=self, provider=cluster.provider),
        )
        self.namespace = self._space.name
        self.host = names.host(self.store, self._prefix)
        self._tls = Certificates(
            f"{name}-certificates", authority=f"{self._prefix} memory", hosts=self._hosts(), opts=self._own
        )
        self._api_server = cluster.api_server.apply(
            lambda found: [
                {
                    "to": [{"ipBlock": {"cidr": f"{one['ip']}/{128 if ':' in one['ip'] else 32}"}}],
                    "ports": workload.tcp(int(one["port"])),
                }
                for one in found
            ]
        )
        self.authority = self._tls.trust
        self.certificates_end = self._tls.ends
        self._space.policy(name, "memory-clients", postgres.client_policy(self._prefix))
        self._parts = MemoryParts(
            name=name,
            prefix=self._prefix,
            space=self._space,
            settings=settings,
            tls=self._tls,
            priority=self._priority,
            storage_class=args.storage_class,
            digests=args.image_digests,
            own=self._own,
        )
        operator = self._operator()
        database, owner, user = self._database([*operator, *self._parts.gateway()])
        cache, cache_user = self._parts.redis()
        opened = self._schema(database, owner, user, cache_user)
        self.ready = [database, opened, *cache]
        self.secret = opened.id.apply(lambda _: names.SERVICE_SECRET)
        self.register_outputs(
            {"namespace": self.namespace, "host": self.host, "store": self.store, "secret": self.secret}
        )

    def _schema(
        self, database: pulumi.Resource, owner: Login, user: Login, cache_user: Login | None
    ) -> k8s.core.v1.Secret:
        cluster = self._args.cluster
        made = MemorySchema(
            name=self._name,
            prefix=self._prefix,
            store=self.store,
            space=self._space,
            models=cluster.namespace,
            image=self._image("echo"),
            priority=self._priority,
            tls=self._tls,
        )
        megabytes = postgres.maintenance(memory_backup.size(self._settings))
        job = made.migrated(owner, megabytes, [database])
        beside = pulumi.ResourceOptions.merge(self._own, pulumi.ResourceOptions(provider=cluster.provider))
        return made.opened(user, cache_user, [job], beside)

    def _demands(self) -> list[Demand]:
        count = memory_backup.instances(self._settings, self._args.environment)
        own = memory_backup.size(self._settings)
        found = [own.demand(count), own.demand(1), schema.SIZE.demand(2)]
        if self._settings.operator == "bring":
            found.append(memory_operator_objects.SIZE.demand(self._replicas()))
        if self._settings.redis.enabled:
            found.append(redis.size(self._settings.redis.memory).demand(1))
        if self._settings.backups.enabled:
            found.append(gateway.size(self._settings.backups.storage).demand(1))
        return found

    def _replicas(self) -> int:
        return 2 if self._args.environment == "prod" else 1

    def _hosts(self) -> dict[str, Sequence[str]]:
        found: dict[str, Sequence[str]] = {"database": postgres.database_hosts(self._prefix)}
        if self._settings.operator == "bring":
            found["operator"] = [f"{names.OPERATOR}.{self._space.name}.svc"]
        if self._settings.redis.enabled:
            found["redis"] = redis.hosts(self._prefix)
        if self._settings.backups.enabled:
            found["backups"] = gateway.hosts(self._prefix)
        return found

    def _image(self, called: str) -> str:
        return image(called, self._args.image_digests)

    @property
    def _priority(self) -> str:
        return self._args.cluster.priority_class("store")

    def _operator(self) -> list[pulumi.Resource]:
        if self._settings.operator == "existing":
            return []
        brought = MemoryOperator(
            self._name,
            self._space,
            prefix=self._prefix,
            manifest_path=self._settings.operator_manifest,
            image=self._image("operator"),
            priority=self._priority,
            replicas=self._replicas(),
            tls=self._tls,
            api_server=self._api_server,
        )
        return brought.ready

    def _operator_peer(self) -> dict[str, Any]:
        if self._settings.operator == "bring":
            return {"podSelector": {"matchLabels": names.operator_labels(self._prefix)}}
        space = {"kubernetes.io/metadata.name": self._settings.operator_namespace}
        return {
            "namespaceSelector": {"matchLabels": space},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": names.OPERATOR}},
        }

    def _database(self, after: Sequence[pulumi.Resource]) -> tuple[k8s.apiextensions.CustomResource, Login, Login]:
        """The database, the owner of its schema, and whom services sign in as."""
        settings, space, generation = self._settings, self._space, self._settings.password_generation
        basic = "kubernetes.io/basic-auth"
        owner = Login(user=names.OWNER, password=self._parts.password("owner-password"))
        owned = space.secret(
            self._name,
            names.OWNER_SECRET,
            "database",
            {"username": owner.user, "password": owner.password},
            basic,
        )
        trust = space.secret(self._name, names.DATABASE_TLS, "database", self._tls.secret("database"))
        passwords = [
            self._parts.password(f"password-{index}", memory_rotation.made_for(index, generation))
            for index in range(memory_rotation.TURNS)
        ]
        users = [
            space.secret(
                self._name,
                postgres.user_secret(user),
                "database",
                {"username": user, "password": passwords[index]},
                basic,
            )
            for index, user in enumerate(names.USERS)
        ]
        users.append(
            space.secret(
                self._name,
                names.READER_SECRET,
                "database",
                {"username": names.READER, "password": self._parts.password("reader-password")},
                basic,
            )
        )
        policy = space.policy(
            self._name,
            "memory-database",
            self._api_server.apply(
                lambda rules: postgres.database_policy(
                    prefix=self._prefix,
                    operator=self._operator_peer(),
                    api_server=rules,
                    archive=settings.backups.enabled,
                )
            ),
        )
        queries = k8s.core.v1.ConfigMap(
            f"{self._name}-{memory_queries.CONFIG_MAP}",
            metadata=space.reloaded(memory_queries.CONFIG_MAP, "database"),
            data={memory_queries.KEY: memory_queries.text()},
            opts=space.inside,
        )
        spec = postgres.cluster(
            memory_backup.database(
                settings,
                prefix=self._prefix,
                environment=self._args.environment,
                storage_class=self._args.storage_class,
                priority=self._priority,
                digests=self._args.image_digests,
            )
        )
        database = k8s.apiextensions.CustomResource(
            f"{self._name}-database",
            api_version=_API,
            kind="Cluster",
            metadata=space.metadata(
                self.store,
                "database",
                # Not only accepted: a primary that takes sign-ins.
                {"pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": "600"},
            ),
            spec=spec,
            opts=pulumi.ResourceOptions.merge(
                space.inside,
                pulumi.ResourceOptions(
                    depends_on=[*after, owned, trust, queries, *users, policy, *space.policies],
                    # A store that another takes the place of, by a restore, is left alone: its volumes go with it.
                    retain_on_delete=True,
                ),
            ),
        )
        if settings.backups.enabled:
            k8s.apiextensions.CustomResource(
                f"{self._name}-schedule",
                api_version=_API,
                kind="ScheduledBackup",
                metadata=space.metadata(self.store, "backups"),
                spec=postgres.scheduled_backup(self.store, settings.backups.schedule),
                opts=pulumi.ResourceOptions.merge(space.inside, pulumi.ResourceOptions(depends_on=[database])),
            )
        turn = memory_rotation.active(generation)
        space.secret(
            self._name,
            names.APP_SECRET,
            "database",
            {
                "username": names.USERS[turn],
                "password": passwords[turn],
                "host": self.host,
                "port": str(names.POSTGRES_PORT),
                "database": names.DATABASE,
                "ca.crt": self._tls.trust,
            },
            basic,
        )
        return database, owner, Login(user=names.USERS[turn], password=passwords[turn])


def remember(
    config: Settings, cluster: Cluster, *, parent: pulumi.Resource | None = None, prefix: str = ""
) -> EchoMemoryStore:
    """The stack's store, on its primary cluster.

    Args:
        config: of the whole stack.
        cluster: where it runs.
        parent: of the component.
        prefix: begins its Pulumi name.
    """
    return EchoMemoryStore(
        f"{prefix}memory",
        EchoMemoryStoreArgs(
            cluster=cluster,
            settings=config.memory,
            environment=config.environment,
            storage_class=cluster.storage_class,
            image_digests=config.image_digests,
        ),
        pulumi.ResourceOptions(parent=parent, depends_on=[cluster]),
    )
