"""How new an experience is, and how fast one learns from it."""

from __future__ import annotations

from collections.abc import Sequence

_GAMMA = 0.3
"""How fast the rate of learning follows surprise."""


def surprise(strengths: Sequence[float]) -> float | None:
    """How little of an experience was expected, 0 to 1: the mean over its patterns of ``1 - strength``.

    Args:
        strengths: of the known pattern for each regularity that showed, 0 for one that is not known.

    Returns:
        None where nothing regular showed.
    """
    if not strengths:
        return None
    return min(1.0, max(0.0, 1 - sum(strengths) / len(strengths)))


def associability(before: float | None, surprised: float | None) -> float | None:
    """The rate of learning after one more experience (Pearce and Hall, 1980): ``0.3 surprise + 0.7 before``.

    It rises with what was not expected and falls with what was. The first surprise is the first rate.
    """
    if surprised is None:
        return before
    return surprised if before is None else _GAMMA * surprised + (1 - _GAMMA) * before


def importance(*, surprised: float | None, arousal: float, relevance: float) -> float:
    """How much an experience matters, 0.2 to 0.8: for being new, for moving, and for bearing on a goal.

    0.8 is where forgetting spares a memory for its importance; what is only lived through never gets there.

    Args:
        surprised: 0 to 1, or None.
        arousal: of the moment, 0 to 1, by how surely it was read.
        relevance: to the goals, 0 to 1.
    """
    new = surprised if surprised is not None else 0.0
    return min(_MOST, _LEAST + _SPAN * (new + arousal + relevance) / 3)


_LEAST, _SPAN = 0.2, 0.6
_MOST = 0.799
