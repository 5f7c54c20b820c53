"""Dashboards for Grafana, made from typed parts: one module a board."""

from collections.abc import Sequence

from components.monitoring.dashboards import cluster, echo, memory, mind, model, nodes, overview, pulls, watching
from components.monitoring.dashboards.builder import Board

BOARDS: Sequence[Board] = (
    overview.BOARD,
    model.BOARD,
    echo.BOARD,
    mind.BOARD,
    memory.BOARD,
    pulls.BOARD,
    nodes.BOARD,
    cluster.BOARD,
    watching.BOARD,
)
"""In the order in which an operator opens them."""


def config_map(board: Board) -> str:
    """Name of the ConfigMap that a stack puts it into."""
    return f"dashboard-{board.name}"


__all__ = ["BOARDS", "Board", "config_map"]
