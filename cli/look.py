"""Looks at a stack's servers: what the configuration wants, what the cluster and the agents say is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx

from cli.phases import Phase, State, adopted_state, model_phase, replica_state, server_state
from cli.view import Model, Replica, Server, View
from components.agent_client import Agent
from components.kube_api import KubeApi
from components.kube_context import KubeContext
from components.labels import PART_OF
from components.pod_proxy import PodProxy
from components.reach import agents
from components.settings.server import ServerSettings
from components.settings.stack import Settings
from ollama import OllamaClient, OllamaError, observe
from ollama.names import ModelName
from replica_agent.ports import AGENT_PORT
from replica_agent.report import ReplicaReport
from toolchain.status.diagnose import Problem, claim_problems, pod_problems

Object = Mapping[str, Any]

CALL_LIMIT_S = 5.0
"""For one replica's report: a replica that is just starting must not hold up all the others."""

_RESTARTS_COUNT_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class Objects:
    """What the API server has in the models' namespace."""

    stateful_sets: Mapping[str, Object]
    pods: Mapping[str, Object]
    claims: Sequence[Object]

    def of(self, stateful_set: str) -> dict[str, Object]:
        """The pods that a StatefulSet owns, by name."""
        return {name: pod for name, pod in self.pods.items() if stateful_set in _owners(pod)}


def namespace(settings: Settings) -> str:
    """Where the stack's models run."""
    return f"{settings.namespace}-models"


def objects(context: KubeContext, settings: Settings) -> Objects:
    """What there is; nothing where the namespace is not there.

    Raises:
        KubeUnreachableError: the API server does not answer.
        KubeApiError: it refuses.
    """
    place = namespace(settings)
    with KubeApi(context, retry_s=0) as api:

        def listed(path: str) -> list[Object]:
            found = api.get(path)
            return [] if found is None else cast("list[Object]", found["items"])

        selector = f"labelSelector=app.kubernetes.io/part-of%3D{PART_OF}"
        sets = listed(f"/apis/apps/v1/namespaces/{place}/statefulsets?{selector}")
        pods = listed(f"/api/v1/namespaces/{place}/pods?{selector}")
        claims = listed(f"/api/v1/namespaces/{place}/persistentvolumeclaims")
    return Objects({_name(one): one for one in sets}, {_name(one): one for one in pods}, claims)


async def look(context: KubeContext, settings: Settings, stack: str) -> View:
    """Look at everything once.

    Raises:
        KubeUnreachableError: the API server does not answer.
        KubeApiError: it refuses.
    """
    hosted = [server for server in settings.servers if server.url is None]
    there = await asyncio.to_thread(objects, context, settings) if hosted else Objects({}, {}, [])
    async with PodProxy(context, namespace(settings)) as proxy:
        servers = await asyncio.gather(
            *(
                _hosted(server, there, proxy, context, namespace(settings)) if server.url is None else _adopted(server)
                for server in settings.servers
            )
        )
    since = datetime.now(UTC) - _RESTARTS_COUNT_FOR
    problems = [*pod_problems(there.pods.values(), since), *claim_problems(there.claims)]
    problems += [problem for server in servers for problem in _server_problems(server)]
    return View(stack, namespace(settings), servers, problems)


@asynccontextmanager
async def asking(
    server: ServerSettings, proxy: PodProxy, context: KubeContext, place: str
) -> AsyncGenerator[Callable[[Sequence[str]], Awaitable[dict[str, ReplicaReport]]]]:
    """A function from pods of one server to what their agents say; without those that do not answer."""
    known: dict[str, Agent] = {}
    async with agents(
        proxy,
        mode=server.reach.mode,
        context=context.name,
        namespace=place,
        service=f"{server.name}-pods",
        port=AGENT_PORT,
        url=server.reach.url,
    ) as open_agent:

        async def no_reason() -> str:
            return ""

        async def ask(pod: str) -> ReplicaReport | None:
            # Kept, since each one holds a connection, or a forward, to its pod.
            agent = known.setdefault(pod, Agent(open_agent, pod, no_reason))
            try:
                async with asyncio.timeout(CALL_LIMIT_S):
                    return await agent.report()
            except (OllamaError, TimeoutError):
                return None

        async def ask_all(pods: Sequence[str]) -> dict[str, ReplicaReport]:
            found = await asyncio.gather(*(ask(pod) for pod in pods))
            return {pod: report for pod, report in zip(pods, found, strict=True) if report is not None}

        yield ask_all


async def _hosted(server: ServerSettings, there: Objects, proxy: PodProxy, context: KubeContext, place: str) -> Server:
    writer = f"{server.name}-writer"
    pods = {**there.of(writer), **there.of(server.name)}
    async with asking(server, proxy, context, place) as ask:
        said = await ask([name for name, pod in pods.items() if runs(pod)])
    names = [ModelName.parse(model.name).short for model in server.models]
    stateful_set = there.stateful_sets.get(server.name)
    deployed = 0 if stateful_set is None else int(stateful_set["spec"].get("replicas", 1))
    # Where an autoscaler decides, what it decided is what is wanted.
    wanted = server.replicas if server.scaling is None else max(deployed, server.least_replicas)
    shall = max(wanted, deployed)
    expected = [f"{server.name}-{index}" for index in range(shall)]
    replicas = [
        Replica(
            name=name,
            state=replica_state(pods.get(name), _claims_of(pods.get(name), there.claims), said.get(name), names),
            restarts=_restarts(pods.get(name)),
            report=said.get(name),
        )
        for name in dict.fromkeys([*sorted(pods), *expected])
    ]
    # A replica that there is none of yet makes its server scale, which the server's state knows from the numbers.
    states = {one.name: one.state for one in replicas if one.name in pods and not one.name.startswith(f"{writer}-")}
    state = server_state(stateful_set, states, wanted)
    failed = next(
        (one for one in replicas if one.name.startswith(f"{writer}-") and one.state.phase is Phase.FAILED), None
    )
    if failed is not None:
        state = State(Phase.FAILED, f"{failed.name}: {failed.state.why}")
    models = [_model(model.name, model.source, model.digest, replicas) for model in server.models]
    return Server(server.name, state, wanted, None, replicas, models)


async def _adopted(server: ServerSettings) -> Server:
    url = str(server.url)
    found: dict[str, str | None] = {}
    sizes: dict[str, int] = {}
    try:
        async with asyncio.timeout(CALL_LIMIT_S), httpx.AsyncClient(base_url=url, timeout=CALL_LIMIT_S) as http:
            client = OllamaClient(http, server.name)
            for model in server.models:
                state = await observe(client, model.name)
                found[model.name] = None if state is None else state.digest
                sizes[model.name] = 0 if state is None else state.size_bytes
    except (OllamaError, TimeoutError, httpx.HTTPError) as error:
        answer = error.message if isinstance(error, OllamaError) else str(error) or "it does not answer in time"
        state = adopted_state(None, answer)
        models = [Model(one.name, one.source, one.digest, {url: None}, {url: "Unknown"}, 0) for one in server.models]
        return Server(server.name, state, 1, url, [Replica(url, state)], models)
    state = adopted_state(found)
    models = [
        Model(
            name=one.name,
            source=one.source,
            wanted=one.digest,
            found={url: found[one.name]},
            phases={url: "Pending" if found[one.name] is None else "Ready"},
            size=sizes[one.name],
        )
        for one in server.models
    ]
    return Server(server.name, state, 1, url, [Replica(url, state)], models)


def _model(name: str, source: str | None, wanted: str | None, replicas: Sequence[Replica]) -> Model:
    short = ModelName.parse(name).short
    entries = {
        one.name: next((model for model in one.report.models if model.name == short), None) if one.report else None
        for one in replicas
    }
    return Model(
        name=name,
        source=source,
        wanted=wanted,
        found={
            replica: entry.digest if entry is not None and entry.phase in ("Ready", "Loading") else None
            for replica, entry in entries.items()
        },
        phases={one.name: model_phase(one.report, short) for one in replicas},
        size=max((entry.size_bytes for entry in entries.values() if entry is not None), default=0),
    )


def _server_problems(server: Server) -> list[Problem]:
    if server.url is not None:
        if server.state.phase is Phase.FAILED:
            return [Problem(f"server {server.name}", server.state.why, f"see that {server.url} answers")]
        return []
    found: list[Problem] = []
    for replica in server.replicas:
        if replica.report is None:
            continue
        where = f"replica {replica.name}"
        if replica.report.problem is not None:
            found.append(Problem(where, replica.report.problem.message, replica.report.problem.hint))
        found += [
            Problem(f"{where}, model {model.name}", model.failure.message, model.failure.hint)
            for model in replica.report.models
            if model.failure is not None and model.phase in ("Failed", "Retrying")
        ]
    return found


def _name(item: Object) -> str:
    return str(item["metadata"]["name"])


def _owners(item: Object) -> list[str]:
    owners: list[Object] = item["metadata"].get("ownerReferences") or []
    return [str(one["name"]) for one in owners if one["kind"] == "StatefulSet"]


def _containers(pod: Object | None) -> list[Object]:
    status: Object | None = None if pod is None else pod.get("status")
    found: list[Object] | None = None if status is None else status.get("containerStatuses")
    return found or []


def runs(pod: Object) -> bool:
    """Whether one of its containers does."""
    return any("running" in (one.get("state") or {}) for one in _containers(pod))


def _restarts(pod: Object | None) -> int:
    return sum(int(one.get("restartCount", 0)) for one in _containers(pod))


def _claims_of(pod: Object | None, claims: Sequence[Object]) -> list[Object]:
    volumes: list[Object] = [] if pod is None else pod["spec"].get("volumes") or []
    wanted = {one["persistentVolumeClaim"]["claimName"] for one in volumes if "persistentVolumeClaim" in one}
    return [one for one in claims if _name(one) in wanted]
