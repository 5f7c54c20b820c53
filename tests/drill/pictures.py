"""What each panel of each dashboard shows at the end of a drill, as a file from which pictures are drawn."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from components.monitoring.dashboards import BOARDS
from components.monitoring.dashboards.builder import Panel
from tests.support.prometheus import InCluster

SPAN_S = 900
STEP_S = 10


def keep(prometheus: InCluster, file: Path) -> list[str]:
    """Write them; return the panels for which there is no series."""
    end = time.time()
    empty: list[str] = []
    found: list[dict[str, Any]] = []
    for board in BOARDS:
        places = {one["id"]: one for one in board.json()["panels"] if one["type"] != "row"}
        shown: list[dict[str, Any]] = []
        for panel, place in zip(board.panels, places.values(), strict=True):
            series = _series(prometheus, panel, end)
            if not series:
                empty.append(f"{board.name}: {panel.title}")
            facts = {
                "title": panel.title,
                "unit": panel.unit,
                "kind": panel.kind,
                "limit": panel.limit,
                "least": panel.least,
            }
            shown.append({**facts, **place["gridPos"], "series": series})
        found.append({"name": board.name, "title": board.title, "panels": shown})
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found))
    return empty


def _series(prometheus: InCluster, panel: Panel, end: float) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for query in panel.queries:
        expression = query.expression.replace("$__rate_interval", "1m")
        expression = expression.replace("$server", ".*").replace("$model", ".*")
        span = f"start={end - SPAN_S:.0f}&end={end:.0f}&step={STEP_S}"
        answer = prometheus.get(f"/api/v1/query_range?query={quote(expression)}&{span}")
        assert answer is not None, f"{panel.title}: {expression}"
        for one in answer["data"]["result"]:
            points = [[float(at), float(value)] for at, value in one["values"]]
            found.append({"name": _name(query.legend, one["metric"]), "points": points})
    return found


def _name(legend: str, labels: dict[str, str]) -> str:
    for key, value in labels.items():
        legend = legend.replace(f"{{{{{key}}}}}", value)
    return legend or ", ".join(f"{key}={value}" for key, value in labels.items() if not key.startswith("__"))
