"""Words in common: stems without a language model, and how much of one text another takes up."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+")
_SHORT = 2
_ENDINGS = ("ings", "ing", "edly", "ed", "es", "s", "ly")
_ROOT = 3
_WORDS = (
    "a about all also am an and any are as at be been but by can could did do does for from get go had has have he "
    "her him his how i if in into is it its just know let like make me more my no not now of on one or our out over "
    "say see she should so some tell than that the their them then there these they this those to up us was we were "
    "what when where which who why will with would you your"
)
_COMMON = frozenset(_WORDS.split())


def stems(text: str) -> frozenset[str]:
    """The words that carry a text's matter, without their endings."""
    return frozenset(_stem(word) for word in _WORD.findall(text.lower()) if len(word) > _SHORT and word not in _COMMON)


def taken_up(part: frozenset[str], whole: frozenset[str]) -> float:
    """How much of the words of one are among those of the other, 0 to 1; 0 for no words."""
    return len(part & whole) / len(part) if part else 0.0


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared words over those of the smaller text (Szymkiewicz and Simpson), 0 to 1; 0 where one is empty."""
    least = min(len(one), len(other))
    return len(one & other) / least if least else 0.0


def alike(one: str, other: str) -> float:
    """How alike two words are written: Dice's coefficient over their letter triples, 0 to 1."""
    first, second = _triples(one), _triples(other)
    total = len(first) + len(second)
    return 2 * len(first & second) / total if total else 1.0


def _triples(word: str) -> frozenset[str]:
    padded = f"  {word.lower()} "
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2)) if word else frozenset()


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        root = word.removesuffix(ending)
        if root != word and len(root) >= _ROOT:
            return _bare(root)
    return _bare(word)


def _bare(word: str) -> str:
    """Without a last "e", which endings take the place of: "bake" and "baking"."""
    return word[:-1] if word.endswith("e") and len(word) > _ROOT else word
