"""One stack with two replicas behind the registry that breaks, and the way through a case on it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.faults import judge
from tests.faults.deploys import Deploy, FaultStack
from tests.faults.registry import FaultRegistry, Salted
from tests.faults.table import Table, Turn
from tests.integration.chat import server, store
from tests.support.containers import kill_processes
from tests.support.kube import Kube, wait_for
from tests.support.stack import Outcome

REPLICAS = 2
RATE = 8e6
"""Bytes a second from the registry, so that 98 MB take 12 s and a pull has a middle."""
MIDDLE = 0.3
RIGHT_S = 150.0
"""Until all is right again; the agent's longest wait between two tries is 60 s, and a try may take as long."""


class Bed:
    """The stack that most cases break. Whatever a case leaves behind, the next one begins with a good stack."""

    def __init__(self, kube: Kube, stack: FaultStack, registry: FaultRegistry, table: Table) -> None:
        self.kube = kube
        self.stack = stack
        self.registry = registry
        self._table = table
        self._clean = False
        self.keeps = registry.fresh("tiny")
        """A small model that is always wanted, so that each case also shows that what was there stays."""

    @contextmanager
    def case(self, name: str) -> Generator[Turn]:
        """One time of a case, from a stack in good order; it counts as right when the body ends."""
        self.registry.plan()
        if not self._clean:
            self._settle()
        self._clean = False
        turn = self._table.turn(name)
        yield turn
        turn.right()
        self._clean = True

    def configure(
        self, *models: Salted | Mapping[str, Any], replicas: int = REPLICAS, pod: Mapping[str, Any] | None = None
    ) -> None:
        """Want these models and the one that stays."""
        names = [one.name if isinstance(one, Salted) else one for one in (*models, self.keeps)]
        chat = server(replicas, names) | ({"pod": dict(pod)} if pod is not None else {})
        self.stack.configure({"servers": [chat], "modelStore": store(self.registry, "20Gi")})

    def begin(self, model: Salted, part: float = MIDDLE) -> Deploy:
        """Begin the deploy of a model, and return once this part of it has left the registry."""
        self.registry.plan(rate=RATE)
        self.configure(model)
        deploy = self.stack.begin_up()
        self.registry.wait_sent(model, part)
        return deploy

    def ends_well(self, deploy: Deploy) -> Outcome:
        """Lift the rate, and wait for a deploy that must end well."""
        self.registry.lift()
        outcome = deploy.outcome()
        assert outcome.code == 0, outcome.output
        return outcome

    def right(self, *models: Salted, replicas: int = REPLICAS, limit_s: float = RIGHT_S, turn: Turn) -> None:
        """Everything that must hold in the end; the time counts up to the models' being right everywhere."""
        judge.all_right(self.kube, self.stack, [*models, self.keeps], replicas, limit_s)
        turn.over()
        for model in models[:1]:
            judge.store_serves(self.kube, self.stack, model)
        judge.no_orphan(self.kube, self.stack)

    def downloads(self, model: Salted) -> float:
        """How many times over the registry has sent a model's weights since the last plan."""
        return self.registry.seen().sent.get(model.weights, 0) / model.size

    def kill_pod(self, pod: str) -> None:
        """Take a pod away at once, without a word to it."""
        assert self.kube.delete(f"/api/v1/namespaces/{self.stack.namespace}/pods/{pod}", grace_s=0)

    def kill_container(self, pod: str, container: str) -> None:
        """SIGKILL every process of a container."""
        restarts = kill_processes(self.kube, self.stack.namespace, pod, container)

        def restarted() -> bool:
            now = self.kube.pod(self.stack.namespace, pod) or {"status": {}}
            states: list[dict[str, Any]] = now["status"].get("containerStatuses", [])
            return any(one["name"] == container and one["restartCount"] > restarts for one in states)

        wait_for(f"the container {container} of {pod} is started again", restarted, 60)

    def _settle(self) -> None:
        # A case that failed may have left a deploy that runs, and after its end operations that never end.
        self.stack.end_processes()
        self.stack.unlock()
        self.configure()
        if self.stack.resources():
            self.stack.refresh("--clear-pending-creates")
        self.stack.up()
        judge.all_right(self.kube, self.stack, [self.keeps], REPLICAS, RIGHT_S)
