"""Where every wanted model is on this replica: written by the reconciler, read by the report, probes and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ollama.document import WantedEntry, fingerprint
from ollama.errors import Kind, OllamaError
from ollama.state import PullEvent
from replica_agent.report import Failure, ModelPhase, ModelReport, ReplicaPhase, ReplicaReport

__all__ = ["Status", "Track", "phase_of"]

# Steps that this table does not know, from a newer `ollama`, count as pulling.
_PHASES: dict[str, ModelPhase] = {
    "waiting": "Retrying",
    "retrying": "Retrying",
    "manifest": "Pulling",
    "downloading": "Pulling",
    "verifying": "Verifying",
    "writing": "Verifying",
    "copying": "Verifying",
    "hashing": "Creating",
    "uploading": "Creating",
    "creating": "Creating",
    "quantizing": "Creating",
    "loading": "Loading",
    "ready": "Verifying",
}
BUSY: frozenset[ModelPhase] = frozenset({"Pulling", "Creating", "Verifying", "Loading", "Retrying"})


def phase_of(step: str) -> ModelPhase:
    """Return the phase that a step of `ollama.ensure` belongs to; only the reconciler says Ready."""
    return _PHASES.get(step, "Pulling")


def now() -> str:
    """The time, RFC 3339 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Track:
    """One wanted model.

    Attributes:
        entry: what is wanted.
        fingerprint: of the entry.
        phase, digest, size, completed, total, since, failure: as in `ModelReport`.
        failures: tries in a row that failed.
        attempts: tries that ended, well or badly.
        best: most bytes that any of them had on the disk.
        due: when it is to be looked at again, by the loop's clock.
        loaded_in: the life of Ollama in which it was preloaded, 0 for none.
        was_ready: it has been Ready under this fingerprint.
        heard: bytes as of the last step of a download; None before its first.
        announced: that it is being brought was told in an Event.
    """

    entry: WantedEntry
    fingerprint: str
    phase: ModelPhase = "Pending"
    since: str = field(default_factory=now)
    digest: str | None = None
    size: int = 0
    completed: int = 0
    total: int = 0
    failure: Failure | None = None
    failures: int = 0
    attempts: int = 0
    best: int = 0
    due: float = 0.0
    loaded_in: int = 0
    was_ready: bool = False
    announced: bool = False
    heard: int | None = None
    _best_before: int = 0

    @property
    def name(self) -> str:
        """The wanted name."""
        return self.entry.name

    def enter(self, phase: ModelPhase) -> bool:
        """Go to a phase; return whether it is another one."""
        if phase == self.phase:
            return False
        self.phase, self.since = phase, now()
        return True

    def take(self, step: PullEvent) -> bool:
        """Take in a step of the work; return whether the phase changed."""
        # A look at a model that is there says `ready` and nothing else: that is no new phase.
        if step.phase == "ready":
            return False
        self.completed, self.total = step.completed, step.total
        self.best = max(self.best, step.completed)
        return self.enter(phase_of(step.phase))

    def succeeded(self, digest: str, size: int) -> None:
        """Note that it is there, at this digest."""
        self.digest, self.size = digest, size
        self.completed = self.total = size
        self.failure, self.failures, self.best = None, 0, 0
        self.attempts += 1

    def failed(self, error: OllamaError) -> None:
        """Note why it is not; a try that got further than those before begins the count anew."""
        further = self.best > 0 and self.best > self._best_before
        self.failures = 1 if further else self.failures + 1
        self._best_before = max(self._best_before, self.best)
        self.failure = Failure(kind=error.kind, message=error.message, hint=error.hint)
        self.attempts += 1
        self.enter("Retrying" if error.kind == "transient" else "Failed")

    def wait_for(self, base: Track) -> None:
        """Note that it cannot be made before what it is made of is there."""
        if self.phase == "Pending" and base.failure is not None:
            message = f"made of `{base.name}`, which is not there: {base.failure.message}"
            self.failure = Failure(kind=base.failure.kind, message=message, hint=base.failure.hint)

    def report(self) -> ModelReport:
        """What is told of it."""
        return ModelReport(
            name=self.name,
            fingerprint=self.fingerprint,
            phase=self.phase,
            digest=self.digest,
            size_bytes=self.size,
            completed=self.completed,
            total=self.total,
            attempts=self.attempts,
            since=self.since,
            failure=self.failure,
        )


@dataclass
class Status:
    """The whole replica.

    Attributes:
        server, replica: names of the server and of the pod.
        revision: of the list that is worked on; empty before the first.
        ollama_version: empty until it answers.
        ollama_up: whether it answered the last time it was asked.
        ollama_life: how many times Ollama was seen to start.
        admitted: all wanted models were there once.
        leaving: names that are to go.
    """

    server: str
    replica: str
    revision: str = ""
    ollama_version: str = ""
    ollama_up: bool = False
    ollama_life: int = 0
    admitted: bool = False
    leaving: tuple[str, ...] = ()
    _tracks: list[Track] = field(default_factory=list[Track])
    _problems: dict[str, Failure] = field(default_factory=dict[str, Failure])

    def __iter__(self) -> Iterator[Track]:
        return iter(self._tracks)

    def adopt(self, entries: Sequence[WantedEntry], revision: str) -> None:
        """Take a new list; what is known of a model that is wanted as before stays."""
        before = {track.fingerprint: track for track in self._tracks}
        # An entry that stands twice in the list is told of twice, and is a fault of its own.
        named = {track.name: track for track in self._tracks}
        tracks: list[Track] = []
        for entry in entries:
            mark = fingerprint(entry)
            track = before.pop(mark, None)
            if track is None:
                track = Track(entry, mark)
                if entry.name in named:
                    # It keeps what is on the disk until it is looked at.
                    track.digest, track.size = named[entry.name].digest, named[entry.name].size
            track.due = 0.0
            tracks.append(track)
        self._tracks, self.revision = tracks, revision

    def problem(self, about: str, message: str = "", kind: Kind = "transient", hint: str = "") -> None:
        """Say what is wrong with the replica as a whole, or, with an empty message, that this is over."""
        if message:
            self._problems[about] = Failure(kind=kind, message=message, hint=hint)
        else:
            self._problems.pop(about, None)

    @property
    def complete(self) -> bool:
        """Whether there is a list and all its models are Ready."""
        return bool(self.revision) and all(track.phase == "Ready" for track in self._tracks)

    def phase(self, *, draining: bool) -> ReplicaPhase:
        """The phase of the replica as a whole."""
        if draining:
            return "Terminating"
        phases = {track.phase for track in self._tracks}
        if "Failed" in phases:
            return "Failed"
        if self.complete and self.ollama_up:
            return "Ready"
        return "Pulling" if phases & BUSY else "Pending"

    def names(self) -> Iterable[str]:
        """Every wanted name and alias."""
        for track in self._tracks:
            yield track.name
            yield from track.entry.aliases

    def report(self, *, draining: bool, in_flight: int) -> ReplicaReport:
        """What is told of the replica."""
        return ReplicaReport(
            server=self.server,
            replica=self.replica,
            phase=self.phase(draining=draining),
            revision=self.revision,
            ollama_version=self.ollama_version,
            admitted=self.admitted,
            draining=draining,
            in_flight=in_flight,
            models=tuple(track.report() for track in self._tracks),
            leaving=self.leaving,
            problem=next(iter(self._problems.values()), None),
        )
