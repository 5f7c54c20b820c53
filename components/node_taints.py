"""NodeTaints: taints of a node that is there already."""

from collections.abc import Sequence

import pulumi
from pulumi.dynamic import Resource

from components.node_taints_provider import NodeTaintsProvider
from components.settings.gpu import TaintSettings


class NodeTaints(Resource, module="echorator", name="NodeTaints"):
    """Taints of one node, beside those that others set; they go with the resource."""

    def __init__(
        self,
        name: str,
        *,
        context: str,
        node: str,
        taints: Sequence[TaintSettings],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            NodeTaintsProvider(),
            name,
            {"context": context, "node": node, "taints": [spelled(taint) for taint in taints]},
            opts,
        )


def spelled(taint: TaintSettings) -> dict[str, str]:
    """As Kubernetes spells it."""
    found = {"key": taint.key, "effect": taint.effect}
    return found if taint.value is None else {**found, "value": taint.value}
