"""The numbers that retrieval, fading and consolidation use; docs/memory.md says where each comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

from echo.memory.kinds import AssociationKind, Tier


@dataclass(frozen=True, kw_only=True)
class RetrievalWeights:
    """How what the arms found becomes one order."""

    rrf_k: int = 60
    """Of reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009)."""
    vector: float = 0.25
    text: float = 1.0
    graph: float = 0.25
    candidates: int = 60
    """How many each arm brings, at least; four times the limit where that is more."""
    importance: float = 0.0
    recency: float = 0.0
    strength: float = 0.0
    """Bounds of the factors: a factor goes from 1 - bound to 1 + bound; 0 turns it off."""
    source: float = 0.2
    """What a memory gains whose source is named in the query, such as the speaker who is asked about."""
    recency_days: float = 30.0
    """Age at which recency has come down to 1/e."""
    seeds: int = 10
    """Hits that activation spreads from."""
    hops: int = 2
    decay: float = 0.8
    """What activation keeps at each hop."""
    fan_out: int = 20
    """Edges followed from one memory: the heaviest."""
    exact_below: int = 10_000
    """A space with no more live memories than this is searched one by one, whether or not it has an index."""
    text_budget: int = 5_000
    """Postings that one query reads: the rarest words first."""


@dataclass(frozen=True, kw_only=True)
class FadingWeights:
    """How memories fade: ``strength x exp(-idle days / stability)``."""

    stability_days: dict[Tier, float] = field(
        default_factory=lambda: {Tier.WORKING: 1.0, Tier.SHORT_TERM: 10.0, Tier.LONG_TERM: 1000.0}
    )
    access_gain: float = 0.3
    """Of what is missing to full strength, that much comes back with each access."""
    threshold: float = 0.1
    """Forgotten below this."""
    grace_days: float = 1.0
    """Never forgotten within this time after the last access."""
    protected_importance: float = 0.8
    """From here on a memory is kept however weak it is."""


ACTIVATION: dict[AssociationKind, float] = {
    AssociationKind.IS_A: 1.0,
    AssociationKind.PART_OF: 1.0,
    AssociationKind.CAUSES: 1.0,
    AssociationKind.ENABLES: 0.9,
    AssociationKind.LEADS_TO: 0.9,
    AssociationKind.REQUIRES: 0.9,
    AssociationKind.SIMILAR_TO: 0.8,
    AssociationKind.FOLLOWS: 0.8,
    # What contradicts a hit is shown by a walk, not brought up as if it supported it.
    AssociationKind.CONTRADICTS: 0.0,
}
"""How well activation passes an edge, by its kind."""
