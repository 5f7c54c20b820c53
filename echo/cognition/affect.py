"""What feeling a text shows: by a lexicon, without a model, the same every time."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from echo.cognition import lexicon
from echo.cognition.emotion import OCTANTS, Reading, clamped, octant
from echo.mind import Emotion

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_MOST = 4_000
"""Characters that are read: the last ones, since what came last is felt."""
_ENDINGS = ("s", "ed", "d", "ing", "ly", "er", "est", "ful", "ness")
_BEFORE = 3
"""Words that a negation or an intensifier reaches."""
_DENIED = -0.74
"""What a negation makes of pleasure and dominance (Hutto and Gilbert, 2014)."""
_LOUD = 0.073
"""Of what is missing to full arousal, that much each intensifier or exclamation mark adds: 0.293 on the scale of 4 of
Hutto and Gilbert (2014)."""
_LOUDEST = 4
_PRIOR = 2.0
"""Words of no feeling that a reading is weighed against: one word is no certainty."""
_KINDS_OF_FEELING = math.log(len(OCTANTS))


class AffectReader(Protocol):
    """Reads feelings; a model can take the lexicon's place."""

    async def read(self, text: str) -> Reading:
        """Return what feeling a text shows; confidence 0 where it shows none."""
        ...


@dataclass(frozen=True)
class LexiconReader:
    """Reads feelings by words. English."""

    async def read(self, text: str) -> Reading:
        """Return what feeling a text shows."""
        return reading(text)


def reading(text: str) -> Reading:
    """What feeling a text shows.

    Pleasure, arousal and dominance are the means over its words that carry a feeling; one of the three words before
    that denies it turns pleasure and dominance round, one that strengthens adds arousal, as exclamation marks do.
    Complexity is the entropy of these words over the eight octants, 0 for one kind of feeling and 1 for all eight
    evenly. Confidence is ``n / (n + 2)`` for n such words.
    """
    tail = text[-_MOST:]
    words = [word.lower() for word in _WORD.findall(tail.replace("\u2019", "'"))]
    felt = [one for i, word in enumerate(words) if (one := _felt(word, words[max(0, i - _BEFORE) : i])) is not None]
    if not felt:
        return Reading()
    count = len(felt)
    shouted = _louder(sum(one.arousal for one in felt) / count, min(_LOUDEST, tail.count("!")))
    emotion = Emotion(
        valence=sum(one.valence for one in felt) / count,
        arousal=shouted,
        dominance=sum(one.dominance for one in felt) / count,
        complexity=variety(felt),
    )
    return Reading(emotion=clamped(emotion), confidence=count / (count + _PRIOR))


def variety(felt: list[Emotion]) -> float:
    """How many kinds of feeling are there at once, 0 to 1: their entropy over the octants, by the most there can be."""
    counted = Counter(octant(one) for one in felt)
    total = counted.total()
    shares = [number / total for number in counted.values()]
    return min(1.0, max(0.0, -sum(share * math.log(share) for share in shares) / _KINDS_OF_FEELING))


def _felt(word: str, before: list[str]) -> Emotion | None:
    found = _known(word)
    if found is None:
        return None
    pleasure, arousal, dominance = found
    if sum(one in lexicon.NEGATIONS or one.endswith("n't") for one in before) % 2:
        pleasure, dominance = pleasure * _DENIED, dominance * _DENIED
    arousal = _louder(arousal, sum(one in lexicon.BOOSTERS for one in before))
    return Emotion(valence=pleasure, arousal=arousal, dominance=dominance)


def _known(word: str) -> tuple[float, float, float] | None:
    if word in lexicon.WORDS:
        return lexicon.WORDS[word]
    for ending in _ENDINGS:
        base = word.removesuffix(ending)
        if base != word:
            for stem in (base, base + "e", base.removesuffix("i") + "y"):
                if stem in lexicon.WORDS:
                    return lexicon.WORDS[stem]
    return None


def _louder(arousal: float, times: int) -> float:
    return 1 - (1 - arousal) * (1 - _LOUD) ** times
