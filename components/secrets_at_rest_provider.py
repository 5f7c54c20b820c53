"""SecretsAtRest: a look at how a cluster stores Secrets, at each deploy that makes it and at each refresh.

Pulumi stores a reference to this module and class with each resource: whoever moves or renames either leaves a shim.
"""

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from components import kube_context
from components.kube_api import KubeApi
from components.secrets_at_rest import Finding, look

Props = dict[str, Any]

_INPUTS = ("context", "namespace", "required")


class SecretsAtRestError(Exception):
    """Secrets are stored in clear, and the settings ask for more."""


class SecretsAtRestProvider(ResourceProvider):
    """Changes nothing in the cluster but for the Secret that it writes and takes away."""

    serialize_as_secret_always = False

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        """Another cluster, or another wish."""
        return DiffResult(changes=any(olds.get(key) != news.get(key) for key in _INPUTS))

    def create(self, props: Props) -> CreateResult:
        """Look.

        Raises:
            SecretsAtRestError: they are in clear, and `required` says that they must not be.
        """
        return CreateResult(f"{props['context']}/{props['namespace']}", _outs(props))

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        """Look again."""
        return UpdateResult(_outs(news))

    def read(self, id_: str, props: Props) -> ReadResult:
        """What is so now."""
        found = _look(props)
        return ReadResult(id_, {**_inputs(props), "state": found.state, "how": found.how}, _inputs(props))

    def delete(self, _id: str, _props: Props) -> None:
        """Nothing is there."""


class SecretsAtRest(Resource, module="echorator", name="SecretsAtRest"):
    """How a cluster stores Secrets."""

    state: pulumi.Output[str]
    """`encrypted`, `byTheCloud`, `clear` or `unknown`."""
    how: pulumi.Output[str]
    """By what that is known."""

    def __init__(
        self, name: str, *, context: str, namespace: str, required: bool, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        props = {"context": context, "namespace": namespace, "required": required, "state": None, "how": None}
        super().__init__(SecretsAtRestProvider(), name, props, opts)


def _inputs(props: Props) -> Props:
    return {key: props.get(key) for key in _INPUTS}


def _outs(props: Props) -> Props:
    found = _look(props)
    if found.state == "clear" and props["required"]:
        raise SecretsAtRestError(
            f"Secrets of the cluster `{props['context']}` are stored in clear: {found.how}. Give its API server an "
            "encryption provider, or set `secretsAtRest: reported` for this cluster"
        )
    return {**_inputs(props), "state": found.state, "how": found.how}


def _look(props: Props) -> Finding:
    with KubeApi(kube_context.load(str(props["context"]))) as api:
        return look(api, str(props["namespace"]))
