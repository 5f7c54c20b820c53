"""How much one call may bring or ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on inputs; what is above one is refused, never cut."""

    content_bytes: int = 65_536
    """UTF-8 bytes of one memory's content, or of its context."""
    batch: int = 1_000
    """Memories, associations or ids in one call."""
    tags: int = 64
    """Tags of one memory."""
    tag_characters: int = 128
    """Characters of a tag, a source, a session, an idempotency key or a source id."""
    source_ids: int = 256
    """Source ids of one memory."""
    metadata_bytes: int = 16_384
    """JSON bytes of one memory's metadata or provenance."""
    state_bytes: int = 1_048_576
    """JSON bytes of one cognitive state or identity snapshot."""
    query_bytes: int = 16_384
    """UTF-8 bytes of a query's text."""
    results: int = 200
    """Hits of one retrieval."""
    walk_depth: int = 6
    """Hops of one walk."""
    walk_steps: int = 1_000
    """Memories that one walk returns."""
