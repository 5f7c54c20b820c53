"""The memory's schema, and what a service signs in with once it is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.certificates_resource import Certificates
from components.memory import names
from components.memory import postgres_objects as postgres
from components.memory import schema_objects as objects
from components.memory.namespace import MemoryNamespace
from components.memory.parts import Login
from components.workload import wire


@dataclass(frozen=True, kw_only=True)
class MemorySchema:
    """Registers the Jobs and the Secret beside the models."""

    name: str
    """Begins the resources' names."""
    prefix: str
    """The stack's."""
    store: str
    space: MemoryNamespace
    models: str
    """Namespace of the models, where services run."""
    image: str
    """Of the echo service."""
    priority: str
    tls: Certificates

    def migrated(self, owner: Login, megabytes: int, after: Sequence[pulumi.Resource]) -> k8s.batch.v1.Job:
        """The Job, which Pulumi waits for until it has succeeded.

        Args:
            owner: of the schema.
            megabytes: of the database's memory that building one index may take.
            after: what must be there before.
        """
        space = self.space
        account = space.account(self.name, names.MIGRATIONS, "migrations")
        secret = space.secret(
            self.name,
            names.MIGRATIONS,
            "migrations",
            {"url": self._url(owner), "ca.crt": self.tls.trust},
        )
        here = [account, secret, *space.policies, *after]
        common = {"prefix": self.prefix, "image": self.image, "priority": self.priority}
        called = objects.job_name(self.store)
        job = k8s.batch.v1.Job(
            # A name of its own for each schema: one that is done never changes, and a new one takes the new image.
            f"{self.name}-{called}",
            metadata=space.metadata(
                called,
                "migrations",
                {
                    "pulumi.com/timeoutSeconds": str(objects.LIMIT_S),
                    # One that failed is made again by the next deploy.
                    "pulumi.com/replaceUnready": "true",
                },
            ),
            spec=wire(objects.migrations(**common)),
            opts=pulumi.ResourceOptions.merge(
                space.inside,
                # The image changes with each line of the service, the schema does not.
                pulumi.ResourceOptions(depends_on=here, ignore_changes=["spec"]),
            ),
        )
        k8s.batch.v1.CronJob(
            f"{self.name}-indexes",
            metadata=space.metadata("memory-indexes", "migrations"),
            spec=wire(objects.indexes(**common, megabytes=megabytes)),
            opts=pulumi.ResourceOptions.merge(space.inside, pulumi.ResourceOptions(depends_on=[job])),
        )
        return job

    def opened(
        self, database: Login, cache: Login | None, after: Sequence[pulumi.Resource], opts: pulumi.ResourceOptions
    ) -> k8s.core.v1.Secret:
        """What services sign in with, beside the models, and the way there through the network policies.

        Args:
            database: a member of the role that holds the rights of services.
            cache: of Redis, where there is one.
            after: the schema, and whatever else must be there before anybody signs in.
            opts: parent and provider.
        """
        data: dict[str, pulumi.Input[str]] = {"url": self._url(database), "ca.crt": self.tls.trust}
        if cache is not None:
            data["redis-url"] = cache.password.apply(
                lambda password: objects.redis_url(self.prefix, cache.user, password)
            )
        way = k8s.networking.v1.NetworkPolicy(
            f"{self.name}-services",
            metadata=self._beside("memory-clients", "network"),
            spec=wire(postgres.services_policy(self.prefix)),
            opts=opts,
        )
        return k8s.core.v1.Secret(
            f"{self.name}-service",
            metadata=self._beside(names.SERVICE_SECRET, "database"),
            string_data=data,
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[way, *after])),
        )

    def _url(self, login: Login) -> pulumi.Output[str]:
        made = login.password.apply(
            lambda password: objects.database_url(self.prefix, self.store, login.user, password)
        )
        return pulumi.Output.secret(made)

    def _beside(self, called: str, component: str) -> Any:  # noqa: ANN401
        return {"name": called, "namespace": self.models, "labels": names.object_labels(self.prefix, component)}
