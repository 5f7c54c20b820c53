"""The dynamic provider of NodeTaints: the taints of one node that a stack wants, beside those that others set.

A NodePatch cannot do it: for the API server the list of taints is one value, so whoever applies it takes all of it,
and the taints of a cloud, or of the node controller while a node is cordoned, would go with the next deploy.

Pulumi stores a reference to this module and class with each resource, and looks it up there at `refresh` and
`destroy`. Whoever moves or renames either leaves a shim behind.
"""

from http import HTTPStatus
from typing import Any, cast

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, ResourceProvider, UpdateResult

from components import kube_context
from components.kube_api import KubeApi, KubeApiError, KubeUnreachableError
from components.kube_context import KubeContextError

Props = dict[str, Any]
Taint = dict[str, str]

MANAGER = "echorator"
_IDENTITY = ("context", "node")
_KEYS = ("context", "node", "taints")
_TRIES = 10
"""A node's status changes all the time, and each change makes a write of somebody else's too old."""
_DELETE_RETRY_S = 5.0


class NodeTaintsProvider(ResourceProvider):
    """Diff and the four operations."""

    serialize_as_secret_always = False

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        """Another node is another resource; other taints are changed in place."""
        replaces = [key for key in _IDENTITY if olds.get(key) != news.get(key)]
        return DiffResult(changes=bool(replaces) or _taints(olds) != _taints(news), replaces=replaces)

    def create(self, props: Props) -> CreateResult:
        """Adds the taints."""
        with KubeApi(kube_context.load(props["context"])) as api:
            change(api, props["node"], old=[], new=_taints(props))
        return CreateResult(f"{props['context']}/{props['node']}", _plain(props))

    def update(self, _id: str, olds: Props, news: Props) -> UpdateResult:
        """Takes away what is no longer wanted and adds what is new."""
        with KubeApi(kube_context.load(news["context"])) as api:
            change(api, news["node"], old=_taints(olds), new=_taints(news))
        return UpdateResult(_plain(news))

    def read(self, id_: str, props: Props) -> ReadResult:
        """Those of the taints that the node has. A node that is gone: so is this."""
        with KubeApi(kube_context.load(props["context"])) as api:
            node = api.get(_path(props["node"]))
        if node is None:
            return ReadResult(None, {})
        there = _there(node)
        found = {**_plain(props), "taints": [taint for taint in _taints(props) if taint in there]}
        return ReadResult(id_, found, found)

    def delete(self, _id: str, props: Props) -> None:
        """Takes the taints away. A cluster that is gone has none."""
        try:
            with KubeApi(kube_context.load(props["context"]), retry_s=_DELETE_RETRY_S) as api:
                change(api, props["node"], old=_taints(props), new=[], must=False)
        except (KubeUnreachableError, KubeContextError) as error:
            print(f"{props['node']}: taints not taken away: {error}")


def change(api: KubeApi, node: str, *, old: list[Taint], new: list[Taint], must: bool = True) -> None:
    """Brings a node from the taints `old` to `new`, and leaves all others as they are.

    Raises:
        KubeApiError: it is refused; or the node is gone, and `must` says that it has to be there.
    """
    for attempt in range(_TRIES):
        found = api.get(_path(node))
        if found is None and not must:
            return
        if found is None:
            raise KubeApiError(HTTPStatus.NOT_FOUND, f"there is no node `{node}`: correct `existing.names` of its pool")
        there = _there(found)
        wanted = merged(there, old, new)
        if wanted == there:
            return
        version = found["metadata"]["resourceVersion"]
        try:
            api.patch(
                _path(node), {"metadata": {"resourceVersion": version}, "spec": {"taints": wanted}}, manager=MANAGER
            )
        except KubeApiError as error:
            if error.status != HTTPStatus.CONFLICT or attempt == _TRIES - 1:
                raise
        else:
            return


def merged(there: list[Taint], old: list[Taint], new: list[Taint]) -> list[Taint]:
    """The node's taints after a change: a taint is known by its key and effect."""
    ours = {_identity(taint) for taint in (*old, *new)}
    return [*(taint for taint in there if _identity(taint) not in ours), *new]


def _identity(taint: Taint) -> tuple[str, str]:
    return taint["key"], taint["effect"]


def _there(node: Props) -> list[Taint]:
    return list(cast("list[Taint]", node.get("spec", {}).get("taints") or []))


def _taints(props: Props) -> list[Taint]:
    return [dict(taint) for taint in cast("list[Taint]", props.get("taints") or [])]


def _path(node: str) -> str:
    return f"/api/v1/nodes/{node}"


def _plain(props: Props) -> Props:
    return {key: props[key] for key in _KEYS}
