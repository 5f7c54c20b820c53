"""Measures the preview of a stack on five clusters with 20 GPU pools and 200 models, and at a half and a fifth of it.

Is it linear?

Five contexts lead to one second control plane, since nothing is deployed. It judges what issue and docs promise only
loosely, because a shared machine is slow now and then: no count may cost twice per object what another does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from rich.table import Table

from tests.support import prepared
from tests.support.second import Second
from tests.support.stack import Engine, LiveStack

pytestmark = pytest.mark.timeout(1500)

CLUSTERS = 5
SIZES = (40, 100, 200)
"""Models in all; each server has ten of them, and a GPU pool of its own."""

WANTED_S = 30.0
"""On a quiet machine with two cores, for the largest."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    second = Second(tmp_path_factory.mktemp("second"))
    try:
        second.up()
        engine = prepared.engine()
        folder: Path = tmp_path_factory.mktemp("wide")
        content: dict[str, Any] = yaml.safe_load(second.kubeconfig.read_text())
        [known] = content["contexts"]
        content["contexts"] += [{**known, "name": f"far-{index}"} for index in range(CLUSTERS)]
        kubeconfig = folder / "kubeconfig"
        kubeconfig.touch(0o600)
        kubeconfig.write_text(yaml.safe_dump(content))
        yield LiveStack(Engine(engine.folder, engine.home, kubeconfig), folder, "bench-wide")
    finally:
        second.down()


def settings(models: int) -> dict[str, Any]:
    small = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    clusters: list[dict[str, Any]] = [
        {
            "name": f"c{index}",
            "context": f"far-{index}",
            "role": "secondary" if index else "primary",
            "apiServer": [],
            "storageClass": "simulated",
        }
        for index in range(CLUSTERS)
    ]
    servers = [
        {
            "name": f"s{index}",
            "cluster": f"c{index % CLUSTERS}",
            "resources": small,
            "gpus": 1,
            "pool": f"p{index}",
            "storage": "20Gi",
            "models": [{"name": f"model-{index}-{number}:1b"} for number in range(10)],
        }
        for index in range(models // 10)
    ]
    pools = [
        {
            "name": f"p{index}",
            "cluster": f"c{index % CLUSTERS}",
            "accelerator": "nvidia-l4",
            "existing": {"selector": {"echorator.dev/pool": f"p{index}"}},
            # The way with the most objects.
            "devices": "devicePlugin",
            "runtimeHandler": "nvidia",
        }
        for index in range(models // 10)
    ]
    return {"clusters": clusters, "gpuPools": pools, "servers": servers}


def test_preview(stack: LiveStack) -> None:
    rows: dict[int, tuple[int, float]] = {}
    for models in SIZES:
        stack.configure(settings(models))
        outcome = stack.preview()
        assert outcome.code == 0, outcome.output
        rows[models] = sum(outcome.changes.values()), outcome.seconds
    table = Table(
        "models",
        "objects",
        "seconds",
        "ms an object",
        title=f"preview on {CLUSTERS} clusters, a GPU pool for each server",
    )
    for models, (objects, seconds) in rows.items():
        table.add_row(str(models), str(objects), f"{seconds:.1f}", f"{seconds / objects * 1000:.0f}")
    Console().print(table)
    Console().print(f"wanted of the largest on two quiet cores: under {WANTED_S:g} s")
    # Past a fixed part, each further object costs what those before it did.
    (first, begun), (middle, half), (last, ended) = rows.values()
    assert (ended - half) / (last - middle) < 2 * max((half - begun) / (middle - first), 0.005)
