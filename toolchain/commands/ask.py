"""``make ask``: a question to the echo service or else to a deployed model, its answer streamed."""

from __future__ import annotations

import asyncio

from rich.console import Console

from ollama import OllamaClient, OllamaError
from toolchain.commands.ask_echo import BrokenOffError, NoWayError, ask_echo
from toolchain.session import NotUpError
from toolchain.stack import reach
from toolchain.stack.pulumi import Pulumi
from toolchain.stack.target import Server, servers

_CHAT = "completion"


def ask(pulumi: Pulumi, question: str, *, model: str | None = None, space: str | None = None, console: Console) -> None:
    """Ask the echo service; where the stack has none, or it gives no answer, the first server that has a model for it.

    Args:
        pulumi: of the stack that is asked.
        question: in any language the model knows.
        model: its name; the first one that can chat when None.
        space: of memories, for the echo service; its key's own when None.
        console: gets the answer, piece by piece.

    Raises:
        NotUpError: nothing is deployed, or no such model; a space was named and there is no memory; or the
            answer broke off.
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
    if "echo-endpoint" in outputs:
        wanted = [model] if model is not None else [name for server in deployed for name in server.models]
        if _through_echo(pulumi, namespace, question=question, models=wanted, space=space, console=console):
            return
    elif space is not None:
        raise NotUpError("the stack has no echo service, so no memory: set `echo.enabled` and run `make up`")
    coming: list[str] = []
    for server in deployed:
        if asyncio.run(
            _answer(pulumi, server, namespace, question=question, model=model, coming=coming, console=console)
        ):
            return
    if coming:
        raise NotUpError(f"models are still coming: {', '.join(coming)}; `make status` tells how far they are")
    raise NotUpError("none of the deployed models can chat; add one to `servers` in the stack's configuration")


def _through_echo(
    pulumi: Pulumi, namespace: str, *, question: str, models: list[str], space: str | None, console: Console
) -> bool:
    """Whether the echo service answered; where it does not, why not is said, and the models are asked themselves."""
    try:
        keys: dict[str, str] = pulumi.secret_output("echo-keys")
        asyncio.run(
            ask_echo(
                reach.kube_context(pulumi), namespace, keys, question=question, models=models, space=space,
                console=console,
            )
        )  # fmt: skip
    except BrokenOffError as error:
        console.print()
        raise NotUpError(str(error)) from error
    except (NoWayError, OllamaError) as error:
        if space is not None:
            raise NotUpError(f"the echo service gives no answer: {error}") from error
        console.print(f"not through the echo service: {error}", style="dim", markup=False)
        return False
    return True


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
