"""The dashboards as Grafana's JSON model: places, numbers, addresses.

That every query finds series is shown in tests/monitoring/test_queries.py; that Grafana draws them is not shown.
"""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest

from components.monitoring.dashboards import BOARDS, Board


def drawn(board: Board) -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(board.text())["panels"]
    return panels


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_panels_lie_inside_and_beside_each_other(board: Board) -> None:
    panels = drawn(board)
    places = [one["gridPos"] for one in panels]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 and place["h"] > 0 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below
    assert len({one["id"] for one in panels}) == len(panels)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_panel_has_a_title_and_queries_of_the_chosen_source(board: Board) -> None:
    for panel in drawn(board):
        assert panel["title"]
        if panel["type"] == "row":
            continue
        assert [one["refId"] for one in panel["targets"]] == ["A", "B", "C", "D", "E"][: len(panel["targets"])]
        assert all(one["datasource"]["uid"] == "${datasource}" for one in panel["targets"])
        assert panel["targets"]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_variables_that_are_used_are_there(board: Board) -> None:
    known = {one.name for one in board.variables} | {"__rate_interval"}
    used = {
        name for panel in board.panels for query in panel.queries for name in re.findall(r"\$(\w+)", query.expression)
    }
    assert used <= known


def test_addresses_differ_and_stay() -> None:
    addresses = {board.name: board.json()["uid"] for board in BOARDS}
    assert len(set(addresses.values())) == len(BOARDS)
    assert addresses["overview"] == "5b58f5039df9"
