"""Have a server make one model, watching that it gets on."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import aclosing

from ollama.errors import OllamaError, TransientError
from ollama.names import ModelName
from ollama.policy import retry
from ollama.state import Phase
from ollama.steps import Steps, VanishedError
from ollama.wire import PullProgress


async def make(
    steps: Steps, name: ModelName, recipe: Mapping[str, object], *, heavy_bytes: int, sent: Collection[str] = ()
) -> None:
    """Make a model until the server says `success`.

    Args:
        steps: the server.
        name: what it is made under.
        recipe: as `POST /api/create` has it.
        heavy_bytes: bytes that the server converts or quantizes, during which it may be silent.
        sent: digests of the files that the server was sent for it.

    Raises:
        VanishedError: the base, or a file that was sent, is gone.
        TransientError: the attempts are used up; the message has the last cause.
        OllamaError: of another kind, at once.
    """
    failures = 0
    while True:
        try:
            await _attempt(steps, name, recipe, steps.policy.create_s(heavy_bytes))
        except VanishedError:
            raise
        except TransientError as error:
            failures += 1
            if failures >= steps.policy.attempts:
                message = f"gave up after {failures} tries to create the model: {error.message}"
                raise TransientError(steps.label, steps.model, message, error.hint) from error
            steps.tell("retrying", detail=error.message)
        except OllamaError as error:
            # A server that starts again forgets the files that it was sent and no model has. What it says then
            # depends on the file that it happens to open first, so it is asked for them.
            if "no such file or directory" in error.message or await _lacks_one(steps, sent):
                raise steps.vanished(f"a file that was sent is gone from the replica: {error.message}") from error
            raise type(error)(steps.label, steps.model, f"cannot create it: {error.message}", error.hint) from error
        else:
            return
        await steps.policy.pause(failures)


async def _lacks_one(steps: Steps, sent: Iterable[str]) -> bool:
    for digest in sent:
        if not await retry(steps.policy, lambda digest=digest: steps.client.has_blob(digest), _unsaid):
            return True
    return False


def _unsaid(_: str) -> None:
    """Nobody needs to hear that the question is asked again: its answer only sorts an error that is told."""


async def _attempt(steps: Steps, name: ModelName, recipe: Mapping[str, object], silence_s: float) -> None:
    loop = asyncio.get_running_loop()
    watch = asyncio.timeout(silence_s)
    line = PullProgress()
    try:
        # Leaving the stream closes the connection; the server stops at the next line that it would write.
        async with watch, aclosing(steps.client.create(name.full, recipe)) as lines:
            async for line in lines:
                watch.reschedule(loop.time() + silence_s)
                if line.status == "success":
                    return
                if line.status.startswith("pulling"):
                    # A base that went away since we looked: the server would take the public registry's instead.
                    raise steps.vanished("the base model is gone from the replica")
                phase: Phase = "quantizing" if line.status.startswith("quantizing") else "creating"
                steps.tell(phase, line.completed, line.total, line.status)
    except TimeoutError as error:
        if not watch.expired():
            raise
        raise TransientError(
            steps.label,
            steps.model,
            f"no progress for {silence_s:g} s while creating: the last word was `{line.status or 'none'}`",
            "see the log of the replica's Ollama server, and whether it has processor time and memory",
        ) from error
    raise TransientError(
        steps.label, steps.model, "the creation ended without `success`", "see the log of the replica's Ollama server"
    )
