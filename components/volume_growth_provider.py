"""The dynamic provider of VolumeGrowth: the volumes of one StatefulSet, at least as large as the settings say.

Pulumi stores a reference to this module and class with each resource, and looks it up there at `refresh` and
`destroy`. Whoever moves or renames either leaves a shim behind. Instances are stored too, so they have no state; and
credentials come from the kubeconfig at the time, never from properties.
"""

from typing import Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.runtime import rpc

from components import kube_context
from components.kube_api import KubeApi, KubeUnreachableError
from components.kube_context import KubeContextError
from components.quantity import parse_bytes
from components.volume_growth_objects import moves, shrinks
from components.volume_growth_steps import Grown, Growth, Wanted

Props = dict[str, Any]

_IDENTITY = ("context", "namespace", "statefulSet", "claim")
_DELETE_RETRY_S = 5.0


class VolumeGrowthProvider(ResourceProvider):
    """Check, diff and the four operations; the work is done in `volume_growth_steps`."""

    serialize_as_secret_always = False

    def check(self, olds: Props, news: Props) -> CheckResult:
        """Refuses at the preview what volumes cannot do: shrink, or move to another class or access mode."""
        failures: list[CheckFailure] = []
        size = news.get("storage")
        if _known(size):
            try:
                parse_bytes(str(size))
            except ValueError as error:
                return CheckResult(news, [CheckFailure("storage", f"`{size}` {error}")])
        if olds and not any(_differs(olds, news, key) for key in _IDENTITY):
            name = str(news["statefulSet"])
            now = str(olds["storage"])
            if _known(size) and parse_bytes(str(size)) < parse_bytes(now):
                failures.append(CheckFailure("storage", shrinks(name, now, str(size))))
            failures += [
                CheckFailure(key, moves(name, what, str(olds.get(key) or default), str(news.get(key) or default)))
                for key, what, default in (
                    ("storageClass", "storage class", "the default one"),
                    ("accessMode", "access mode", "ReadWriteOnce"),
                )
                if _differs(olds, news, key)
            ]
        return CheckResult(news, failures)

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        """Another StatefulSet is another resource; another size, or one made anew, is looked at in place."""
        replaces = [key for key in _IDENTITY if _differs(olds, news, key)]
        size = news.get("storage")
        grows = not _known(size) or parse_bytes(str(size)) != parse_bytes(str(olds["storage"]))
        # Growing makes the StatefulSet anew itself, which Pulumi's own record of it learns at the next refresh.
        anew = news.get("serverUid") not in (olds.get("serverUid"), olds.get("uid"))
        return DiffResult(changes=bool(replaces) or grows or anew, replaces=replaces)

    def create(self, props: Props) -> CreateResult:
        """Looks at a StatefulSet that was made just now, or by a program from before there was this resource."""
        return CreateResult(_label(props), _outs(props, _run(props)))

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        """Brings claims and template to the wanted size."""
        return UpdateResult(_outs(news, _run(news)))

    def read(self, id_: str, props: Props) -> ReadResult:
        """The smallest size there is now. No StatefulSet, nor a copy of one that is being replaced: it is gone."""
        with KubeApi(kube_context.load(props["context"])) as api:
            size = Growth(api, _wanted(props)).look()
        if size is None:
            return ReadResult(None, {})
        found = props if parse_bytes(size) == parse_bytes(props["storage"]) else {**props, "storage": size}
        return ReadResult(id_, _plain(found), _inputs(found))

    def delete(self, _id: str, props: Props) -> None:
        """Leaves volumes alone: they go with the StatefulSet. Mends one whose replacement was cut off, so that they do.

        A cluster that is gone has nothing to mend, and must not keep the stack from being destroyed.
        """
        try:
            with KubeApi(kube_context.load(props["context"]), retry_s=_DELETE_RETRY_S) as api:
                Growth(api, _wanted(props)).recover()
        except (KubeUnreachableError, KubeContextError) as error:
            print(f"{_label(props)}: not looked at: {error}")


def _run(props: Props) -> Grown:
    with KubeApi(kube_context.load(props["context"])) as api:
        return Growth(api, _wanted(props)).run()


def _wanted(props: Props) -> Wanted:
    return Wanted(
        namespace=props["namespace"],
        stateful_set=props["statefulSet"],
        claim=props["claim"],
        storage=props["storage"],
        storage_class=props.get("storageClass"),
    )


def _label(props: Props) -> str:
    return "/".join(str(props[key]) for key in _IDENTITY)


def _plain(props: Props) -> Props:
    return {key: value for key, value in props.items() if key != "__provider"}


def _inputs(props: Props) -> Props:
    return {key: value for key, value in _plain(props).items() if key not in ("uid", "volumes")}


def _outs(props: Props, grown: Grown) -> Props:
    return {**_inputs(props), "uid": grown.uid, "volumes": grown.volumes}


def _known(value: object) -> bool:
    return value is not None and value != rpc.UNKNOWN


def _differs(olds: Props, news: Props, key: str) -> bool:
    return news.get(key) != rpc.UNKNOWN and olds.get(key) != news.get(key)
