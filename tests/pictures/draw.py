"""Draw each dashboard: its panels in their places, with the series that a drill has kept.

    uv run --project tests/pictures tests/pictures/draw.py boards.json docs/pictures

It is no picture of Grafana: places, titles, units and limits are the board's, colours and lines are matplotlib's.
"""

from __future__ import annotations

import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from PIL import Image

mpl.use("Agg")
from matplotlib import pyplot as plt

_INCH, _ROW, _DPI, _COLOURS = 0.62, 0.36, 62, 48
_BINARY = (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))
_LINES = 8


def spelled(value: float, unit: str) -> str:
    """A value as a panel shows it."""
    if unit in ("bytes", "Bps"):
        for name, size in _BINARY:
            if abs(value) >= size:
                return f"{value / size:.1f} {name}B" + ("/s" if unit == "Bps" else "")
    if unit == "percentunit":
        return f"{value * 100:.0f} %"
    ends = {"s": " s", "reqps": "/s", "celsius": " °C", "percent": " %"}
    return f"{value:.3g}{ends.get(unit, '')}"


def number(axes: Any, panel: dict[str, Any]) -> None:
    value = panel["series"][0]["points"][-1][1]
    bad = panel["limit"] is not None and value >= panel["limit"]
    axes.text(0.5, 0.45, spelled(value, panel["unit"]), ha="center", va="center", fontsize=17,
              color="#c4162a" if bad else "#2b6b2b")  # fmt: skip


def table(axes: Any, panel: dict[str, Any]) -> None:
    # What ended before is not in a table of what is.
    end = max(one["points"][-1][0] for one in panel["series"])
    last = [one for one in panel["series"] if one["points"][-1][0] == end]
    rows = [f"{one['name'][:70]}   {spelled(one['points'][-1][1], panel['unit'])}" for one in last[:9]]
    axes.text(0.02, 0.95, "\n".join(rows), ha="left", va="top", fontsize=7, family="monospace")


def lines(axes: Any, panel: dict[str, Any]) -> None:
    axes.set_axis_on()
    for one in panel["series"][:_LINES]:
        times, values = zip(*one["points"], strict=True)
        axes.plot([(at - times[-1]) / 60 for at in times], values, linewidth=1.1, label=one["name"][:44])
    if panel["limit"] is not None:
        top = max(value for one in panel["series"] for _, value in one["points"])
        if top > panel["limit"] / 4:
            axes.axhline(panel["limit"], color="#c4162a", linewidth=0.8, linestyle="--")
    axes.yaxis.set_major_formatter(lambda value, _: spelled(value, panel["unit"]))
    axes.set_ylim(bottom=panel.get("least", 0))
    axes.tick_params(labelsize=6)
    axes.grid(visible=True, linewidth=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=5.5, loc="best", framealpha=0.6)
    left_out = len(panel["series"]) - _LINES
    if left_out > 0:
        axes.text(1, 1, f"and {left_out} more", transform=axes.transAxes, fontsize=6, ha="right")


def board(found: dict[str, Any]) -> Image.Image:
    depth = max(one["y"] + one["h"] for one in found["panels"])
    figure = plt.figure(figsize=(24 * _INCH, depth * _ROW + 0.5))
    whole = depth + 0.5 / _ROW
    figure.suptitle(found["title"], fontsize=12, y=1 - 0.15 / (whole * _ROW))
    for panel in found["panels"]:
        bottom = 1 - (panel["y"] + panel["h"] + 0.5 / _ROW - 1.0) / whole
        axes = figure.add_axes((
            (panel["x"] + 1.1) / 24.2, bottom, (panel["w"] - 1.5) / 24.2, (panel["h"] - 2.0) / whole
        ))  # fmt: skip
        axes.set_axis_off()
        axes.set_title(panel["title"], fontsize=8)
        for one in panel["series"]:
            one["points"] = [[at, value] for at, value in one["points"] if math.isfinite(value)]
        panel["series"] = [one for one in panel["series"] if one["points"]]
        if not panel["series"]:
            axes.text(0.5, 0.5, "no series here", ha="center", va="center", fontsize=8, color="#777777")
        else:
            {"stat": number, "table": table}.get(panel["kind"], lines)(axes, panel)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=_DPI, format="png")
    plt.close(figure)
    buffer.seek(0)
    # Few colours make a quarter of the file.
    return (
        Image.open(buffer).convert("RGB").quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    )


def main() -> None:
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for found in json.loads(source.read_text()):
        file = folder / f"monitoring-{found['name']}.png"
        board(found).save(file, optimize=True)
        print(f"{file}: {file.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
