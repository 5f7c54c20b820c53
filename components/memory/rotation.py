"""Passwords that change without an hour of the night: two users, of whom one is always the older.

Generation n signs in as user n mod 2, whose password was made for it. The other user keeps the password of generation
n - 1, so that whoever has not read the new one yet still gets in.
"""

from typing import Final

TURNS: Final = 2


def active(generation: int) -> int:
    """Which of the two users the generation signs in as."""
    return generation % TURNS


def made_for(user: int, generation: int) -> int:
    """The generation that the user's present password was made for; -1 before its first one."""
    return generation if active(generation) == user else generation - 1
