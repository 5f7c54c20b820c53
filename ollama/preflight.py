"""Ask a server what it is before asking it for models."""

from __future__ import annotations

import re

from ollama.client import OllamaClient
from ollama.errors import ConfigurationError
from ollama.policy import PullPolicy, retry
from ollama.state import OnEvent, PullEvent, ignore

# Older ones answer a registry's challenge for a token at any host that it names.
MINIMUM_VERSION = (0, 14, 3)
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


async def preflight(client: OllamaClient, policy: PullPolicy | None = None, on_event: OnEvent = ignore) -> str:
    """Wait until the server answers, and return its version.

    Raises:
        TransientError: it did not answer within the policy's attempts.
        ConfigurationError: it is older than `MINIMUM_VERSION`.
    """
    limits = policy if policy is not None else PullPolicy()

    def told(message: str) -> None:
        on_event(PullEvent(client.label, "", "waiting", detail=message))

    version = await retry(limits, client.version, told)
    match = _VERSION.match(version)
    # A build without a version says 0.0.0.
    if match is not None and (0, 0, 0) < tuple(map(int, match.groups())) < MINIMUM_VERSION:
        least = ".".join(map(str, MINIMUM_VERSION))
        message = f"Ollama {version} is too old: it would send its key's signature wherever a registry says"
        raise ConfigurationError(client.label, None, message, f"run Ollama {least} or newer")
    return version
