"""What the settings of a server want, as its agents read it, and as the model store keeps it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from components.ollama_agent import SOURCES
from components.registries import is_loopback, through_store
from components.settings.models import FilesSettings, ModelSettings
from components.settings.server import ServerSettings
from ollama.document import Message, Pull, Recipe, WantedDocument, WantedEntry
from ollama.names import ModelName


@dataclass(frozen=True)
class Kept:
    """A model that the store must keep.

    Attributes:
        host: the registry that it comes from.
        repository: such as `library/smollm2`.
        reference: its tag.
        digest: `sha256:<hex>` of the manifest that is wanted, or None for whatever the tag is.
    """

    host: str
    repository: str
    reference: str
    digest: str | None = None


def wanted(server: ServerSettings, *, store_namespace: str | None) -> WantedDocument:
    """The whole list of a server.

    Args:
        server: checked settings.
        store_namespace: where the model store runs; None for a server that pulls from the registries itself.
    """
    return WantedDocument(models=tuple(entry(server, model, store_namespace) for model in server.models))


def entry(server: ServerSettings, model: ModelSettings, store_namespace: str | None) -> WantedEntry:
    """One model of the list."""
    return WantedEntry(
        name=_short(model.name),
        pull=None if model.create is not None else _pull(model, store_namespace),
        create=None if model.create is None else _recipe(server, model),
        digest=model.digest,
        aliases=tuple(map(_short, model.aliases)),
        preload=model.preload,
        keep_alive=model.keep_alive,
        retain=model.retain,
    )


def claims(server: ServerSettings) -> list[str]:
    """The volume claims with weights that the server's agents need, each once."""
    recipes = [model.create for model in server.models if model.create is not None]
    files = [one for recipe in recipes for one in (recipe.files, recipe.adapter) if one is not None]
    return sorted({one.claim for one in files})


def store_wanted(servers: Iterable[ServerSettings]) -> list[Kept]:
    """What the servers in the cluster want of the store, each once, sorted.

    A server that was adopted pulls past the store, and a model that is made needs of it only its base, which is
    another model of the list.
    """
    kept = {_kept(model) for server in servers if server.url is None for model in server.models if model.create is None}
    return sorted(kept, key=lambda one: (one.host, one.repository, one.reference, one.digest or ""))


def _kept(model: ModelSettings) -> Kept:
    source = source_of(model)
    return Kept(source.host, f"{source.namespace}/{source.model}", source.tag, model.digest)


def source_of(model: ModelSettings) -> ModelName:
    """What is pulled for a model that is not made."""
    return ModelName.parse(model.name if model.source is None else model.source)


def _short(name: str) -> str:
    return ModelName.parse(name).short


def _pull(model: ModelSettings, store_namespace: str | None) -> Pull:
    source = source_of(model)
    if store_namespace is None:
        # A registry on the replica's own machine needs no TLS, and rarely has it; containerd and docker hold it so.
        return Pull(source=source.full, insecure=is_loopback(source.host))
    # Plain HTTP inside the cluster; the digest, not the transport, proves what was pulled.
    return Pull(source=through_store(source, store_namespace), insecure=True)


def _recipe(server: ServerSettings, model: ModelSettings) -> Recipe:
    create = model.create
    if create is None:
        raise ValueError(f"model `{model.name}` is pulled, not made")
    return Recipe(
        from_model=None if create.from_model is None else _base(server, create.from_model),
        files=_path(create.files),
        adapter=_path(create.adapter),
        system=create.system,
        template=create.template,
        parameters=dict(create.parameters),
        messages=tuple(Message.model_validate(one.model_dump()) for one in create.messages),
        license=create.license,
        quantize=create.quantize,
    )


def _base(server: ServerSettings, text: str) -> str:
    """The base by its own name, also where an alias was given, which may come later than what is made from it."""
    key = ModelName.parse(text).key
    for model in server.models:
        if key in {ModelName.parse(name).key for name in (model.name, *model.aliases)}:
            return _short(model.name)
    raise ValueError(f"`{text}` is no model of server `{server.name}`; its settings were never checked")


def _path(files: FilesSettings | None) -> str | None:
    return None if files is None else str(PurePosixPath(SOURCES, files.claim, files.path))
