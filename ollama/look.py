"""Look at what a server really has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ollama.client import OllamaClient
from ollama.errors import ConfigurationError, DamagedModelError
from ollama.names import ModelName
from ollama.wire import ListedModel

Health = Literal["good", "missing", "damaged"]


def find(listing: Sequence[ListedModel], key: str) -> ListedModel | None:
    """Return the listed model that a name's key means."""
    for listed in listing:
        try:
            if ModelName.parse(listed.name).key == key:
                return listed
        except ConfigurationError:
            continue  # a newer server may allow names that we do not; they are not the one looked for
    return None


async def health(client: OllamaClient, name: str) -> Health:
    """Return whether the server can load a model, as far as its API tells.

    "missing" means that a file is not there, which a pull mends; "damaged" that the weights file is cut
    short or no GGUF, which a pull does not mend, since Ollama takes a blob that exists for a good one. Other
    changed bytes are not seen.
    """
    try:
        info = await client.show(name)
    except DamagedModelError:
        return "damaged"
    if info is None:
        return "missing"
    # `show` opens the first file only; adapters and further shards are asked for one by one.
    for digest in info.weight_blobs[1:]:
        if not await client.has_blob(digest):
            return "missing"
    return "good"
