"""What is wanted of a server, what is there, and what happens in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ollama.document import Recipe, WantedEntry

Action = Literal["present", "pulled", "copied", "created"]
Phase = Literal[
    "waiting",
    "manifest",
    "downloading",
    "verifying",
    "writing",
    "hashing",
    "uploading",
    "creating",
    "quantizing",
    "copying",
    "loading",
    "retrying",
    "ready",
    "removed",
]
"""`hashing` and `uploading` are of local files, `creating` and `quantizing` the server's work on a recipe."""


@dataclass(frozen=True)
class WantedModel:
    """One model that a server shall have.

    Attributes:
        name: the name that clients use.
        source: full reference that the server pulls; equal to `name`, or at the model store. None where
            `create` is given.
        digest: SHA-256 of the model's manifest, `sha256:<hex>`; None takes what the source has, once.
        insecure: the source speaks plain HTTP.
        keep_source: leave the source's own name on the server after the copy to `name`, because somebody
            else wants it there.
        create: how the model is made; None where `source` is given.
        aliases: further names, each to hold the same manifest.
        preload: `preload` loads it into memory.
        keep_alive: how long it stays there after its last use, such as `24h` or `-1`; None is the server's own.
        retain: `remove_unwanted` leaves it on the server.
    """

    name: str
    source: str | None = None
    digest: str | None = None
    insecure: bool = False
    keep_source: bool = False
    create: Recipe | None = None
    aliases: tuple[str, ...] = ()
    preload: bool = False
    keep_alive: str | None = None
    retain: bool = False


def wanted_of(entry: WantedEntry) -> WantedModel:
    """Return the wish that an entry of a wanted list means. What is wrong with it, `check_wanted` says."""
    return WantedModel(
        name=entry.name,
        source=entry.pull.source if entry.pull is not None else None,
        digest=entry.digest,
        insecure=entry.pull.insecure if entry.pull is not None else False,
        create=entry.create,
        aliases=entry.aliases,
        preload=entry.preload,
        keep_alive=entry.keep_alive,
        retain=entry.retain,
    )


@dataclass(frozen=True)
class ModelState:
    """A model that a server has and can read.

    Attributes:
        name: the name as it was asked for.
        digest: `sha256:<hex>` of the manifest on the server.
        size_bytes: bytes of all its blobs, by the manifest.
        action: "present" when nothing had to be done, "pulled" under its own name, "copied" from the
            source that was pulled, "created" from its recipe.
    """

    name: str
    digest: str
    size_bytes: int
    action: Action = "present"


@dataclass(frozen=True)
class PullEvent:
    """A step forward, for a progress display.

    Attributes:
        replica: label of the server.
        model: wanted name.
        phase: what is being done.
        completed: bytes on the replica's disk, over the blobs seen so far; it can fall. Of a local file that
            is hashed or sent, and of weights that are quantized: the bytes done.
        total: bytes of the blobs seen so far. Ollama names a blob when it comes to it, the largest
            usually first, so this grows a little.
        detail: why, for "waiting" and "retrying"; the server's words for "creating"; the alias for "copying".
    """

    replica: str
    model: str
    phase: Phase
    completed: int = 0
    total: int = 0
    detail: str = ""


OnEvent = Callable[[PullEvent], None]


def ignore(event: PullEvent) -> None:
    """Take an event and do nothing."""
    del event
