"""Boards, rows and panels, and the JSON that Grafana reads."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["timeseries", "stat", "table"]
Unit = Literal["short", "s", "bytes", "Bps", "percentunit", "reqps", "none", "bool", "celsius", "percent"]

_SCHEMA = 39
"""Of Grafana 10.4 and later; a newer one reads it and brings it up to date."""
_WIDTH = 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Query:
    """One line of a panel: an expression of Prometheus, and how its series are called."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        title: what it shows.
        queries: its series.
        unit: of its values.
        kind: lines over time, the last value as a number, or a table of last values.
        text: what to think of it.
        width: of 24.
        limit: a value above which it is coloured as bad.
        least: where the axis begins.
    """

    title: str
    queries: Sequence[Query]
    unit: Unit = "short"
    kind: Kind = "timeseries"
    text: str = ""
    width: int = 8
    limit: float | None = None
    least: float = 0

    def json(self, number: int, left: int, top: int, height: int) -> dict[str, Any]:
        """As Grafana has it."""
        steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
        if self.limit is not None:
            steps.append({"color": "red", "value": self.limit})
        instant = self.kind != "timeseries"
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.text,
            "datasource": _SOURCE,
            "gridPos": {"x": left, "y": top, "w": self.width, "h": height},
            "fieldConfig": {
                "defaults": {"unit": self.unit, "min": self.least, "thresholds": {"mode": "absolute", "steps": steps}},
                "overrides": [],
            },
            "targets": [
                {
                    "refId": chr(ord("A") + index),
                    "datasource": _SOURCE,
                    "expr": query.expression,
                    "legendFormat": query.legend,
                    "instant": instant,
                    "range": not instant,
                    "format": "table" if self.kind == "table" else "time_series",
                }
                for index, query in enumerate(self.queries)
            ],
        }


@dataclass(frozen=True)
class Row:
    """Panels side by side under a heading."""

    title: str
    panels: Sequence[Panel]
    height: int = 7


@dataclass(frozen=True)
class Variable:
    """A choice at the top of a board: the values of a label."""

    name: str
    query: str


@dataclass(frozen=True)
class Board:
    """One dashboard.

    Attributes:
        name: of its file, and part of its address.
        title: what it is called.
        rows: from the top.
        variables: what can be chosen; in expressions `$name`.
    """

    name: str
    title: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = ()

    @property
    def panels(self) -> list[Panel]:
        """All of them."""
        return [panel for row in self.rows for panel in row.panels]

    def json(self) -> dict[str, Any]:
        """As Grafana reads it from a file."""
        panels: list[dict[str, Any]] = []
        top, number = 0, 1
        for row in self.rows:
            heading: dict[str, Any] = {
                "id": number,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "panels": [],
            }
            panels.append({**heading, "gridPos": {"x": 0, "y": top, "w": _WIDTH, "h": 1}})
            top, number, left = top + 1, number + 1, 0
            for panel in row.panels:
                if left + panel.width > _WIDTH:
                    left, top = 0, top + row.height
                panels.append(panel.json(number, left, top, row.height))
                number, left = number + 1, left + panel.width
            top += row.height
        return {
            # An address that stays, so that links to it do.
            "uid": hashlib.sha256(f"echorator/{self.name}".encode()).hexdigest()[:12],
            "title": self.title,
            "tags": ["echorator"],
            "schemaVersion": _SCHEMA,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "templating": {"list": [_data_source(), *(_choice(one) for one in self.variables)]},
            "annotations": {"list": []},
            "links": [{"type": "dashboards", "tags": ["echorator"], "title": "Echorator", "asDropdown": True}],
            "panels": panels,
        }

    def text(self) -> str:
        """The file."""
        return json.dumps(self.json(), indent=1)


def _data_source() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _choice(one: Variable) -> dict[str, Any]:
    return {
        "name": one.name,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": one.query, "refId": one.name},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def line(title: str, expression: str, legend: str, unit: Unit = "short", **more: Any) -> Panel:  # noqa: ANN401
    """A panel of one query over time."""
    return Panel(title, (Query(expression, legend),), unit, **more)


def number(title: str, expression: str, unit: Unit = "short", **more: Any) -> Panel:  # noqa: ANN401
    """A panel of one number, narrow."""
    return Panel(title, (Query(expression),), unit, kind="stat", width=4, **more)
