"""Alerts with shorter waits, so that a drill need not last an afternoon."""

from __future__ import annotations

import copy
import re
from typing import Any

_SPAN = re.compile(r"(\[|offset )(\d+)m(\]?)")
_UNITS = {"s": 1, "m": 60, "h": 3600}
_SHORTEST_S = 20
"""Four scrapes of the drill: below that a rate has nothing to go by, and a pod that leaves looks like a fault."""


def _seconds(text: str) -> int:
    return int(text[:-1]) * _UNITS[text[-1]]


def hurried(groups: list[dict[str, Any]], factor: float) -> list[dict[str, Any]]:
    """Groups whose alerts wait, and whose rules look back over minutes, `factor` times shorter."""
    found = copy.deepcopy(groups)
    for group in found:
        for rule in group["rules"]:
            if factor == 1:
                continue
            if "for" in rule:
                rule["for"] = f"{max(_SHORTEST_S, round(_seconds(rule['for']) / factor))}s"
            rule["expr"] = _SPAN.sub(
                lambda span: f"{span[1]}{max(_SHORTEST_S, round(int(span[2]) * 60 / factor))}s{span[3]}", rule["expr"]
            )
    return found
