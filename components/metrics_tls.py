"""Certificates of what Prometheus scrapes: an authority of the stack's own, and a Secret for each part."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import pulumi
import pulumi_kubernetes as k8s

from components.certificates_resource import Certificates
from components.cluster import Cluster
from components.labels import namespace_labels
from components.monitoring import names, scrape, tls
from components.settings.stack import Settings


@dataclass(frozen=True)
class MetricsTls:
    """What is needed before the pods: without its Secret none of them starts."""

    certificates: Certificates
    mounted: Sequence[pulumi.Resource]
    """Secrets beside the models."""

    @classmethod
    def of(cls, config: Settings, cluster: Cluster, *, parent: pulumi.Resource | None, prefix: str) -> Self | None:
        """What a configuration asks for, on its primary cluster; None where metrics are told without TLS.

        Args:
            config: of the whole stack.
            cluster: the primary one.
            parent: of what is registered.
            prefix: begins the Pulumi names.
        """
        if not config.metrics_tls:
            return None
        stack = scrape.stack(
            cluster.prefix, store=config.model_store.enabled, echo=config.echo.enabled, memory=None, tls=True
        )
        own = scrape.own(cluster.prefix, config.monitoring, tls=True) if config.monitoring.mode == "bring" else []
        told = [one for one in (*stack, *own) if one.encrypted is not None]
        made = Certificates(
            f"{prefix}metrics-certificates",
            authority=f"{cluster.prefix} monitoring",
            hosts={one.name: tls.hosts(one.name, one.namespace) for one in told},
            opts=pulumi.ResourceOptions(parent=parent),
        )
        beside = pulumi.ResourceOptions(parent=parent, provider=cluster.provider, depends_on=[cluster])
        labels = {**names.object_labels("metrics-tls", cluster.prefix), **namespace_labels(cluster.prefix)}
        return cls(
            made,
            [
                secret(f"{prefix}metrics-tls-{one.name}", made, one.name, _metadata(one, labels), beside)
                for one in told
                if one.namespace == cluster.namespace
            ],
        )


def secret(
    resource: str,
    made: Certificates,
    part: str,
    metadata: Any,  # noqa: ANN401
    opts: pulumi.ResourceOptions,
) -> k8s.core.v1.Secret:
    """The Secret of one part.

    Args:
        resource: its Pulumi name.
        made: has the part's certificate.
        part: whose.
        metadata: of the object.
        opts: of the resource.
    """
    data = made.secret(part, certificate=tls.CERTIFICATE, key=tls.KEY).apply(lambda found: {**found, **tls.web_file()})
    return k8s.core.v1.Secret(resource, metadata=metadata, string_data=pulumi.Output.secret(data), opts=opts)


def _metadata(one: scrape.Monitor, labels: dict[str, str]) -> Any:  # noqa: ANN401
    return {"name": tls.secret(one.name), "namespace": one.namespace, "labels": labels}
