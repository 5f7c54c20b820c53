"""``make ask``: a question to a deployed model, its answer streamed."""

from __future__ import annotations

import asyncio

from rich.console import Console

from ollama import OllamaClient, OllamaError
from toolchain.session import NotUpError
from toolchain.stack import reach
from toolchain.stack.pulumi import Pulumi
from toolchain.stack.target import Server, servers

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
        OllamaError: no replica answers.
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
    coming: list[str] = []
    for server in deployed:
        if asyncio.run(
            _answer(pulumi, server, namespace, question=question, model=model, coming=coming, console=console)
        ):
            return
    if coming:
        raise NotUpError(f"models are still coming: {', '.join(coming)}; `make status` tells how far they are")
    raise NotUpError("none of the deployed models can chat; add one to `servers` in the stack's configuration")


async def _answer(
    pulumi: Pulumi,
    server: Server,
    namespace: str,
    *,
    question: str,
    model: str | None,
    coming: list[str],
    console: Console,
) -> bool:
    """Whether a replica has a model that can chat; then its answer was shown. Adds to `coming` what is not there."""
    if not server.replicas:
        raise NotUpError(f"the server {server.name!r} has no replica: set `replicas` to 1 or more and run `make up`")
    failures: list[OllamaError] = []
    async with reach.replicas(pulumi, server, namespace) as client_of:
        for replica in server.replicas:
            client = client_of(replica)
            missing: list[str] = []
            try:
                chosen = model if model is not None else await _chat_model(client, server, missing)
            except OllamaError as error:
                failures.append(error)
                continue
            if chosen is None:
                coming += [f"{name} on {replica}" for name in missing]
                continue
            async for piece in client.chat(chosen, [{"role": "user", "content": question}]):
                console.print(piece, end="", markup=False)
            console.print()
            return True
    if len(failures) == len(server.replicas):
        raise failures[0]
    return False


async def _chat_model(client: OllamaClient, server: Server, missing: list[str]) -> str | None:
    for name in server.models:
        info = await client.show(name)
        if info is None:
            missing.append(name)
        elif _CHAT in (info.capabilities or []):
            return name
    return None
