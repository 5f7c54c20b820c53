"""The model store: its volume, its upstreams, who may push, what is thrown away."""

from typing import Annotated

from pydantic import Field

from components.settings.base import Section, Texts


class UpstreamSettings(Section):
    """A registry that the ModelStore pulls through."""

    host: str
    mirrors: Texts = ()
    """URLs that are tried, in order, before the registry itself."""
    credentials_secret: str | None = None
    """Secret of type kubernetes.io/basic-auth in the models' namespace: the user and password, or token, for it."""


class CollectSettings(Section):
    """Garbage collection: what no server of the stack wants is deleted some time after its last use."""

    enabled: bool = True
    keep_hours: float = 168.0
    """Since a model was last pulled or last wanted. Under shortage of room unwanted models go earlier, the longest
    unused first."""


class ModelStoreSettings(Section):
    """The registry in the cluster that holds each blob once."""

    enabled: bool = True
    storage: str = "20Gi"
    upstreams: Annotated[tuple[UpstreamSettings, ...], Field(strict=False)] = (
        UpstreamSettings(host="registry.ollama.ai"),
    )
    uploads: bool = False
    """Let holders of the upload token push private models."""
    collect: CollectSettings = CollectSettings()
