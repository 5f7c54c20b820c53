"""The dynamic provider of OllamaModel: one model, on every replica of one server.

Pulumi stores a reference to this module and class with each resource, and looks it up there at `refresh` and
`destroy`. Whoever moves or renames either leaves a shim behind. Instances are stored too, so they have no state; and
credentials come from the kubeconfig at the time, never from properties.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

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

from components import replica_models
from components.replica_models import MISSING, Brought, Target
from ollama.errors import ConfigurationError
from ollama.names import ModelName, parse_digest

ANY = "any digest"
"""What `expected` says of a replica when no digest is wanted."""

_SERVER = ("kind", "context", "namespace", "statefulSet", "url")
_TRIGGERS = ("digest", "fingerprint", "replicaCount", "serverUid", "writer")

_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_locks_guard = threading.Lock()

READY, DEPLOYING = "Ready", "ModelDeploying"
"""What `phase` says: every replica has the model as it is wanted, or its agent is to bring it there."""

Props = dict[str, Any]
T = TypeVar("T")


class OllamaModelProvider(ResourceProvider):
    """Check, diff and the four operations; the work is done in `replica_models`."""

    serialize_as_secret_always = False

    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Every fault in the properties, before anything is asked of a server."""
        failures: list[CheckFailure] = []
        if _known(news.get("name")):
            try:
                ModelName.parse(str(news["name"]))
            except ConfigurationError as error:
                failures.append(CheckFailure("name", f"{error.message}. Fix: {error.hint}"))
        if _known(news.get("digest")):
            try:
                parse_digest(str(news["digest"]))
            except ConfigurationError as error:
                failures.append(CheckFailure("digest", f"{error.message}. Fix: {error.hint}"))
        kind = news.get("kind")
        both = ("entry", "fingerprint")
        needed = {
            "pods": (*both, "context", "namespace", "statefulSet", "port", "replicaCount"),
            "url": (*both, "url"),
        }
        if kind not in needed:
            failures.append(CheckFailure("kind", f"must be `pods` or `url`, not `{kind}`"))
        failures += [
            CheckFailure(key, f"is required where `kind` is `{kind}`")
            for key in needed.get(str(kind), ())
            if news.get(key) is None
        ]
        inputs = dict(news)
        if not failures and _known(news.get("replicaCount", 1)):
            wanted = str(news.get("digest") or ANY)
            inputs["expected"] = dict.fromkeys(Target.of(news).replicas, wanted)
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        """Another server or name is another resource; all else is mended in place, and so is what `refresh` missed."""
        replaces = [key for key in _SERVER if _differs(olds, news, key)]
        if _known(news.get("name")) and _key(olds.get("name")) != _key(news.get("name")):
            replaces.append("name")
        changed = any(_changed(olds, news, key) for key in _TRIGGERS)
        return DiffResult(changes=bool(replaces) or changed or _drifted(olds, news), replaces=replaces)

    def create(self, props: Props) -> CreateResult:
        """Sees the model onto every replica."""
        brought = self._locked(props, lambda: replica_models.ensure(Target.of(props), props))
        return CreateResult(f"{Target.of(props).label}/{ModelName.parse(props['name']).short}", _outs(props, brought))

    def update(self, _id: str, olds: Props, news: Props) -> UpdateResult:
        """Sees the model onto replicas that lack it, or have it otherwise than wanted."""
        ledger = olds.get("ledger")
        brought = self._locked(news, lambda: replica_models.ensure(Target.of(news), news, ledger=ledger))
        return UpdateResult(_outs(news, brought))

    def read(self, id_: str, props: Props) -> ReadResult:
        """What is on each replica now. No replica has it: the resource is gone."""
        found = replica_models.observe(Target.of(props), props["name"])
        if found is None or all(digest == MISSING for digest in found.values()):
            return ReadResult(None, {})
        outs = {**_inputs(props), **_kept(props), "replicas": {**found}, "phase": _phase(props, found)}
        wanted = str(props.get("digest") or ANY)
        # So that the next preview shows which replica strayed, not only that something changed.
        expected = {
            replica: ANY if wanted == ANY and digest != MISSING else digest for replica, digest in found.items()
        }
        return ReadResult(id_, outs, {**_inputs(props), "expected": expected})

    def delete(self, _id: str, props: Props) -> None:
        """Sees the model off every replica that is still there."""
        ledger = props.get("ledger")
        self._locked(props, lambda: replica_models.remove(Target.of(props), props, ledger=ledger))

    def _locked(self, props: Props, work: Callable[[], T]) -> T:
        if props["kind"] == "pods":
            return work()
        # Without an agent it is we who write, and two models from one source share its name there for a moment.
        with _lock(Target.of(props).label):
            return work()


def _lock(key: str) -> threading.Lock:
    with _locks_guard:
        return _locks[key]


def _inputs(props: Props) -> Props:
    own = ("__provider", "replicas", "phase", "sizes", "ledger")
    return {key: value for key, value in props.items() if key not in own}


def _outs(props: Props, brought: Brought) -> Props:
    digests = {replica: state.digest for replica, state in brought.states.items()}
    found = {
        "replicas": digests,
        "phase": _phase(props, digests),
        # For whoever previews a change: how many bytes a model costs.
        "sizes": {replica: state.size_bytes for replica, state in brought.states.items()},
    }
    return {**_inputs(props), **found, **({} if brought.ledger is None else {"ledger": brought.ledger})}


def _kept(props: Props) -> Props:
    """What only an operation that changes something can know, and `read` must hand on."""
    return {key: props[key] for key in ("ledger", "sizes") if props.get(key) is not None}


def _known(value: object) -> bool:
    return value is not None and value != rpc.UNKNOWN


def _key(name: object) -> str:
    return "" if name is None else ModelName.parse(str(name)).key


def _differs(olds: Props, news: Props, key: str) -> bool:
    return news.get(key) != rpc.UNKNOWN and olds.get(key) != news.get(key)


def _changed(olds: Props, news: Props, key: str) -> bool:
    """Also when the new value is not known yet: then something before it changes."""
    return olds.get(key) != news.get(key)


def _drifted(olds: Props, news: Props) -> bool:
    """Whether a replica is known to lack the model, or to have it at another digest."""
    if not _known(news.get("replicaCount", 1)):
        return True
    return _phase(news, olds.get("replicas") or {}) != READY


def _phase(props: Props, seen: Mapping[str, str]) -> str:
    """Where the model is, over all replicas that it is wanted on.

    What fails ends the operation, and what is scaled or ends is the server's own phase: those are told by
    `echorator status` and by the agents' Events and metrics.
    """
    wanted = props.get("digest")
    for replica in Target.of(props).replicas:
        digest = seen.get(replica, MISSING)
        if digest == MISSING or (wanted and digest != parse_digest(str(wanted))):
            return DEPLOYING
    return READY
