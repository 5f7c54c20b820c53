"""Places for work that holds a connection to the database for as long as a client takes its answer."""

from __future__ import annotations

from dataclasses import dataclass

from echo.remember.hub import FullError

__all__ = ["Place", "Places"]


@dataclass
class Places:
    """So many at once, that slow clients leave connections for everybody else.

    Attributes:
        most: at once.
        taken: now.
    """

    most: int
    taken: int = 0

    def take(self) -> Place:
        """Take one.

        Raises:
            FullError: All are taken.
        """
        if self.taken >= self.most:
            raise FullError
        self.taken += 1
        return Place(self)


@dataclass
class Place:
    """One that is taken until it is closed."""

    places: Places
    held: bool = True

    def close(self) -> None:
        """Give it back; a second time does nothing."""
        if self.held:
            self.held = False
            self.places.taken -= 1
