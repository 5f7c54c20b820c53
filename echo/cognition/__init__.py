"""Deep Tree Echo: what a memory feels, wants, takes itself to be and learns; docs/cognition.md gives each formula."""

from echo.cognition.emotion import Tempo
from echo.cognition.mind import Mind

__all__ = ["Mind", "Tempo"]
