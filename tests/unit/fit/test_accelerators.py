"""The table of cards agrees with itself, and layouts of MIG devices are those that a card can hold."""

from __future__ import annotations

import re

import pytest

from fit.accelerators import ACCELERATORS, Accelerator, mig_fits
from fit.memory import GIB

CARDS = list(ACCELERATORS.values())
A100 = ACCELERATORS["nvidia-a100-40gb"]
PARTED = [card for card in CARDS if card.mig]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_card_shows_a_little_less_than_its_data_sheet_says(card: Accelerator) -> None:
    assert 0.90 * card.nominal_gb * GIB < card.memory < 1.0 * card.nominal_gb * GIB or card.nominal_gb in {80, 94, 180}
    # 80 GB of an A100 are GiB; of the others the sheet says GB and the card has GiB, or the other way round.
    assert 0.90 * card.nominal_gb < card.memory / GIB < 1.02 * card.nominal_gb
    assert card.resource.startswith(("nvidia.com/", "amd.com/", "gpu.intel.com/"))


@pytest.mark.parametrize("card", PARTED, ids=lambda card: card.name)
def test_profiles_say_what_they_are(card: Accelerator) -> None:
    for name, profile in card.mig.items():
        found = re.fullmatch(r"(\d)g\.(\d+)gb", name)
        assert found is not None
        assert int(found[1]) == profile.compute
        # A part is named by its share, rounded.
        assert abs(int(found[2]) - card.nominal_gb * profile.memory / 8) <= 2
        assert card.mig_memory(name) <= card.memory * profile.memory // 8
    assert mig_fits(card, {list(card.mig)[-1]: 1})
    assert mig_fits(card, {next(iter(card.mig)): 7})
    assert not mig_fits(card, {next(iter(card.mig)): 8})


@pytest.mark.parametrize(
    ("layout", "fits"),
    [
        ({}, True),
        ({"1g.5gb": 2, "2g.10gb": 1, "3g.20gb": 1}, True),
        ({"3g.20gb": 2}, True),
        ({"4g.20gb": 1, "3g.20gb": 1}, True),
        ({"2g.10gb": 3}, True),
        ({"2g.10gb": 3, "1g.5gb": 1}, True),
        ({"3g.20gb": 1, "2g.10gb": 2}, True),
        ({"1g.10gb": 4}, True),
        ({"2g.10gb": 4}, False),
        ({"3g.20gb": 3}, False),
        ({"4g.20gb": 2}, False),
        ({"7g.40gb": 1, "1g.5gb": 1}, False),
        ({"4g.20gb": 1, "3g.20gb": 1, "1g.5gb": 1}, False),
        # Two halves of the memory, and both may only begin where the other does.
        ({"3g.20gb": 2, "1g.5gb": 1}, False),
    ],
)
def test_layouts(layout: dict[str, int], fits: bool) -> None:
    assert mig_fits(A100, layout) is fits


def test_what_the_mission_names_is_there() -> None:
    named = {"t4", "l4", "l40s", "a10g", "a100-40gb", "a100-80gb", "h100-80gb", "h100-94gb", "h200", "b200"}
    named |= {"rtx-4060", "rtx-4070", "rtx-4090", "v100-16gb"}
    assert {f"nvidia-{name}" for name in named} | {"amd-mi300x"} <= ACCELERATORS.keys()
