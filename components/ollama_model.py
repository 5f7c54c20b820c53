"""OllamaModel: a model that is on every replica of a server once the deploy ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi.dynamic import Resource

from components.cluster import Cluster
from components.ollama_model_provider import OllamaModelProvider
from components.ollama_server import OllamaServer
from components.settings.server import ReachSettings, ServerSettings
from ollama.document import Recipe, WantedDocument, WantedEntry, fingerprint
from ollama.order import bases_first
from ollama.state import wanted_of
from replica_agent.ports import AGENT_PORT


@dataclass(frozen=True, kw_only=True)
class OllamaModelArgs:
    """What an OllamaModel is made of."""

    server: OllamaServer
    url: str | None = None
    """Of a server outside the cluster, which has no agent; None for replicas in the cluster."""
    cluster: Cluster | None = None
    entry: WantedEntry
    """What is wanted, as the server's agents read it too."""
    source: str
    """What it is made from, for people: a full reference, or the base or files of a model that is created."""
    bases: Sequence[WantedEntry] = ()
    """Entries of the models that this one is created from, the first one first."""
    reach: ReachSettings = field(default_factory=ReachSettings)

    def props(self) -> dict[str, pulumi.Input[object]]:
        """The properties that the dynamic provider works on."""
        props: dict[str, pulumi.Input[object]] = {
            "name": self.entry.name,
            "source": self.source,
            "digest": self.entry.digest,
            "entry": self.entry.model_dump_json(by_alias=True),
            "fingerprint": fingerprint(self.entry),
        }
        if self.url is not None:
            bases = [base.model_dump_json(by_alias=True) for base in self.bases]
            return {**props, "kind": "url", "url": self.url, "bases": bases}
        if self.cluster is None or self.server.stateful_set is None:
            raise pulumi.RunError(
                f"model `{self.entry.name}`: needs either `url`, or `cluster` and a server that runs there"
            )
        return {
            **props,
            "kind": "pods",
            "context": self.cluster.context,
            "namespace": self.cluster.namespace,
            "statefulSet": self.server.service,
            "port": AGENT_PORT,
            "replicaCount": self.server.replicas,
            "writer": self.server.writer,
            "reachMode": self.reach.mode,
            "reachUrl": self.reach.url,
            # Another StatefulSet of the same name has empty volumes: then every replica is looked at again.
            "serverUid": self.server.stateful_set.metadata.apply(lambda found: found.uid),
        }


class OllamaModel(Resource, module="echorator", name="OllamaModel"):
    """One model on all replicas. Fails, with replica and cause named, when one of them cannot have it."""

    replicas: pulumi.Output[Mapping[str, str]]
    """Replica to the digest it has."""
    phase: pulumi.Output[str]
    """`Ready` once every replica has it; after a `refresh` that saw one without it, `ModelDeploying`."""

    def __init__(self, name: str, args: OllamaModelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        own = pulumi.ResourceOptions(parent=args.server)
        if args.server.stateful_set is not None:
            # Its volumes go with the StatefulSet, so `destroy` need not take each model off each replica first.
            own.depends_on = args.server.ready
            own.deleted_with = args.server.stateful_set
        outputs = {"replicas": None, "phase": None}
        options = pulumi.ResourceOptions.merge(own, opts)
        super().__init__(OllamaModelProvider(), name, {**args.props(), **outputs}, options)


def bring(
    document: WantedDocument,
    server: OllamaServer,
    settings: ServerSettings,
    cluster: Cluster | None,
    *,
    after: Sequence[pulumi.Resource] = (),
    prefix: str = "",
) -> dict[str, OllamaModel]:
    """The models of one server, by name.

    Args:
        document: what its agents read too.
        server: the server.
        settings: its settings.
        cluster: where it runs; None for one that was adopted by `url`.
        after: the model store. The pods start beside it, and their agents try until it is there; but a deploy counts
            their tries, and so begins to look only then.
        prefix: begins the Pulumi names.
    """
    made: dict[str, OllamaModel] = {}
    for entry in _in_order(document):
        args = OllamaModelArgs(
            server=server,
            url=settings.url,
            cluster=cluster,
            entry=entry,
            source=_source(entry),
            bases=_bases(entry, document),
            reach=settings.reach,
        )
        # On a server without agents it is the deploy that creates them, in this order.
        before = [*(after if cluster is not None else ()), *(made[base.name] for base in args.bases)]
        made[entry.name] = OllamaModel(
            f"{prefix}{settings.name}-{entry.name}", args, pulumi.ResourceOptions(depends_on=before)
        )
    return made


def _source(entry: WantedEntry) -> str:
    """What a model is made from, in a few words."""
    if entry.pull is not None:
        return entry.pull.source
    recipe = entry.create if entry.create is not None else Recipe()
    return f"created from {recipe.from_model or recipe.files}"


def _in_order(document: WantedDocument) -> list[WantedEntry]:
    """The entries of a list, each after the one that it is created from."""
    return [document.models[at] for at in bases_first([wanted_of(entry) for entry in document.models])]


def _bases(entry: WantedEntry, document: WantedDocument) -> list[WantedEntry]:
    """The entries that one is created from, by way of others too, the first one first."""
    named = {one.name: one for one in document.models}
    found: list[WantedEntry] = []
    base = entry
    while base.create is not None and base.create.from_model is not None:
        base = named[base.create.from_model]
        found.insert(0, base)
    return found
