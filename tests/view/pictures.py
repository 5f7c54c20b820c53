"""`make pictures`: takes the pictures of docs/view.md anew. No test of the page: nothing is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.view.place import place
from toolchain import paths

MOST_BYTES = 400_000
SAID = tuple(
    f"{begun} the {thing}?"
    for thing in ("boat", "violin", "old clock")
    for begun in ("What do you know about", "I am glad about", "What went wrong with")
)


@pytest.mark.timeout(900)
def test_take(tmp_path: Path) -> None:
    folder = paths.CHECKOUT / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    with place(tmp_path, memories=260, said=SAID) as found:
        found.look("pictures.py", str(folder), limit_s=600)
    taken = sorted(folder.glob("view-*.png"))
    assert taken
    for picture in taken:
        assert picture.stat().st_size < MOST_BYTES, picture
