"""One model on many replicas: asks them all at once, and tells what went wrong on which."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

import httpx

import ollama
from components import kube_context
from components.pod_proxy import PodProxy
from components.pull_progress import ProgressLines
from ollama import (
    EnsureFailed,
    ModelState,
    OllamaClient,
    OllamaError,
    PullPolicy,
    SystemFault,
    TransientError,
    WantedModel,
)

MISSING = "missing"

READY_S = 600.0
"""A replica may have to be scheduled, get its volume and fetch its image first."""

LOOK_S = 60.0
"""For looking at a replica or removing from it, where nothing is downloaded."""

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
    replica_count: int = 1
    url: str = ""

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
        return [f"{self.stateful_set}-{index}" for index in range(self.replica_count)]


def ensure(target: Target, props: Mapping[str, Any], *, begin_anew: bool = False) -> dict[str, ModelState]:
    """Brings the model to every replica at once.

    Args:
        target: the server.
        props: `name`, `pullFrom`, `insecure`, `digest` and the limits `deadlineS`, `noProgressS`, `readyS`.
        begin_anew: take what is there under that name away first.

    Returns:
        Replica to what it has now.

    Raises:
        ModelOperationError: names each replica that has it not, with the cause; the others keep theirs.
    """
    policy = PullPolicy(
        deadline_s=float(props.get("deadlineS") or PullPolicy.deadline_s),
        no_progress_s=float(props.get("noProgressS") or PullPolicy.no_progress_s),
    )
    wanted = WantedModel(
        name=props["name"],
        source=props["pullFrom"],
        digest=props.get("digest"),
        insecure=bool(props.get("insecure")),
    )
    lines = ProgressLines(_say)

    async def one(client: OllamaClient) -> ModelState:
        if begin_anew:
            await ollama.remove(client, wanted.name, policy=policy)
        return (await ollama.ensure(client, [wanted], on_event=lines, policy=policy))[0]

    states = asyncio.run(_on_replicas(target, one, wait_s=float(props.get("readyS") or READY_S)))
    return _all_or_error(f"model `{wanted.name}` is not on every replica of `{target.label}`", states)


def observe(target: Target, name: str) -> dict[str, str] | None:
    """Replica to its digest of the model or `MISSING`; None when the whole server is gone.

    A replica that is not there, or does not answer in time while others do, counts as missing: the next `up` looks
    again, and does nothing where all is well.

    Raises:
        ModelOperationError: no replica answers, so nothing can be said.
    """

    async def one(client: OllamaClient) -> str:
        async with asyncio.timeout(LOOK_S):
            state = await ollama.observe(client, name)
        return MISSING if state is None else state.digest

    async def run() -> dict[str, str | Exception] | None:
        if not await _exists(target):
            return None
        return await _on_replicas(target, one, wait_s=LOOK_S, absent=MISSING)

    found = asyncio.run(run())
    if found is None:
        return None
    failed = {replica: state for replica, state in found.items() if isinstance(state, Exception)}
    if failed and len(failed) == len(found):
        _all_or_error(f"model `{name}` could not be looked for on `{target.label}`", found)
    for replica, error in failed.items():
        _say(f"{replica}: {name} counts as missing, since the replica could not be asked: {error}")
    return {replica: MISSING if isinstance(state, Exception) else state for replica, state in found.items()}


def remove(target: Target, name: str, *, keep: frozenset[str] = frozenset()) -> None:
    """Takes the model off every replica that is there, except those in `keep`. Blobs of other models stay.

    Raises:
        ModelOperationError: names each replica that still has it.
    """

    async def one(client: OllamaClient) -> bool:
        if client.label in keep:
            return False
        async with asyncio.timeout(LOOK_S):
            return await ollama.remove(client, name)

    async def run() -> dict[str, bool | Exception]:
        if not await _exists(target):
            return {}
        return await _on_replicas(target, one, wait_s=LOOK_S, absent=False)

    _all_or_error(f"model `{name}` is still on replicas of `{target.label}`", asyncio.run(run()))


async def _exists(target: Target) -> bool:
    if target.kind == "url":
        return True
    try:
        context = kube_context.load(target.context)
        async with PodProxy(context, target.namespace) as proxy:
            return await proxy.stateful_set_exists(target.stateful_set)
    except (kube_context.KubeContextError, OllamaError) as error:
        raise ModelOperationError(f"the cluster of `{target.label}` could not be asked: {error}") from error


async def _on_replicas(
    target: Target, work: Callable[[OllamaClient], Awaitable[T]], *, wait_s: float, absent: T | None = None
) -> dict[str, T | Exception]:
    """Runs `work` on all replicas at once; replica to result or failure.

    Args:
        target: the server.
        work: what to do with one replica.
        wait_s: how long a pod may take to be Ready.
        absent: the result for a pod that does not exist; None waits for it.
    """
    replicas = target.replicas
    try:
        async with _clients(target) as client_of:
            tasks = [client_of(replica, wait_s, absent is not None) for replica in replicas]

            async def one(opening: Awaitable[OllamaClient | None]) -> T | None:
                client = await opening
                return absent if client is None else await work(client)

            results = await asyncio.gather(*(one(task) for task in tasks), return_exceptions=True)
    except (kube_context.KubeContextError, OllamaError) as error:
        raise ModelOperationError(f"the cluster of `{target.label}` cannot be reached: {error}") from error
    found: dict[str, T | Exception] = {}
    for replica, result in zip(replicas, results, strict=True):
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
        found[replica] = result  # pyright: ignore[reportArgumentType]
    return found


@asynccontextmanager
async def _clients(
    target: Target,
) -> AsyncGenerator[Callable[[str, float, bool], Awaitable[OllamaClient | None]]]:
    if target.kind == "url":
        async with httpx.AsyncClient(base_url=target.url) as http:

            async def by_url(replica: str, _wait_s: float, _absent_ok: bool) -> OllamaClient | None:
                return OllamaClient(http, replica)

            yield by_url
        return
    async with PodProxy(kube_context.load(target.context), target.namespace) as proxy:

        async def by_pod(replica: str, wait_s: float, absent_ok: bool) -> OllamaClient | None:
            if absent_ok and await proxy.pod_state(replica) is None:
                return None
            await proxy.wait_ready(replica, wait_s)
            return proxy.ollama(replica, target.port)

        yield by_pod


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
