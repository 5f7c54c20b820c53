"""The reduced mode as `make up` brings it: this checkout's layout, its stack file and what is said about it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from toolchain import catalog, paths
from toolchain.build import progress
from toolchain.build.progress import Reporter
from toolchain.reduced import stack
from toolchain.reduced.cluster import Reduced, ReducedCluster
from toolchain.reduced.errors import ReducedError
from toolchain.reduced.layout import REQUIRED_TOOLS, ReducedLayout
from toolchain.reduced.reductions import WHAT_IS_REDUCED

CONFIG = paths.CHECKOUT / f"Pulumi.{stack.STACK}.yaml"


def of_checkout(tools: catalog.Tools | None = None) -> Reduced:
    """This checkout's reduced cluster; without tools it can be looked at and ended."""
    names = (*REQUIRED_TOOLS, *catalog.MODEL_TOOLS)
    nowhere = paths.tools_dir()
    found = {name: nowhere / name if tools is None else tools.path(name) for name in names}
    return Reduced(ReducedLayout(paths.state_dir() / "reduced", paths.checkout_id(), found))


def up(tools: catalog.Tools, reporter: Reporter | None = None) -> ReducedCluster:
    """Bring the cluster and write the stack's configuration.

    Raises:
        ReducedError: A part does not come up, or the stack's file cannot be kept right.
        NodeError, ModelError: See :meth:`toolchain.reduced.cluster.Reduced.up`.
    """
    report = reporter if reporter is not None else progress.reporter()
    with report.step("Starting the reduced cluster") as step:
        cluster = of_checkout(tools).up(lambda what, detail: step.detail(f"{what}: {detail}"))
    write_stack(CONFIG, cluster)
    report.line(said())
    return cluster


def write_stack(file: Path, cluster: ReducedCluster) -> None:
    """Write the stack's configuration file, or mend its ports.

    Raises:
        ReducedError: Its first line is gone.
    """
    store = int(cluster.store.rpartition(":")[2])
    try:
        stack.write(file, urlsplit(cluster.ollama_url).port or 0, store)
    except ValueError as error:
        raise ReducedError(f"{file.name} cannot be kept right: {error}") from error


def said() -> str:
    """What is reduced, for the user."""
    return "\n".join(["This is the reduced mode (docs/reduced-mode.md):", *(f"  - {one}" for one in WHAT_IS_REDUCED)])


def down(*, purge: bool, reporter: Reporter | None = None) -> None:
    """End every process of the reduced cluster; nothing happens where there is none.

    Raises:
        ReducedError: A process does not die.
    """
    reduced = of_checkout()
    if not reduced.layout.state.exists():
        return
    report = reporter if reporter is not None else progress.reporter()
    with report.step("Stopping the reduced cluster") as step:
        reduced.down(lambda what, detail: step.detail(f"{what}: {detail}"), purge=purge)
    if purge and not stack.forget(CONFIG):
        report.line(f"{CONFIG.name} was edited and stays; delete it to have it written anew")
