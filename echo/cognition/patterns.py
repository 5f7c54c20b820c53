"""Pattern analysis: which regularities one experience shows, and which known pattern each of them is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from echo.cognition.affect import reading
from echo.cognition.emotion import octant
from echo.cognition.wording import alike
from echo.memory import Experience, Observation, Pattern, PatternKind
from echo.memory.extraction import UNSAID, observations_of

ALIKE = 0.75
"""Letter triples in common from which two topics are one: "kettle" and "kettles" have 0.8."""
_TOPIC = "topic: "
_SURE = 0.5
"""Confidence of a reading from which its feeling counts as a pattern: two words that agree."""
_SELF = re.compile(r"(?:^|[.!?\n]\s*)I (can|cannot|can't|believe|value|am) ([^.!?\n]{3,60})")
_SELF_MOST = 3


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What one experience shows."""

    observations: tuple[Observation, ...]
    """One for each regularity, under the name of the known pattern where there is one."""
    strengths: tuple[float, ...]
    """Of the known pattern of each, 0 where it is new."""
    created: int
    """How many are new."""


class Matcher:
    """Finds the known pattern that a regularity is."""

    def __init__(self, known: Sequence[Pattern]) -> None:
        self._known: Mapping[tuple[PatternKind, str], Pattern] = {(one.kind, one.signature): one for one in known}
        self._topics = [one for one in known if one.kind is PatternKind.SEMANTIC and one.signature.startswith(_TOPIC)]

    def match(self, kind: PatternKind, signature: str) -> Pattern | None:
        """The known pattern of that name; for a topic, also one whose word is written nearly the same."""
        found = self._known.get((kind, signature))
        if found is not None or kind is not PatternKind.SEMANTIC or not signature.startswith(_TOPIC):
            return found
        word = signature.removeprefix(_TOPIC)
        near = [(alike(word, one.signature.removeprefix(_TOPIC)), one) for one in self._topics]
        best = max(near, key=lambda one: (one[0], one[1].strength, one[1].signature), default=None)
        return best[1] if best is not None and best[0] >= ALIKE else None


def analyse(experience: Experience, matcher: Matcher) -> Analysis:
    """Take an experience apart; the same one among the same patterns always gives the same.

    Beside what the memory's library finds (opening and form, part of the day, context, topics, length of the answer)
    these count: the feeling of the input, by the octant it lies in, and what the answer says of itself.
    """
    found = [*observations_of(experience), *_feeling(experience), *_self(experience)]
    merged: dict[tuple[PatternKind, str], tuple[Observation, float]] = {}
    for one in found:
        pattern = matcher.match(one.kind, one.signature)
        named = one if pattern is None else replace(one, signature=pattern.signature)
        merged.setdefault((named.kind, named.signature), (named, 0.0 if pattern is None else pattern.strength))
    return Analysis(
        observations=tuple(one for one, _ in merged.values()),
        strengths=tuple(strength for _, strength in merged.values()),
        created=sum(1 for one, _ in merged.values() if matcher.match(one.kind, one.signature) is None),
    )


def _feeling(experience: Experience) -> list[Observation]:
    read = reading(experience.input)
    if read.confidence < _SURE:
        return []
    return [_observation(experience, PatternKind.CONTEXTUAL, f"feeling: {octant(read.emotion)}")]


def _self(experience: Experience) -> list[Observation]:
    said = _SELF.findall(experience.output.replace("\u2019", "'"))[:_SELF_MOST]
    names = dict.fromkeys(f"self: {verb.replace(chr(39), '')} {' '.join(rest.lower().split())}" for verb, rest in said)
    return [_observation(experience, PatternKind.BEHAVIORAL, name.strip()) for name in names]


def _observation(experience: Experience, kind: PatternKind, signature: str) -> Observation:
    feedback = experience.feedback if experience.feedback is not None else UNSAID
    return Observation(kind=kind, signature=signature, feedback=feedback, source_ids=experience.memory_ids)
