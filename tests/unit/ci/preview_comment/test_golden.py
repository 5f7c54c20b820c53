"""The comments of real previews, letter by letter.

`previews/` has what the real engine wrote for this program and a real cluster: another number of replicas, larger
disks, another prefix, models, faulty settings, a server with GPUs, a server that goes, a first deploy, pods that the
policy pack refuses. The logs are
cut down to what is read of them. Not shown: that GitHub draws the Markdown as meant; test_comment renders it by
another implementation of the same specification.
"""

from pathlib import Path

import pytest

from ci.preview_comment.comment import Options, render
from ci.preview_comment.cost import load_prices
from ci.preview_comment.reading import read_event_log
from ci.preview_comment.remedies import Remedy

HERE = Path(__file__).parent
NAMES = sorted(file.stem for file in (HERE / "previews").glob("*.jsonl"))


def test_there_are_previews() -> None:
    assert set(NAMES) >= {"bad", "create", "disk", "drop", "gpu", "models", "policy", "rename", "scale"}


@pytest.mark.parametrize("name", NAMES)
def test_comment_of_a_real_preview(name: str) -> None:
    prices = load_prices(HERE / "prices.yaml") if name == "gpu" else None
    rule = Remedy(link="https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted")
    remedies = {"workload-privilege-escalation": rule}
    preview = read_event_log((HERE / "previews" / f"{name}.jsonl").read_text())
    made = render(preview, Options(stack="dev", commit="4f1c2d9", prices=prices, remedies=remedies))
    wanted = HERE / "comments" / f"{name}.md"
    again = f"python -m ci.preview_comment --stack dev --commit 4f1c2d9 --event-log {name}.jsonl --output {wanted.name}"
    assert made == wanted.read_text(), f"where the new one is right, make it so: {again}"
