"""Checks of Ollama's own settings."""

import re
from collections.abc import Iterator

from components.ollama_environment import NUMBERS, VARIABLES, Version, known, version_of
from components.quantity import parse_bytes
from components.settings.faults import Fault, listed
from components.settings.grammar import duration_faults, number_faults, quantity_faults
from components.settings.raw import Raw, ServerCheck, mapping, texts

ORIGIN_SCHEMES = (
    *("http://", "https://"),
    *("chrome-extension://", "safari-extension://", "moz-extension://", "ms-browser-extension://"),
)
"""What gin-contrib/cors 1.7.2, which Ollama 0.17.4 is built with, takes at the beginning of an origin."""


def _values(path: str, server: Raw) -> Iterator[Fault]:
    ollama = mapping(server.get("ollama"))
    here = f"{path}.ollama"
    for key, low in NUMBERS.items():
        yield from number_faults(f"{here}.{key}", ollama.get(key), low, 2**31 - 1)
    for key in ("keepAlive", "loadTimeout"):
        yield from duration_faults(f"{here}.{key}", ollama.get(key))
    yield from quantity_faults(f"{here}.gpuOverhead", ollama.get("gpuOverhead"), parse_bytes)
    if ollama.get("kvCacheType") in ("q8_0", "q4_0") and ollama.get("flashAttention") is not True:
        yield Fault(
            f"{here}.kvCacheType",
            f"`{ollama['kvCacheType']}` needs flash attention, without which Ollama stays at f16. "
            "Set `flashAttention: true`, or leave `kvCacheType` out",
        )


def _origins(path: str, server: Raw) -> Iterator[Fault]:
    """Ollama ends at its start, again and again, where an origin has another form."""
    for place, origin in texts(mapping(server.get("ollama")).get("origins"), f"{path}.ollama.origins"):
        several = origin.count("*") > 1
        strange = "*" not in origin and not origin.startswith(ORIGIN_SCHEMES)
        if several or strange or not origin or re.search(r"[\s,\"']", origin):
            yield Fault(
                place,
                f"`{origin}` is no legal origin: must be such as https://chat.example.com, beginning with "
                f"{listed(ORIGIN_SCHEMES)}, or have one `*`, and hold no comma, quote or space",
            )


def _version(path: str, server: Raw) -> Iterator[Fault]:
    image = mapping(server.get("pod")).get("image")
    version = version_of(image if isinstance(image, str) else None)
    for key, value in mapping(server.get("ollama")).items():
        variable = VARIABLES.get(key)
        if variable is not None and value is not None and not known(variable, version):
            since, until = _dotted(variable.since), variable.until
            legal = f"{since} or newer" if until is None else f"{since} or newer, and older than {_dotted(until)}"
            yield Fault(
                f"{path}.ollama.{key}",
                f"needs Ollama {legal} ({variable.name}), but the server runs {_dotted(version)}. Leave it out, or "
                "change `pod.image`",
            )


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))


SERVER_CHECKS: tuple[ServerCheck, ...] = (_values, _origins, _version)
