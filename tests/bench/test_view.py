"""Frames of the live view with 5,000 memories; `ECHORATOR_VIEW_MEMORIES` names another number.

Judges that all of them are drawn and the page still answers. The figures are of a browser without a graphics card.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.view.place import place


@pytest.mark.timeout(1_200)
def test_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = int(os.environ.get("ECHORATOR_VIEW_MEMORIES", "5000"))
    with place(tmp_path, memories=count) as found:
        said = json.loads(found.look("frames.py", limit_s=900))
    with capsys.disabled():
        print(f"\nlive view, {said['memories']} memories and {said['edges']} edges, drawn by the processor:")
        print(f"  loaded {said['loaded']} s, placed after {said['placed']} s more, chosen in {said['chosen']} s")
        for name in ("still", "moving", "playing"):
            one = said[name]
            print(
                f"  {name:8} {one['frames']:4} frames, median {one['median']} ms, p95 {one['p95']} ms, "
                f"of which the page computes {one['script']} ms"
            )
    assert said["memories"] == min(count, 5_000)
    assert said["moving"]["frames"] > 1
