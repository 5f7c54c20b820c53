"""Measures, on the real cluster and in one run, what docs/figures.md reports.

It prints, and judges only the count of downloads, which is no matter of speed. The rounds of the compared ways take
turns, so that noise meets all alike.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from components.kube_context import load
from components.pod_proxy import PodProxy
from ollama import WantedModel, ensure_all, remove
from tests.bench.conftest import FREE, MODEL, REPLICAS
from tests.support import prepared
from tests.support.kube import Kube
from tests.support.stack import LiveStack

ROUNDS = 5
PORT = 11434
ABOUT_ITSELF = ("health", "ready", "metrics")
"""Kinds of answers of the store that hold nothing of a model."""


def store_figures(kube: Kube, namespace: str) -> dict[str, float]:
    """The store's counters, by name; those with labels are added up, but for its answers about itself."""
    path = f"/api/v1/namespaces/{namespace}/pods/model-store-0:5000/proxy/metrics"
    found: dict[str, float] = {}
    for line in kube.request("GET", path).text.splitlines():
        if line and not line.startswith("#") and not any(f'kind="{kind}"' in line for kind in ABOUT_ITSELF):
            name, value = line.rsplit(" ", 1)
            bare = name.split("{", 1)[0]
            found[bare] = found.get(bare, 0.0) + float(value)
    return found


def source(stack: LiveStack) -> str:
    return f"registry-ollama-ai.{stack.namespace}.svc.cluster.local:5000/library/{MODEL}"


def pods(count: int) -> list[str]:
    return [f"{FREE}-{ordinal}" for ordinal in range(count)]


async def ensured(stack: LiveStack, replicas: int) -> float:
    """Seconds until the model is on that many replicas, from none."""
    async with PodProxy(load(paths=[prepared.engine().kubeconfig]), stack.namespace) as proxy:
        clients = [proxy.ollama(pod, PORT) for pod in pods(replicas)]
        wanted = [WantedModel(name=MODEL, source=source(stack), insecure=True)]
        started = time.monotonic()
        await ensure_all(clients, wanted, on_event=lambda _: None)
        return time.monotonic() - started


async def removed(stack: LiveStack) -> None:
    async with PodProxy(load(paths=[prepared.engine().kubeconfig]), stack.namespace) as proxy:
        for pod in pods(REPLICAS):
            client = proxy.ollama(pod, PORT)
            await remove(client, MODEL)
            await remove(client, source(stack))


def bare(stack: LiveStack) -> float:
    """Seconds of `ollama pull` itself, typed in one replica."""
    kubectl = [str(prepared.prepared("ECHORATOR_KUBECTL")), "--kubeconfig", str(prepared.engine().kubeconfig)]
    command = [
        *kubectl,
        "exec",
        "-n",
        stack.namespace,
        f"{FREE}-0",
        "-c",
        "ollama",
        "--",
        "ollama",
        "pull",
        "--insecure",
        source(stack),
    ]
    started = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return time.monotonic() - started


def test_figures(stack: LiveStack, kube: Kube) -> None:
    console = Console(width=100, highlight=False)
    model = next(one for one in json.loads((prepared.node().layout.state / "models.json").read_text()).items())
    first = store_figures(kube, stack.namespace)
    assert model[0] == MODEL
    assert first["model_store_upstream_bytes_total"] < 1.01 * model[1]["size"] + 100_000

    again = stack.up("--expect-no-changes")
    after = store_figures(kube, stack.namespace)
    pulled = after["model_store_served_bytes_total"] - first["model_store_served_bytes_total"]

    ways: dict[str, Callable[[], float]] = {
        "bare `ollama pull`, 1 replica": lambda: bare(stack),
        "ensure, 1 replica": lambda: asyncio.run(ensured(stack, 1)),
        f"ensure, {REPLICAS} replicas": lambda: asyncio.run(ensured(stack, REPLICAS)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            asyncio.run(removed(stack))
            seconds[name].append(way())
    last = store_figures(kube, stack.namespace)

    one, single, three = (statistics.median(values) for values in seconds.values())
    table = Table("what", "median s", "min s", "max s", title=f"{MODEL} from the filled store, {ROUNDS} rounds")
    for name, values in seconds.items():
        table.add_row(name, *(f"{value:.2f}" for value in (statistics.median(values), min(values), max(values))))
    console.print()
    console.print(table)
    ratios = Table("ratio", "found", "wanted")
    ratios.add_row(f"{REPLICAS} replicas / 1 replica", f"{three / single:.2f}", "<= 1.30")
    ratios.add_row("1 replica / bare pull", f"{single / one:.2f}", "<= 1.15")
    ratios.add_row(f"{REPLICAS} replicas / bare pull", f"{three / one:.2f}", "")
    ratios.add_row("upstream bytes / model's bytes, 3 replicas", f"{upstream(first, model[1]['size']):.3f}", "1.0")
    ratios.add_row("no-op `pulumi up`, seconds", f"{again.seconds:.1f}", "< 8")
    ratios.add_row("no-op `pulumi up`, bytes pulled", f"{pulled:.0f}", "0")
    console.print(ratios)
    assert last["model_store_upstream_bytes_total"] - first["model_store_upstream_bytes_total"] < 100_000


def upstream(figures: dict[str, float], size: int) -> float:
    return figures["model_store_upstream_bytes_total"] / size
