"""How registries, the services that stand for them in the cluster, and references to models go together."""

import ipaddress

from ollama.names import ModelName

DEFAULT_HOST = "registry.ollama.ai"
"""Where Ollama looks for a model whose name has no host."""

STORE_SERVICE = "model-store"
STORE_PORT = 5000

PUSHED_HOST = "model-store.local"
"""The registry of models that are pushed to the store. It is nowhere else: only the store answers for it."""
UPLOAD_SECRET = "model-store-upload"  # noqa: S105
"""The Secret whose key `token` holds what whoever pushes to the store must show."""


def alias_of(host: str) -> str:
    """The name of the service that stands for the registry `host`: a DNS label, such as `registry-ollama-ai`."""
    return "".join(char if char.isalnum() else "-" for char in host.lower())


def is_loopback(host: str) -> bool:
    """Whether a registry `HOST` or `HOST:PORT` is on the machine of whoever asks it, so that nobody listens between."""
    name = host.partition(":")[0]
    try:
        return ipaddress.IPv4Address(name).is_loopback
    except ValueError:
        return name == "localhost"


def through_store(source: ModelName, namespace: str) -> str:
    """The reference by which a replica in the cluster pulls `source` from the store in `namespace`.

    The service's name tells the store which registry is meant; the path stays the registry's own.
    """
    service = f"{alias_of(source.host)}.{namespace}.svc.cluster.local:{STORE_PORT}"
    return f"{service}/{source.namespace}/{source.model}:{source.tag}"
