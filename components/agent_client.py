"""What a replica's agent says of its models, and waiting until it says that one is there."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx
from pydantic import ValidationError

from ollama.errors import ConfigurationError, Kind, OllamaError, ResourceError, SystemFault, TransientError
from ollama.state import ModelState, OnEvent, Phase, PullEvent
from replica_agent.report import Failure, ModelReport, ReplicaReport

POLL_S = 0.5

CANCEL_FILE = "ECHORATOR_CANCEL_FILE"
"""Variable with the path of a file that ends every wait once it is there."""

UNSEEN_S = 180.0
"""An agent hears of a change at once, or, where it cannot watch the API server, when the kubelet renews its file."""

TRANSIENT_TRIES = 3
"""Of the agent, each of which is several pulls with pauses between: without a new byte, so many end a deploy."""

STALLED_S = 120.0
"""Without a new byte of any model on the replica for so long, one try that ended badly is enough: one whose pulls all
hang, or whose bytes are always wrong, takes minutes by itself."""

_KINDS: dict[Kind, type[OllamaError]] = {
    "transient": TransientError,
    "configuration": ConfigurationError,
    "resource": ResourceError,
    "system": SystemFault,
}
_PHASES: dict[str, Phase] = {
    "Pending": "waiting",
    "Pulling": "downloading",
    "Creating": "writing",
    "Verifying": "verifying",
    "Loading": "loading",
    "Retrying": "retrying",
    "Failed": "retrying",
}


@dataclass(frozen=True)
class Limits:
    """Times in seconds.

    Attributes:
        ready_s: until the agent answers for the first time: the pod may have to be scheduled, get its volume and
            fetch its images.
        deadline_s: until the model is there, from the agent's first answer.
    """

    ready_s: float
    deadline_s: float


class Agent:
    """The agent of one replica."""

    def __init__(
        self,
        open_agent: Callable[[str], Awaitable[httpx.AsyncClient]],
        replica: str,
        why: Callable[[], Awaitable[str]],
    ) -> None:
        """Prepares.

        Args:
            open_agent: gives a client of a pod's agent.
            replica: name of the pod.
            why: what the pod's status gives for the agent's silence.
        """
        self._open = open_agent
        self._http: httpx.AsyncClient | None = None
        self._replica = replica
        self._why = why

    async def report(self) -> ReplicaReport:
        """What the agent says now.

        Raises:
            TransientError: it cannot be reached.
            ConfigurationError: the user may not look.
            SystemFault: something else answered.
        """
        response = await self._get("/v1/models")
        try:
            return ReplicaReport.model_validate_json(response.content)
        except ValidationError as error:
            raise SystemFault(self._replica, None, f"the agent's report cannot be read: {error}") from error

    async def look(self) -> None:
        """Has the agent begin its next round at once."""
        await self._get("/v1/look")

    async def wait_ready(self, name: str, fingerprint: str, limits: Limits, on_event: OnEvent) -> ModelState:
        """The model's state once the agent says that it is there as wanted.

        Raises:
            OllamaError: what the agent says went wrong, or that it took too long.
        """
        report = await self._first_report(limits.ready_s, name, on_event)
        begun = time.monotonic()
        tries = _Tries(_find(report, name), fingerprint)
        if tries.stale:
            await self.look()
        worked = False
        while True:
            found = _find(report, name)
            if found is not None and found.fingerprint == fingerprint:
                if found.phase == "Ready" and found.digest is not None:
                    on_event(PullEvent(self._replica, name, "ready", found.size_bytes, found.size_bytes))
                    return ModelState(name, found.digest, found.size_bytes, "pulled" if worked else "present")
                if found.failure is not None and tries.used_up(found, report):
                    raise self._failed(name, found.failure)
                worked = True
                on_event(_event(self._replica, found))
            elif time.monotonic() - begun > UNSEEN_S:
                hint = f"see `kubectl logs {self._replica} -c agent`: it reads the ConfigMap with the wanted models"
                raise TransientError(self._replica, name, f"the agent saw no change within {UNSEEN_S:g} s", hint)
            if time.monotonic() - begun > limits.deadline_s:
                said = "" if found is None else f", it is at phase {found.phase}"
                hint = "deploy again, which goes on from here; if it is only slow, raise the deadline"
                raise TransientError(self._replica, name, f"not there within {limits.deadline_s:g} s{said}", hint)
            await self._pause(name)
            # A pod that is replaced in the middle is waited for like one that starts.
            report = await self._first_report(limits.ready_s, name, on_event)

    async def wait_gone(self, name: str, limit_s: float) -> bool:
        """Whether the model left; False when the agent's list still wants it: then it is somebody else's by now.

        Raises:
            TransientError: it is still there after `limit_s`, though nobody wants it.
        """
        deadline = time.monotonic() + limit_s
        while True:
            report = await self.report()
            wanted = _find(report, name) is not None
            if not wanted and name not in report.leaving:
                return True
            if time.monotonic() > deadline:
                if wanted:
                    return False
                hint = f"see `kubectl logs {self._replica} -c agent`, then deploy again"
                raise TransientError(self._replica, name, f"still there after {limit_s:g} s", hint)
            await self._pause(name)

    async def _first_report(self, limit_s: float, name: str, on_event: OnEvent) -> ReplicaReport:
        why = "it does not answer"
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    try:
                        return await self.report()
                    except TransientError as error:
                        why = await self._why() or error.message
                        on_event(PullEvent(self._replica, name, "waiting", detail=why))
                    await self._pause(name)
        except TimeoutError:
            hint = f"see `kubectl describe pod {self._replica}`, then deploy again"
            raise TransientError(self._replica, name, f"not running within {limit_s:g} s: {why}", hint) from None

    async def _pause(self, name: str) -> None:
        if _cancelled():
            raise TransientError(self._replica, name, "cancelled", "deploy again, which goes on from here")
        await asyncio.sleep(POLL_S)

    async def _get(self, path: str) -> httpx.Response:
        if self._http is None:
            self._http = await self._open(self._replica)
        try:
            response = await self._http.get(path)
        except httpx.HTTPError as error:
            # A forward to a pod that was replaced leads nowhere; the next call opens a new one.
            self._http = None
            text = str(error) or type(error).__name__
            raise TransientError(self._replica, None, f"the agent does not answer: {text}") from error
        status = response.status_code
        if status == HTTPStatus.OK:
            return response
        said = response.text[:300]
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            hint = "the user needs `get` on pods, pods/proxy and statefulsets; or see the server's `reach.mode`"
            raise ConfigurationError(self._replica, None, f"the API server answered {status}: {said}", hint)
        raise TransientError(self._replica, None, f"the way to the agent answered {status}: {said}")

    def _failed(self, name: str, failure: Failure) -> OllamaError:
        return _KINDS[failure.kind](self._replica, name, failure.message, failure.hint)


def _cancelled() -> bool:
    # The engine tells a provider that waits nothing of an interrupt; whoever ends a deploy makes this file.
    told = os.environ.get(CANCEL_FILE)
    return bool(told) and Path(told).exists()


class _Tries:
    """When an agent that goes on trying for ever has tried often enough for a deploy to give up.

    What failed before the deploy may have been mended since, so only tries that end during it count.
    """

    def __init__(self, first: ModelReport | None, fingerprint: str) -> None:
        known = first if first is not None and first.fingerprint == fingerprint else None
        self.stale = known is not None and known.failure is not None
        self._first = 0 if known is None else known.attempts
        self._before = self._first
        self._best = 0
        self._most = 0
        self._grew = time.monotonic()

    def used_up(self, model: ModelReport, report: ReplicaReport) -> bool:
        """Whether the model's failure is the last word.

        Args:
            model: of `report`, with a failure.
            report: a model may also wait for others that are brought before it.
        """
        # An agent that was started anew counts from the beginning.
        self._first, self._before = min(self._first, model.attempts), min(self._before, model.attempts)
        if model.phase == "Failed":
            # Only a change helps, however far the download came.
            return model.attempts > self._first
        if model.completed > self._best:
            self._best, self._before = model.completed, model.attempts
        brought = sum(one.completed for one in report.models)
        if brought > self._most:
            self._most, self._grew = brought, time.monotonic()
        ended = model.attempts - self._before
        if time.monotonic() - self._grew > STALLED_S:
            return ended >= 1
        # Whatever its phase: after a failure the next try may begin between two looks at the report.
        return ended >= TRANSIENT_TRIES


def _find(report: ReplicaReport, name: str) -> ModelReport | None:
    return next((model for model in report.models if model.name == name), None)


def _event(replica: str, model: ModelReport) -> PullEvent:
    detail = model.failure.message if model.failure is not None else ""
    return PullEvent(replica, model.name, _PHASES[model.phase], model.completed, model.total, detail)
