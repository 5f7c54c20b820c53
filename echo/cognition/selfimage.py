"""The self-image in four layers: claims with how sure they are and the memories that they rest on, none made up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from echo.cognition.condition import Condition
from echo.cognition.emotion import described, octant
from echo.memory import Memory, MemoryKind, Pattern, PatternKind, PatternTier
from echo.mind import Claim, Emotion, SelfLayer

LAYERS = ("identity", "functional", "contextual", "dynamic")
_MOST = 20
"""Claims of one layer."""
_EVIDENCE = 8
_GOOD, _POOR = 0.6, 0.4
"""Confidence of a topic from which it is an expertise, and up to which it is a limitation."""
_SEEN = 3
"""Sightings that either takes."""
_TOPIC, _ANSWER, _SELF = "topic: ", "answer: ", "self: "
_ESTABLISHED = (PatternTier.MEDIUM_TERM, PatternTier.LONG_TERM, PatternTier.ARCHETYPAL)
_KINDS = {"value": "I hold as a value", "belief": "I believe"}


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a self-image is made from."""

    told: Sequence[Memory] = ()
    """Autobiographical and procedural memories."""
    lived: Sequence[Memory] = ()
    """The latest episodes."""
    patterns: Sequence[Pattern] = ()
    condition: Condition


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A claim with a name that stays the same while its words may change."""

    key: str
    claim: Claim


def self_image(material: Material) -> list[SelfLayer]:
    """The four layers, the surest claims of each first."""
    return [SelfLayer(name=name, claims=tuple(one.claim for one in _layer(name, material))) for name in LAYERS]


def outline(material: Material) -> dict[str, float]:
    """Every claim's key with its confidence: what the self is compared by, and all of it that is stored."""
    return {f"{name}/{one.key}": one.claim.confidence for name in LAYERS for one in _layer(name, material)}


def certainty(positive: float, total: float) -> float:
    """How sure a claim is: Laplace's rule of succession, ``(positive + 1) / (total + 2)``, between 0 and 1."""
    return (positive + 1) / (total + 2)


def _layer(name: str, material: Material) -> list[_Found]:
    makers = {"identity": _identity, "functional": _functional, "contextual": _contextual, "dynamic": _dynamic}
    found = makers[name](material)
    return sorted(found, key=lambda one: (-one.claim.confidence, one.key))[:_MOST]


def _identity(material: Material) -> list[_Found]:
    """Core self, values, beliefs: what autobiographical memories say, and what answers keep saying of themselves."""
    found = [
        _Found(key=f"memory:{one.id}", claim=_of_memory(one, _opening(one)))
        for one in material.told
        if one.kind is MemoryKind.AUTOBIOGRAPHICAL
    ]
    for one in material.patterns:
        verb, _, rest = one.signature.removeprefix(_SELF).partition(" ")
        if one.signature.startswith(_SELF) and one.frequency >= _SEEN and verb in {"am", "value", "believe"}:
            found.append(_of_pattern(one, f"I {verb} {rest}, as my answers have said"))
    return found


def _functional(material: Material) -> list[_Found]:
    """Capabilities, limitations, expertise."""
    found = [
        _Found(key=f"memory:{one.id}", claim=_of_memory(one, "I know how: "))
        for one in material.told
        if one.kind is MemoryKind.PROCEDURAL
    ]
    for one in material.patterns:
        if one.frequency < _SEEN:
            continue
        if one.signature.startswith(_TOPIC):
            topic = one.signature.removeprefix(_TOPIC)
            if one.confidence >= _GOOD:
                found.append(_of_pattern(one, f"I am at home with: {topic}"))
            elif one.confidence <= _POOR:
                found.append(_of_pattern(one, f"I was seldom of help with: {topic}", sure=1 - one.confidence))
        elif one.signature.startswith(_SELF):
            verb, _, rest = one.signature.removeprefix(_SELF).partition(" ")
            if verb in {"can", "cannot", "cant"}:
                found.append(_of_pattern(one, f"I {'can' if verb == 'can' else 'cannot'} {rest}, as I have said"))
    return found


def _contextual(material: Material) -> list[_Found]:
    """Role, situation, relations."""
    by_source: Mapping[str, list[Memory]] = defaultdict(list)
    for one in material.lived:
        if one.source and "reply" not in one.tags:
            by_source[one.source].append(one)
    found: list[_Found] = []
    for source, memories in by_source.items():
        count = len(memories)
        mean = Emotion(
            valence=sum(one.valence for one in memories) / count,
            arousal=sum(one.arousal for one in memories) / count,
            dominance=sum(one.dominance for one in memories) / count,
            complexity=sum(one.complexity for one in memories) / count,
        )
        claim = Claim(
            text=f"I talk with {source}: {count} of the latest turns, on the whole {described(mean)}",
            confidence=certainty(count, count),
            evidence=_ids(one.id for one in memories),
        )
        found.append(_Found(key=f"relation:{source}", claim=claim))
    found += [
        _of_pattern(one, f"Usual here: {one.signature}")
        for one in material.patterns
        if one.kind in {PatternKind.CONTEXTUAL, PatternKind.TEMPORAL} and one.tier in _ESTABLISHED
    ]
    return found


def _dynamic(material: Material) -> list[_Found]:
    """Learning, growth, adaptation: measured numbers in words."""
    condition = material.condition
    count = condition.experiences
    found: list[_Found] = []
    if condition.rate is not None:
        pace = "much" if condition.rate >= _GOOD else "little" if condition.rate <= _POOR else "some"
        text = f"{pace} of what I meet is new to me (rate of learning {condition.rate:.2f} after {count} turns)"
        found.append(_claim("rate", text, certainty(count, count)))
    grown = sum(1 for one in material.patterns if one.tier in _ESTABLISHED)
    if material.patterns:
        text = f"{grown} of {len(material.patterns)} patterns that I know are established"
        found.append(_claim("growth", text, certainty(grown, len(material.patterns))))
    if condition.felt:
        text = f"my mood is {described(condition.feeling.mood)} ({octant(condition.feeling.mood)})"
        found.append(_claim("mood", text, certainty(count, count)))
    if condition.resonance is not None:
        text = f"what I meet is answered by memory with {condition.resonance:.2f}"
        found.append(_claim("resonance", text, certainty(count, count)))
    answers = [one for one in material.patterns if one.signature.startswith(_ANSWER)]
    found += [_of_pattern(one, f"I answer: {one.signature.removeprefix(_ANSWER)}") for one in answers]
    return found


def _opening(memory: Memory) -> str:
    return next((f"{opening}: " for tag, opening in _KINDS.items() if tag in memory.tags), "")


def _claim(key: str, text: str, confidence: float) -> _Found:
    return _Found(key=key, claim=Claim(text=text, confidence=confidence))


def _of_memory(memory: Memory, opening: str) -> Claim:
    sources = max(1, len(memory.source_ids))
    confidence = certainty(sources * memory.strength, sources)
    return Claim(text=opening + memory.content, confidence=confidence, evidence=(memory.id,))


def _of_pattern(pattern: Pattern, text: str, *, sure: float | None = None) -> _Found:
    confidence = sure if sure is not None else pattern.confidence
    return _Found(
        key=f"pattern:{pattern.id}", claim=Claim(text=text, confidence=confidence, evidence=_ids(pattern.source_ids))
    )


def _ids(ids: Iterable[UUID]) -> tuple[UUID, ...]:
    return tuple(ids)[:_EVIDENCE]
