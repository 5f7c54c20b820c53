"""Ollama's environment: the settings of a server as the variables that its version reads.

What Ollama cannot read it takes for its default, without a word; so values are checked before, and variables that a
version does not know are faults.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import Literal

from components.quantity import parse_bytes
from components.settings.server import OllamaSettings
from components.versions import OLLAMA_VERSION

Version = tuple[int, int, int]

ADDRESS = "127.0.0.1:11435"
"""Ollama itself is heard inside its pod only. The agent beside it is the way in."""

HOME = "/data"


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable of Ollama's, and the versions that read it.

    Attributes:
        name: of the variable.
        kind: how a value is written: a truth as 1 or 0, a quantity in bytes, a list with commas.
        since: first version that reads it.
        until: first version that does not; None where the newest one known (0.33.0) still does.
    """

    name: str
    kind: Literal["text", "number", "truth", "bytes", "list"]
    since: Version
    until: Version | None = None


VARIABLES: Mapping[str, Variable] = MappingProxyType(
    {
        "keepAlive": Variable(name="OLLAMA_KEEP_ALIVE", kind="text", since=(0, 1, 39)),
        "contextLength": Variable(name="OLLAMA_CONTEXT_LENGTH", kind="number", since=(0, 5, 13)),
        "numParallel": Variable(name="OLLAMA_NUM_PARALLEL", kind="number", since=(0, 1, 39)),
        "maxLoadedModels": Variable(name="OLLAMA_MAX_LOADED_MODELS", kind="number", since=(0, 1, 39)),
        "maxQueue": Variable(name="OLLAMA_MAX_QUEUE", kind="number", since=(0, 1, 39)),
        "loadTimeout": Variable(name="OLLAMA_LOAD_TIMEOUT", kind="text", since=(0, 3, 10)),
        "flashAttention": Variable(name="OLLAMA_FLASH_ATTENTION", kind="truth", since=(0, 1, 39)),
        "kvCacheType": Variable(name="OLLAMA_KV_CACHE_TYPE", kind="text", since=(0, 5, 0)),
        "schedSpread": Variable(name="OLLAMA_SCHED_SPREAD", kind="truth", since=(0, 1, 45)),
        "gpuOverhead": Variable(name="OLLAMA_GPU_OVERHEAD", kind="bytes", since=(0, 3, 10)),
        "multiuserCache": Variable(name="OLLAMA_MULTIUSER_CACHE", kind="truth", since=(0, 3, 13), until=(0, 30, 0)),
        "origins": Variable(name="OLLAMA_ORIGINS", kind="list", since=(0, 1, 39)),
        "debug": Variable(name="OLLAMA_DEBUG", kind="truth", since=(0, 1, 39)),
    }
)
"""Setting to variable, from the history of envconfig/config.go."""

NUMBERS: Mapping[str, int] = MappingProxyType(
    {"contextLength": 1, "numParallel": 1, "maxLoadedModels": 0, "maxQueue": 1}
)
"""Smallest value of each number. A queue of 0 would refuse whatever cannot be answered at once."""

FIXED: Mapping[str, str] = MappingProxyType(
    {
        "OLLAMA_HOST": ADDRESS,
        # The key pair goes to $HOME/.ollama, and the root file system is read-only.
        "HOME": HOME,
        "OLLAMA_MODELS": f"{HOME}/models",
        # Prompts never leave for a hosted model, whatever the name a client asks for.
        "OLLAMA_NO_CLOUD": "1",
    }
)
"""What the program sets whatever the settings say."""

NO_PRUNE = "OLLAMA_NOPRUNE"

OLDEST: Version = (0, 16, 2)
"""The first version that reads OLLAMA_NO_CLOUD."""

FURTHER = (
    *("OLLAMA_AUTH", "OLLAMA_EXPERIMENT", "OLLAMA_LIBRARY_PATH", "OLLAMA_LLM_LIBRARY", "OLLAMA_NEW_ENGINE"),
    *("OLLAMA_REGISTRY_MAXSTREAMS", "OLLAMA_REMOTES", "OLLAMA_VULKAN"),
)
"""Further variables that a server of version 0.17.4 reads, and that no setting stands for."""

_TAG = re.compile(r"v?([0-9]+)\.([0-9]+)\.([0-9]+)(?![0-9.])")


def version_of(image: str | None) -> Version:
    """The Ollama version in an image's reference, by its tag.

    Args:
        image: None, or one whose tag is no version, counts as the version that the program pins.
    """
    tag = "" if image is None else image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    found = _TAG.match(tag) or _TAG.fullmatch(OLLAMA_VERSION)
    if found is None:
        raise ValueError(f"the pinned version `{OLLAMA_VERSION}` is no version")
    return int(found[1]), int(found[2]), int(found[3])


def known(variable: Variable, version: Version) -> bool:
    """Whether Ollama of that version reads the variable."""
    return variable.since <= version and (variable.until is None or version < variable.until)


def environment(
    settings: OllamaSettings, *, image: str | None = None, shared_reader: bool = False
) -> list[dict[str, str]]:
    """The variables of the Ollama container, as Kubernetes spells them.

    Args:
        settings: of the server; what is None is left to Ollama.
        image: the setting `pod.image`.
        shared_reader: the replica reads a volume that another pod writes, so it must not tidy up at its start what it
            takes for left over. Any other replica does: else each layer that a newer model replaced would stay until
            the disk is full.
    """
    version = version_of(image)
    values = dict(FIXED)
    if shared_reader:
        values[NO_PRUNE] = "1"
    for field, info in OllamaSettings.model_fields.items():
        variable = VARIABLES[info.alias or field]
        value: object = getattr(settings, field)
        # The checks refuse what is set and not known; this is about defaults.
        if value not in (None, ()) and known(variable, version):
            values[variable.name] = _written(variable, value)
    return [{"name": name, "value": value} for name, value in values.items()]


def _written(variable: Variable, value: object) -> str:
    match variable.kind, value:
        case "truth", bool():
            return "1" if value else "0"
        case "bytes", str():
            return str(ceil(parse_bytes(value)))
        case "list", tuple():
            return ",".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType]
        case "number" | "text", int() | str():
            return str(value)
        case _:
            raise TypeError(f"{variable.name} cannot be {value!r}; its settings were never checked")
