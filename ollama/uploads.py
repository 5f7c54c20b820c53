"""Send local files to a server, each once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ollama.errors import ConfigurationError, OllamaError, SystemFault
from ollama.files import FileStamp, WeightFiles, find_weights, pieces, stamp
from ollama.policy import retry
from ollama.steps import Steps
from ollama.weights import Kind, WeightsError


@dataclass(frozen=True)
class Stamped:
    """Files that make a model or an adapter, with their digests.

    Attributes:
        digests: by the name that the server is given.
        stamps: of each file.
        form: what they are.
    """

    digests: dict[str, str]
    stamps: tuple[FileStamp, ...]
    form: str

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(one.size for one in self.stamps)


async def stamp_weights(steps: Steps, place: str, kind: Kind, known: Sequence[FileStamp]) -> Stamped:
    """Return what is at a path, hashed where `known` does not tell.

    Raises:
        ConfigurationError: nothing that can be made into a model is there.
        SystemFault: it cannot be read.
    """
    try:
        found: WeightFiles = await asyncio.to_thread(find_weights, Path(place), kind)
        done, total = 0, found.size

        def on_bytes(count: int) -> None:
            nonlocal done
            done += count
            steps.tell("hashing", done, total)

        stamps = {name: await stamp(path, known, on_bytes) for name, path in found.files.items()}
    except WeightsError as error:
        hint = "give a GGUF file, or a folder with one or with Safetensors files, as the replica's agent sees it"
        raise ConfigurationError(steps.label, steps.model, f"create: {error}", hint) from error
    except OSError as error:
        message = f"create: `{error.filename or place}` cannot be read: {error.strerror}"
        raise SystemFault(steps.label, steps.model, message, "see the volume, and the file's owner and mode") from error
    digests = {name: one.sha256 for name, one in stamps.items()}
    return Stamped(digests, tuple(stamps.values()), found.form)


async def upload(steps: Steps, files: Sequence[FileStamp]) -> None:
    """Send what the server does not have.

    Raises:
        TransientError: the connection broke as often as the policy allows, or a file changed meanwhile.
        OllamaError: the server refuses it.
    """
    total = sum(one.size for one in files)
    before = 0

    def told(message: str) -> None:
        steps.tell("retrying", before, total, message)

    for one in files:
        await retry(steps.policy, lambda one=one, before=before: _send(steps, one, before, total), told)
        before += one.size


async def _send(steps: Steps, one: FileStamp, before: int, total: int) -> None:
    if await steps.client.has_blob(one.sha256):
        return

    async def content() -> AsyncGenerator[bytes]:
        sent = 0
        async for piece in pieces(Path(one.path)):
            yield piece
            sent += len(piece)
            steps.tell("uploading", before + sent, total)

    try:
        await steps.client.upload_blob(one.sha256, content(), one.size, answer_s=steps.policy.verify_s(one.size))
    except OSError as error:
        message = f"create: `{one.path}` cannot be read: {error.strerror}"
        raise SystemFault(steps.label, steps.model, message, "see the volume, and the file's owner and mode") from error
    except OllamaError as error:
        message = f"cannot send `{one.path}`: {error.message}"
        if "digest mismatch" in error.message or "Content-Length" in error.message:
            # Trying again right away would send the same wrong bytes: the next run hashes the file anew.
            hint = "nothing if a copy into the volume was under way; else see what writes to the file"
            raise SystemFault(steps.label, steps.model, f"{message}; the file changes", hint) from error
        raise type(error)(steps.label, steps.model, message, error.hint) from error
