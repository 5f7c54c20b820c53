"""``make ask``: a question to a deployed model, its answer streamed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from rich.console import Console

from components.kube_context import kubeconfig_paths, load
from components.pod_proxy import PodProxy
from ollama import OllamaClient, OllamaError
from toolchain.commands.machines import NotUpError
from toolchain.stack.pulumi import Pulumi
from toolchain.stack.target import Server, servers

OLLAMA_PORT = 11434
# A first answer loads the model from disk; on a small machine that takes a while.
ANSWER_LIMIT_S = 300
_CHAT = "completion"


def ask(pulumi: Pulumi, question: str, *, model: str | None = None, console: Console) -> None:
    """Ask the first server that has a model for it.

    Args:
        pulumi: of the stack that is asked.
        question: in any language the model knows.
        model: its name; the first one that can chat when None.
        console: gets the answer, piece by piece.

    Raises:
        NotUpError: nothing is deployed, or no such model.
        OllamaError: the server does not answer.
    """
    outputs = pulumi.outputs()
    deployed = [server for server in servers(outputs) if server.models]
    if not deployed:
        raise NotUpError("no model is deployed: run `make up`")
    if model is not None:
        deployed = [server for server in deployed if model in server.models]
        if not deployed:
            known = ", ".join(name for server in servers(outputs) for name in server.models)
            raise NotUpError(f"there is no model {model!r}; deployed are: {known}")
    namespace = str(outputs.get("namespace", ""))
    asyncio.run(_answer(pulumi, deployed, namespace=namespace, question=question, model=model, console=console))


async def _answer(
    pulumi: Pulumi, deployed: list[Server], *, namespace: str, question: str, model: str | None, console: Console
) -> None:
    async with asyncio.timeout(ANSWER_LIMIT_S):
        for server in deployed:
            async with _client(pulumi, server, namespace) as client:
                chosen = model if model is not None else await _chat_model(client, server)
                if chosen is None:
                    continue
                async for piece in client.chat(chosen, [{"role": "user", "content": question}]):
                    console.print(piece, end="", markup=False)
                console.print()
                return
    raise NotUpError("none of the deployed models can chat; add one to `servers` in the stack's configuration")


async def _chat_model(client: OllamaClient, server: Server) -> str | None:
    for name in server.models:
        info = await client.show(name)
        if info is not None and _CHAT in (info.capabilities or []):
            return name
    return None


@asynccontextmanager
async def _client(pulumi: Pulumi, server: Server, namespace: str) -> AsyncGenerator[OllamaClient]:
    """A replica through the API server, or the server's own URL where it runs outside the cluster."""
    if not server.endpoint.endswith(f".svc.cluster.local:{OLLAMA_PORT}"):
        async with httpx.AsyncClient(base_url=server.endpoint, timeout=ANSWER_LIMIT_S) as http:
            yield OllamaClient(http, server.name)
            return
    context = load(paths=kubeconfig_paths(environment={**os.environ, **pulumi.variables}))
    async with PodProxy(context, namespace) as proxy:
        for replica in server.replicas:
            state = await proxy.pod_state(replica)
            if state is not None and state.ready:
                yield proxy.ollama(replica, OLLAMA_PORT)
                return
        raise OllamaError(
            server.replicas[0], None, f"no replica of {server.name} is ready", "see `make status` for what is wrong"
        )
