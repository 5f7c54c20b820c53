"""The closed vocabularies of a memory."""

from __future__ import annotations

from enum import StrEnum


class MemoryKind(StrEnum):
    """The four kinds of long-term memory."""

    EPISODIC = "episodic"
    """What happened, with its time."""
    SEMANTIC = "semantic"
    """What is known, without its occasion."""
    PROCEDURAL = "procedural"
    """How something is done."""
    AUTOBIOGRAPHICAL = "autobiographical"
    """What belongs to the self's own story."""


class Tier(StrEnum):
    """How far a memory has come on its way to permanence."""

    WORKING = "working"
    SHORT_TERM = "short_term"
    LONG_TERM = "long_term"


class MemoryState(StrEnum):
    """What can be found, and why something cannot."""

    LIVE = "live"
    FORGOTTEN = "forgotten"
    """Can be restored until it is purged."""
    MERGED = "merged"
    """A near-duplicate whose place another memory took; kept as that one's history."""


class AssociationKind(StrEnum):
    """What an edge between two memories means, read from its source to its target."""

    IS_A = "is_a"
    PART_OF = "part_of"
    CAUSES = "causes"
    ENABLES = "enables"
    CONTRADICTS = "contradicts"
    SIMILAR_TO = "similar_to"
    LEADS_TO = "leads_to"
    REQUIRES = "requires"
    FOLLOWS = "follows"


class PatternKind(StrEnum):
    """What a pattern is a regularity of."""

    LINGUISTIC = "linguistic"
    BEHAVIORAL = "behavioral"
    CONTEXTUAL = "contextual"
    SEMANTIC = "semantic"
    TEMPORAL = "temporal"


class PatternTier(StrEnum):
    """How established a pattern is."""

    SHORT_TERM = "short_term"
    MEDIUM_TERM = "medium_term"
    LONG_TERM = "long_term"
    ARCHETYPAL = "archetypal"


class Direction(StrEnum):
    """Which edges a walk follows."""

    OUT = "out"
    IN = "in"
    BOTH = "both"


class Arm(StrEnum):
    """One way in which a memory can be found."""

    VECTOR = "vector"
    TEXT = "text"
    GRAPH = "graph"


class ForgettingAction(StrEnum):
    """What the forgetting log tells of."""

    FORGOTTEN = "forgotten"
    RESTORED = "restored"
    PURGED = "purged"
    MERGED = "merged"
    SUPERSEDED = "superseded"
