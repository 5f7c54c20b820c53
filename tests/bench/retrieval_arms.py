"""What our retrieval is compared with: BM25 alone, vectors alone, and the scheme of mem0 on the same vectors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_K1, _B = 1.2, 0.75

Vectors = NDArray[np.float32]
Stems = Mapping[str, int]
"""A text's stems with how often each stands in it."""


class BM25:
    """Okapi BM25 with k1 1.2 and b 0.75, every document scored."""

    def __init__(self, documents: Sequence[Stems]) -> None:
        self._documents = documents
        self._lengths = [sum(document.values()) for document in documents]
        self._mean = sum(self._lengths) / max(1, len(documents))
        self._holders = Counter(stem for document in documents for stem in document)

    def scores(self, question: Stems) -> list[float]:
        """One score for each document."""
        total = len(self._documents)
        idf = {s: math.log(1 + (total - self._holders[s] + 0.5) / (self._holders[s] + 0.5)) for s in question}
        return [
            sum(
                idf[s] * document[s] * (_K1 + 1) / (document[s] + _K1 * (1 - _B + _B * length / self._mean))
                for s in question
                if s in document
            )
            for document, length in zip(self._documents, self._lengths, strict=True)
        ]


def best(scores: Sequence[float], count: int, *, above: float = -math.inf) -> list[int]:
    """Places of the highest scores; ties by place."""
    kept = [i for i, score in enumerate(scores) if score > above]
    return sorted(kept, key=lambda i: (-scores[i], i))[:count]


def cosines(vectors: Vectors, question: Vectors) -> list[float]:
    """Cosine of the question with each vector."""
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(question)
    found: list[float] = (vectors @ question / lengths).tolist()
    return found


def additive(cosine: Sequence[float], words: Sequence[float], asked: int, count: int) -> list[int]:
    """mem0's scheme (2.0.18) from its description: candidates by vector alone, cut at 0.1, then scores are added.

    A keyword score is pressed into 0 to 1 by a logistic curve whose middle and slope follow the number of words
    asked. Left out: its boost by entities, which a language model would have to extract. Given to it: a real BM25,
    where its PostgreSQL store asks for every word at once.
    """
    middle, slope = next((m, s) for most, m, s in _CURVES if asked <= most)
    candidates = best(cosine, max(4 * count, 60), above=0.1)
    pressed = {i: 1 / (1 + math.exp(-slope * (words[i] - middle))) if words[i] > 0 else 0.0 for i in candidates}
    return sorted(candidates, key=lambda i: (-(cosine[i] + pressed[i]), i))[:count]


_CURVES = ((3, 5.0, 0.7), (6, 7.0, 0.6), (9, 9.0, 0.5), (15, 10.0, 0.5), (math.inf, 12.0, 0.5))
"""(words asked up to, middle, slope)"""


def recall(found: Sequence[str], wanted: frozenset[str], count: int) -> float:
    """Share of the wanted that is among the first ``count``."""
    return len(wanted & set(found[:count])) / len(wanted)
