"""Pull one model onto one server, watching that bytes move."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field

from ollama.client import OllamaClient
from ollama.errors import OllamaError, TransientError
from ollama.policy import PullPolicy
from ollama.state import OnEvent, Phase, PullEvent
from ollama.wire import PullProgress


@dataclass
class Transfer:
    """What the lines of one pull add up to.

    Attributes:
        phase: where it is.
        best: most bytes seen so far.
        done: whether the line `success` came.
        found: digests that were complete when they were first named: files that were there, which Ollama does not
            hash, and small ones that came within its first tick.
    """

    phase: Phase = "manifest"
    best: int = 0
    done: bool = False
    found: set[str] = field(default_factory=set[str])
    _blobs: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])

    @property
    def completed(self) -> int:
        """Bytes on the server's disk, over the blobs seen so far."""
        return sum(completed for completed, _ in self._blobs.values())

    @property
    def total(self) -> int:
        """Bytes of the blobs seen so far."""
        return sum(total for _, total in self._blobs.values())

    def take(self, line: PullProgress) -> bool:
        """Take in one line; return whether it is progress.

        Progress is more bytes than the line before said, or another phase. It is not measured against the
        best so far: after a failed part Ollama takes back what it had counted, and a healthy second
        download of it would look dead for as long as the first took.
        """
        before, phase = self.completed, self.phase
        if line.digest is not None:
            if line.digest not in self._blobs and line.completed == line.total:
                self.found.add(line.digest)
            self._blobs[line.digest] = (line.completed, line.total)
            self.phase = "downloading"
        elif line.status.startswith("verifying"):
            self.phase = "verifying"
        elif line.status.startswith(("writing", "removing")):
            self.phase = "writing"
        elif line.status == "success":
            self.done = True
        self.best = max(self.best, self.completed)
        return self.done or self.completed > before or self.phase != phase


async def pull(
    client: OllamaClient,
    source: str,
    *,
    insecure: bool,
    model: str,
    policy: PullPolicy,
    on_event: OnEvent,
) -> frozenset[str]:
    """Pull `source` until the server says `success`.

    Args:
        client: the server.
        source: full name to pull.
        insecure: the registry speaks plain HTTP.
        model: wanted name, for events and errors.
        policy: limits; the caller sees to the deadline.
        on_event: told each step.

    Returns:
        Digests of the files that the server did not hash, since they were there, or may not have.

    Raises:
        TransientError: the attempts are used up; the message has the last cause.
        OllamaError: of another kind, at once: trying again would not help.
    """
    failures, tries, best = 0, 0, 0
    while True:
        transfer = Transfer()
        tries += 1
        try:
            await _attempt(
                client, source, insecure=insecure, model=model, policy=policy, on_event=on_event, transfer=transfer
            )
        except TransientError as error:
            failures = 1 if transfer.best > best else failures + 1
            best = max(best, transfer.best)
            if failures >= policy.attempts:
                message = f"gave up after {tries} tries to pull `{source}`: {error.message}"
                raise TransientError(client.label, model, message, error.hint) from error
            on_event(PullEvent(client.label, model, "retrying", transfer.completed, transfer.total, error.message))
        except OllamaError as error:
            message = f"cannot pull `{source}`: {error.message}"
            raise type(error)(client.label, model, message, error.hint) from error
        else:
            return frozenset(transfer.found)
        await policy.pause(failures)


async def _attempt(
    client: OllamaClient,
    source: str,
    *,
    insecure: bool,
    model: str,
    policy: PullPolicy,
    on_event: OnEvent,
    transfer: Transfer,
) -> None:
    loop = asyncio.get_running_loop()
    watch = asyncio.timeout(policy.no_progress_s)
    told: tuple[Phase, int, int] | None = None
    try:
        # Leaving the stream closes the connection, at which the server cancels the download.
        async with watch, aclosing(client.pull(source, insecure=insecure)) as lines:
            async for line in lines:
                if transfer.take(line):
                    verifying = transfer.phase == "verifying"
                    allowed = policy.verify_s(transfer.total) if verifying else policy.no_progress_s
                    watch.reschedule(loop.time() + allowed)
                now = (transfer.phase, transfer.completed, transfer.total)
                if now != told:
                    told = now
                    on_event(PullEvent(client.label, model, *now))
                if transfer.done:
                    return
    except TimeoutError as error:
        if not watch.expired():
            raise
        raise TransientError(
            client.label,
            model,
            f"no progress for {policy.no_progress_s:g} s at {transfer.completed} of {transfer.total} bytes "
            f"while {transfer.phase}",
            "see whether the replica reaches the registry or the model store, and whether that is overloaded",
        ) from error
    raise TransientError(
        client.label, model, "the pull ended without `success`", "see the log of the replica's Ollama server"
    )
