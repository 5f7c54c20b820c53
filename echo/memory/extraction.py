"""The regularities that show in one experience, found without a model."""

from __future__ import annotations

import re
from collections import Counter

from echo.memory.kinds import PatternKind
from echo.memory.records import Experience, Observation

UNSAID = 0.3
"""Feedback that an experience counts with where nobody said how it went."""
_DAYPARTS = ("night", "morning", "afternoon", "evening")
_LONG_WORD = 6
_TOPICS = 3
_SHORT_VALUE = 64
_LENGTHS = ((200, "short"), (1000, "middling"))
_WORD = re.compile(r"[^\W\d_]+")


def observations_of(experience: Experience) -> list[Observation]:
    """One observation for each regularity; the same experience always gives the same ones.

    linguistic: the word it opens with, and whether it asks; temporal: the part of the day (UTC); contextual: each
    short value of its context; semantic: its most frequent long words; behavioral: how long the answer was.
    """
    words = [word.lower() for word in _WORD.findall(experience.input)]
    found: list[tuple[PatternKind, str]] = []
    if words:
        found.append((PatternKind.LINGUISTIC, f"opens with: {words[0][:_SHORT_VALUE]}"))
    form = "question" if experience.input.rstrip().endswith("?") else "statement"
    found.append((PatternKind.LINGUISTIC, f"form: {form}"))
    found.append((PatternKind.TEMPORAL, f"part of day: {_DAYPARTS[experience.occurred_at.hour // 6]}"))
    for key, value in sorted(experience.context.items()):
        if isinstance(value, str | bool) and key and len(f"{key}={value}") <= _SHORT_VALUE:
            found.append((PatternKind.CONTEXTUAL, f"{key}={value}"))
    counted = Counter(word for word in words if _LONG_WORD <= len(word) <= _SHORT_VALUE)
    topics = sorted(counted, key=lambda word: (-counted[word], word))[:_TOPICS]
    found += [(PatternKind.SEMANTIC, f"topic: {word}") for word in topics]
    if experience.output:
        length = next((name for most, name in _LENGTHS if len(experience.output) <= most), "long")
        found.append((PatternKind.BEHAVIORAL, f"answer: {length}"))
    feedback = experience.feedback if experience.feedback is not None else UNSAID
    return [
        Observation(kind=kind, signature=signature, feedback=feedback, source_ids=experience.memory_ids)
        for kind, signature in dict.fromkeys(found)
    ]
