"""Fits sections into a limit: long forms become short ones, then items are left out, and that is always said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ci.preview_comment.markdown import size


@dataclass(frozen=True)
class Item:
    """One row or part, in forms from the longest to the shortest."""

    forms: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A part of the comment.

    Attributes:
        title: Markdown that stands before the items, always shown.
        head: before the first item, such as a table's head; only where an item is shown.
        items: the first ones are the ones that matter most.
        left_out: says of a number of items that they are missing.
        shortened: says of a number of items that they are shorter than they were.
        tail: after the items, always shown.
    """

    title: str
    items: Sequence[Item]
    left_out: Callable[[int], str]
    shortened: Callable[[int], str] = lambda _count: ""
    head: str = ""
    tail: str = ""

    def least(self) -> str:
        """The section with every item left out."""
        return self._join([], shorter=0, missing=len(self.items))

    def render(self, limit: int) -> str:
        """The section in at most `limit` bytes, which `least` has to fit into."""
        chosen = [0] * len(self.items)
        sizes = [[size(form) for form in item.forms] for item in self.items]
        # With room for every note that may become necessary.
        count = len(self.items)
        fixed = size(self._join([], shorter=count, missing=count)) + size(self.head)
        total = fixed + sum(forms[0] for forms in sizes)
        shown = len(self.items)
        deepest = max((len(forms) for forms in sizes), default=1)
        for depth in range(1, deepest):
            for index in range(len(self.items) - 1, -1, -1):
                if total <= limit:
                    break
                if depth < len(sizes[index]) and sizes[index][depth] < sizes[index][chosen[index]]:
                    total += sizes[index][depth] - sizes[index][chosen[index]]
                    chosen[index] = depth
        while total > limit and shown:
            shown -= 1
            total -= sizes[shown][chosen[shown]]
        texts = [item.forms[form] for item, form in zip(self.items[:shown], chosen[:shown], strict=True)]
        shorter = sum(1 for form in chosen[:shown] if form)
        return self._join(texts, shorter=shorter, missing=len(self.items) - shown)

    def _join(self, texts: Sequence[str], *, shorter: int, missing: int) -> str:
        notes = [note for note in (shorter and self.shortened(shorter), missing and self.left_out(missing)) if note]
        body = f"{self.head}{''.join(texts)}" if texts else ""
        said = "".join(f"\n_{note}_\n" for note in notes)
        return f"{self.title}{body}{said}{self.tail}"


def fit(sections: Sequence[Section], limit: int) -> str:
    """The sections in their order, the first ones with the best of the room.

    Args:
        sections: what is to be shown; together their `least` forms fit into the limit by far.
        limit: in bytes of UTF-8.
    """
    texts: list[str] = []
    left = limit
    for index, section in enumerate(sections):
        later = sum(size(one.least()) + 1 for one in sections[index + 1 :])
        text = section.render(left - later)
        texts.append(text)
        left -= size(text) + 1
    return "\n".join(texts)
