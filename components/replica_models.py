"""One model on many replicas: asks them all at once, and tells what went wrong on which."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

import httpx
from pydantic import TypeAdapter

import ollama
from components import kube_context
from components.agent_client import Agent, Limits
from components.pod_proxy import PodProxy
from components.pull_progress import ProgressLines
from components.reach import Mode, agents
from ollama import (
    EnsureFailed,
    ModelState,
    OllamaClient,
    OllamaError,
    PullPolicy,
    SystemFault,
    TransientError,
)
from ollama.document import WantedEntry
from ollama.ledger import LedgerEntry, MemoryLedger

MISSING = "missing"

READY_S = 600.0
"""A replica may have to be scheduled, get its volume and fetch its images first."""

LOOK_S = 60.0
"""For looking at a replica or removing from it, where nothing is downloaded."""

_LEDGER = TypeAdapter(list[LedgerEntry])

T = TypeVar("T")


class ModelOperationError(Exception):
    """What failed on which replica, and what to do: one message for all of them."""


@dataclass(frozen=True)
class Target:
    """The server whose replicas get a model."""

    kind: Literal["pods", "url"]
    context: str = ""
    namespace: str = ""
    stateful_set: str = ""
    port: int = 0
    """Of the agents."""
    replica_count: int = 1
    writer: bool = False
    """Whether a further replica fills the volume that the others read."""
    mode: Mode = "podProxy"
    url: str = ""
    """Of the server where `kind` is `url`; of an agent, with `{replica}` in it, where `mode` is."""

    @classmethod
    def of(cls, props: Mapping[str, Any]) -> Self:
        """The server that a resource's properties name."""
        if props["kind"] == "url":
            return cls("url", url=props["url"])
        return cls(
            "pods",
            context=props["context"],
            namespace=props["namespace"],
            stateful_set=props["statefulSet"],
            port=int(props["port"]),
            replica_count=int(props["replicaCount"]),
            writer=bool(props.get("writer")),
            mode=props.get("reachMode") or "podProxy",
            url=props.get("reachUrl") or "",
        )

    @property
    def label(self) -> str:
        """What tells this server from others."""
        return self.url if self.kind == "url" else f"{self.context}/{self.namespace}/{self.stateful_set}"

    @property
    def replicas(self) -> list[str]:
        """Names of the replicas: the pods, or the URL itself."""
        if self.kind == "url":
            return [self.url]
        return [replica for turn in self.turns for replica in turn]

    @property
    def turns(self) -> list[list[str]]:
        """The pods, those first that others depend on."""
        writer = [[f"{self.stateful_set}-writer-0"]] if self.writer else []
        return [*writer, [f"{self.stateful_set}-{index}" for index in range(self.replica_count)]]


@dataclass(frozen=True)
class Brought:
    """What an operation left on the replicas.

    Attributes:
        states: replica to what it has now.
        ledger: on a server without agents, what we brought there (JSON), for the next operation to know.
    """

    states: Mapping[str, ModelState]
    ledger: str | None = None


def ensure(target: Target, props: Mapping[str, Any], *, ledger: str | None = None) -> Brought:
    """Waits until the agents of all replicas say that the model is there; on a server without agents, brings it.

    Args:
        target: the server.
        props: `entry` (a `WantedEntry` as JSON), `fingerprint`, for a server without agents `bases` (entries of the
            models that it is made of), and the limits `deadlineS`, `noProgressS`, `readyS`.
        ledger: what the last operation left, on a server without agents.

    Raises:
        ModelOperationError: names each replica that has it not, with the cause; the others keep theirs.
    """
    lines = ProgressLines(_say)
    name = str(props["name"])
    told = f"model `{name}` is not on every replica of `{target.label}`"
    deadline_s = float(props.get("deadlineS") or PullPolicy.deadline_s)
    if target.kind == "pods":
        limits = Limits(float(props.get("readyS") or READY_S), deadline_s)

        async def wait(agent: Agent) -> ModelState:
            return await agent.wait_ready(name, str(props["fingerprint"]), limits, lines)

        states: dict[str, ModelState] = {}
        # Those who only read a shared volume have nothing to say before it is filled.
        for replicas in target.turns:
            states |= _all_or_error(told, asyncio.run(_by_agent(target, wait, only=replicas)))
        return Brought(states)
    kept = _ledger(ledger)
    policy = PullPolicy(
        deadline_s=deadline_s, no_progress_s=float(props.get("noProgressS") or PullPolicy.no_progress_s)
    )

    async def bring(client: OllamaClient) -> ModelState:
        wanted = [ollama.wanted_of(one) for one in (*_entries(props, "bases"), *_entries(props, "entry"))]
        return (await ollama.ensure(client, wanted, on_event=lines, policy=policy, ledger=kept))[-1]

    states = _all_or_error(told, asyncio.run(_by_url(target, bring)))
    return Brought(states, _LEDGER.dump_json(kept.entries()).decode())


def observe(target: Target, name: str) -> dict[str, str] | None:
    """Replica to its digest of the model or `MISSING`; None when the whole server is gone.

    A replica that is not there, or does not answer in time while others do, counts as missing: the next `up` looks
    again, and does nothing where all is well.

    Raises:
        ModelOperationError: no replica answers, so nothing can be said.
    """

    async def report(agent: Agent) -> str:
        async with asyncio.timeout(LOOK_S):
            said = await agent.report()
        found = next((model for model in said.models if model.name == name), None)
        return found.digest if found is not None and found.digest is not None and found.phase == "Ready" else MISSING

    async def look(client: OllamaClient) -> str:
        async with asyncio.timeout(LOOK_S):
            state = await ollama.observe(client, name)
        return MISSING if state is None else state.digest

    async def run() -> dict[str, str | Exception] | None:
        if target.kind == "url":
            return await _by_url(target, look)
        return await _by_agent(target, report, absent=MISSING) if await _exists(target) else None

    found = asyncio.run(run())
    if found is None:
        return None
    failed = {replica: state for replica, state in found.items() if isinstance(state, Exception)}
    if failed and len(failed) == len(found):
        _all_or_error(f"model `{name}` could not be looked for on `{target.label}`", found)
    for replica, error in failed.items():
        _say(f"{replica}: {name} counts as missing, since the replica could not be asked: {error}")
    return {replica: MISSING if isinstance(state, Exception) else state for replica, state in found.items()}


def remove(target: Target, props: Mapping[str, Any], *, ledger: str | None = None) -> None:
    """Waits until the agents have taken the model off; on a server without agents, takes off what we brought.

    Raises:
        ModelOperationError: names each replica that still has it.
    """
    name = str(props["name"])

    async def wait(agent: Agent) -> bool:
        return await agent.wait_gone(name, LOOK_S)

    async def take(client: OllamaClient) -> bool:
        async with asyncio.timeout(LOOK_S):
            return bool(await ollama.remove_unwanted(client, [], _ledger(ledger)))

    async def run() -> dict[str, bool | Exception]:
        if target.kind == "url":
            return await _by_url(target, take)
        return await _by_agent(target, wait, absent=False) if await _exists(target) else {}

    _all_or_error(f"model `{name}` is still on replicas of `{target.label}`", asyncio.run(run()))


def _entries(props: Mapping[str, Any], key: str) -> list[WantedEntry]:
    texts: Any = props.get(key) or []
    # As text, since Pulumi hands whole numbers over as floats and the shape is strict.
    return [WantedEntry.model_validate_json(text) for text in ([texts] if isinstance(texts, str) else texts)]


def _ledger(text: str | None) -> MemoryLedger:
    return MemoryLedger([] if text is None else _LEDGER.validate_json(text))


async def _exists(target: Target) -> bool:
    try:
        async with PodProxy(kube_context.load(target.context), target.namespace) as proxy:
            return await proxy.stateful_set_exists(target.stateful_set)
    except (kube_context.KubeContextError, OllamaError) as error:
        raise ModelOperationError(f"the cluster of `{target.label}` could not be asked: {error}") from error


async def _by_url(target: Target, work: Callable[[OllamaClient], Awaitable[T]]) -> dict[str, T | Exception]:
    async with httpx.AsyncClient(base_url=target.url) as http:
        try:
            return {target.url: await work(OllamaClient(http, target.url))}
        except (OllamaError, EnsureFailed, TimeoutError) as error:
            return {target.url: error}


async def _by_agent(
    target: Target,
    work: Callable[[Agent], Awaitable[T]],
    *,
    absent: T | None = None,
    only: Sequence[str] | None = None,
) -> dict[str, T | Exception]:
    """Runs `work` on the agents of all replicas at once; replica to result or failure.

    Args:
        target: the server.
        work: what to do with one agent.
        absent: the result for a pod that does not exist; None has `work` wait for it.
        only: the replicas; None means all.
    """
    replicas = target.replicas if only is None else only
    try:
        async with (
            PodProxy(kube_context.load(target.context), target.namespace) as proxy,
            agents(
                proxy,
                mode=target.mode,
                context=target.context,
                namespace=target.namespace,
                service=f"{target.stateful_set}-pods",
                port=target.port,
                url=target.url,
            ) as open_agent,
        ):

            async def why(replica: str) -> str:
                try:
                    state = await proxy.pod_state(replica)
                except OllamaError as error:
                    return error.message
                return "there is no such pod yet" if state is None else state.why

            async def one(replica: str) -> T | None:
                if absent is not None and await proxy.pod_state(replica) is None:
                    return absent
                return await work(Agent(open_agent, replica, lambda: why(replica)))

            results = await asyncio.gather(*map(one, replicas), return_exceptions=True)
    except (kube_context.KubeContextError, OllamaError) as error:
        raise ModelOperationError(f"the cluster of `{target.label}` cannot be reached: {error}") from error
    found: dict[str, T | Exception] = {}
    for replica, result in zip(replicas, results, strict=True):
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
        found[replica] = result  # pyright: ignore[reportArgumentType]
    return found


def _all_or_error(told: str, results: Mapping[str, T | Exception]) -> dict[str, T]:
    """The results, if there is no failure among them.

    Raises:
        ModelOperationError: with every failure.
    """
    failures: list[OllamaError] = []
    done: dict[str, T] = {}
    for replica, result in results.items():
        if isinstance(result, EnsureFailed):
            failures += result.failures
        elif isinstance(result, OllamaError):
            failures.append(result)
        elif isinstance(result, TimeoutError):
            failures.append(TransientError(replica, None, f"no answer within {LOOK_S:g} s", "deploy again"))
        elif isinstance(result, Exception):
            failures.append(SystemFault(replica, None, f"{type(result).__name__}: {result}"))
        else:
            done[replica] = result
    if failures:
        lines = [f"{told}:", *(f"- {failure}" for failure in failures)]
        if done:
            lines.append(f"Done on {', '.join(done)}; the next `pulumi up` goes on from there.")
        raise ModelOperationError("\n".join(lines))
    return done


def _say(line: str) -> None:
    # Pulumi shows a dynamic provider's standard output as it comes.
    print(line, flush=True)
