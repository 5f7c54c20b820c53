"""Places are bounded, and given back once."""

from __future__ import annotations

import pytest

from echo.remember.hub import FullError
from echo.remember.places import Places


def test_places_are_bounded_and_given_back_once() -> None:
    places = Places(2)
    first, second = places.take(), places.take()
    with pytest.raises(FullError):
        places.take()
    first.close()
    first.close()
    assert places.taken == 1
    places.take()
    with pytest.raises(FullError):
        places.take()
    second.close()
