"""What is wanted of a server, what is there, and what happens in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Action = Literal["present", "pulled", "copied"]
Phase = Literal["waiting", "manifest", "downloading", "verifying", "writing", "copying", "retrying", "ready"]


@dataclass(frozen=True)
class WantedModel:
    """One model that a server shall have.

    Attributes:
        name: the name that clients use.
        source: full reference that the server pulls; equal to `name`, or at the model store.
        digest: SHA-256 of the model's manifest, `sha256:<hex>`; None takes what the source has, once.
        insecure: the source speaks plain HTTP.
        keep_source: leave the source's own name on the server after the copy to `name`, because somebody
            else wants it there.
    """

    name: str
    source: str
    digest: str | None = None
    insecure: bool = False
    keep_source: bool = False


@dataclass(frozen=True)
class ModelState:
    """A model that a server has and can read.

    Attributes:
        name: the name as it was asked for.
        digest: `sha256:<hex>` of the manifest on the server.
        size_bytes: bytes of all its blobs, by the manifest.
        action: "present" when nothing had to be done, "pulled" under its own name, "copied" from the
            source that was pulled.
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
        completed: bytes on the replica's disk, over the blobs seen so far; it can fall.
        total: bytes of the blobs seen so far. Ollama names a blob when it comes to it, the largest
            usually first, so this grows a little.
        detail: why, for "waiting" and "retrying".
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
