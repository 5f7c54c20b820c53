"""A stack of a test: the real `pulumi` on the real program, with a name, a prefix and a backend of its own.

Nothing in the checkout is written: configuration, backend, passphrase and logs are in the test's folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
import yaml

from toolchain.paths import CHECKOUT
from toolchain.stack.environment import StackEnvironment

S = TypeVar("S", bound="LiveStack")

LIMIT_S = 600.0
"""For one command; the longest here takes about a minute on two idle cores, and took more than five on loaded ones."""


@dataclass(frozen=True)
class Engine:
    """Where the engine lies.

    Attributes:
        folder: has `pulumi` and its language host.
        home: PULUMI_HOME with the providers as installed plugins.
        kubeconfig: of the cluster that stacks are deployed to.
    """

    folder: Path
    home: Path
    kubeconfig: Path


@dataclass(frozen=True)
class Outcome:
    """What a command did.

    Attributes:
        code: its exit status.
        output: what it wrote, errors included.
        seconds: how long it took.
        changes: kind of change (`same`, `create`, `update` ...) to how many resources.
        touched: names of the resources that did not stay the same, to the kind of change.
    """

    code: int
    output: str
    seconds: float
    changes: Mapping[str, int] = field(default_factory=dict[str, int])
    touched: Mapping[str, str] = field(default_factory=dict[str, str])


class LiveStack:
    """One stack; `destroy` leaves nothing of it in the cluster."""

    def __init__(self, engine: Engine, folder: Path, name: str) -> None:
        """Make the stack's record; nothing is deployed.

        Args:
            engine: the built engine and the cluster.
            folder: existing and empty; everything is written there.
            name: of the stack, and the prefix of all its names in the cluster.
        """
        self.name = name
        self.folder = folder
        self.log = folder / "pulumi.log"
        self._config = folder / f"Pulumi.{name}.yaml"
        environment = StackEnvironment(
            project=CHECKOUT, state=folder, engine=engine.folder, kubeconfig=str(engine.kubeconfig)
        )
        environment.make_files()
        # Its own backend and passphrase, also where the user has chosen others.
        base = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        self._env = environment.variables(base)
        # With the plugins; a home of its own would need a copy of each.
        self._env["PULUMI_HOME"] = str(engine.home)
        # Shows the option --event-log.
        self._env["PULUMI_DEBUG_COMMANDS"] = "true"
        self._program = str(engine.folder / "pulumi")
        self._environment = environment
        self.passphrase = environment.passphrase
        # `init` writes the salt beside Pulumi.yaml, and has no option for another place.
        shutil.copy(CHECKOUT / "Pulumi.yaml", folder / "Pulumi.yaml")
        made = self._command("stack", "init", name, "--no-select", cwd=folder)
        assert made.code == 0, made.output
        self._salt = cast("dict[str, Any]", yaml.safe_load(self._config.read_text()))
        self.configured: dict[str, Any] = {}

    @property
    def namespace(self) -> str:
        """Where its models run."""
        return f"{self.name}-models"

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Set the whole configuration: the keys below `echorator:`. The prefix is the stack's name unless given."""
        self.configured = {"namespace": self.name, **settings}
        config = {f"echorator:{key}": value for key, value in self.configured.items()}
        config["pulumi:disable-default-providers"] = ["kubernetes"]
        self._config.write_text(yaml.safe_dump({**self._salt, "config": config}, sort_keys=False))

    def up(self, *extra: str, kubeconfig: Path | None = None) -> Outcome:
        """Deploy; fails the test unless it ends well."""
        return self._well(self.try_up(*extra, kubeconfig=kubeconfig), "up")

    def try_up(self, *extra: str, kubeconfig: Path | None = None, limit_s: float = LIMIT_S) -> Outcome:
        """Deploy, and return what happened."""
        return self._engine("up", "--yes", "--skip-preview", *extra, kubeconfig=kubeconfig, limit_s=limit_s)

    def preview(self, *extra: str, kubeconfig: Path | None = None) -> Outcome:
        """Preview, and return what happened."""
        return self._engine("preview", "--diff", *extra, kubeconfig=kubeconfig)

    def refresh(self, *extra: str) -> Outcome:
        """Read what there is; fails the test unless it ends well."""
        return self._well(self._engine("refresh", "--yes", "--skip-preview", *extra), "refresh")

    def destroy(self) -> Outcome:
        """Take everything down; fails the test unless it ends well."""
        return self._well(self._engine("destroy", "--yes", "--skip-preview"), "destroy")

    def end(self) -> None:
        """Take everything down, also after a command that was cut off."""
        self._command("cancel", "--yes", "-s", self.name)
        deployment = json.loads(self.state())["deployment"]
        # A command that was cut off may have made what it could not write down.
        if self.resources() or deployment.get("pending_operations"):
            self.destroy()

    def state(self, *extra: str) -> str:
        """Return the exported state, as text."""
        exported = self.folder / "state.json"
        self._well(self._command("stack", "export", "-s", self.name, "--file", str(exported), *extra), "export")
        return exported.read_text()

    def lose_state(self) -> None:
        """Take the stack's record away, and nothing that it tells of; its configuration stays."""
        self._well(self._command("stack", "rm", "--force", "--preserve-config", "--yes", "-s", self.name), "stack rm")

    def bring_state(self, exported: str) -> None:
        """Make the record again out of an exported one."""
        self._well(self._command("stack", "init", self.name, "--no-select", cwd=self.folder), "stack init")
        file = self.folder / "brought.json"
        file.write_text(exported)
        self._well(self._command("stack", "import", "-s", self.name, "--file", str(file)), "import")

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources in the state, without the stack's own entry."""
        deployment = json.loads(self.state())["deployment"]
        found = cast("list[dict[str, Any]]", deployment.get("resources") or [])
        return [one for one in found if one["type"] != "pulumi:pulumi:Stack"]

    def _well(self, outcome: Outcome, what: str) -> Outcome:
        assert outcome.code == 0, f"`pulumi {what}` of {self.name} failed:\n{outcome.output}"
        return outcome

    def _engine(self, command: str, *extra: str, kubeconfig: Path | None = None, limit_s: float = LIMIT_S) -> Outcome:
        events = self.folder / "events.jsonl"
        events.unlink(missing_ok=True)
        options = ["-s", self.name, "--config-file", str(self._config), "--event-log", str(events)]
        done = self._command(command, *options, *extra, kubeconfig=kubeconfig, limit_s=limit_s)
        changes, touched = _read_events(events)
        return Outcome(done.code, done.output, done.seconds, changes, touched)

    def _command(
        self, *arguments: str, cwd: Path = CHECKOUT, kubeconfig: Path | None = None, limit_s: float = LIMIT_S
    ) -> Outcome:
        env = self._env if kubeconfig is None else {**self._env, "KUBECONFIG": str(kubeconfig)}
        command = [self._program, *arguments, "--non-interactive", "--color", "never"]
        started = time.monotonic()
        with self.log.open("a+b") as log:
            log.write(f"\n$ pulumi {' '.join(arguments)}\n".encode())
            log.flush()
            begin = log.seek(0, os.SEEK_END)
            process = subprocess.Popen(
                command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )
            try:
                code = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                code = -1
                log.write(f"\n(cut off after {limit_s:g} s)\n".encode())
            finally:
                _end(process)
                self._environment.clear_temporary()
            log.seek(begin)
            output = log.read().decode(errors="replace")
        return Outcome(code, output, time.monotonic() - started)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command and what it started: politely, so that the state is written, then by force."""
    with contextlib.suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(5)


def _read_events(log: Path) -> tuple[dict[str, int], dict[str, str]]:
    changes: Counter[str] = Counter()
    touched: dict[str, str] = {}
    for line in log.read_text().splitlines() if log.exists() else []:
        event = cast("dict[str, Any]", json.loads(line))
        counts: dict[str, int] = event.get("summaryEvent", {}).get("resourceChanges") or {}
        # What is only looked up, such as where the API server listens, does not change.
        changes.update({kind: count for kind, count in counts.items() if kind != "read"})
        metadata: dict[str, Any] | None = event.get("resOutputsEvent", event.get("resOpFailedEvent", {})).get(
            "metadata"
        )
        # The engine counts no default provider among the changes either.
        counted = metadata is not None and not metadata["urn"].endswith("::default")
        if metadata is not None and counted and metadata["op"] not in ("same", "refresh", "read"):
            touched[str(metadata["urn"]).rsplit("::", 1)[-1]] = str(metadata["op"])
    return dict(changes), touched


@contextlib.contextmanager
def made_stacks(
    kind: Callable[[Engine, Path, str], S], engine: Engine, run_name: str, folders: pytest.TempPathFactory
) -> Generator[Callable[[str], S]]:
    """Yield what makes a stack called `<run>-<suffix>`; all are destroyed at the end, whatever happened."""
    made: list[S] = []

    def make(suffix: str) -> S:
        name = f"{run_name}-{suffix}"
        stack = kind(engine, folders.mktemp(name, numbered=False), name)
        made.append(stack)
        return stack

    yield make
    faults: list[BaseException] = []
    for stack in made:
        try:
            stack.end()
        except (AssertionError, OSError) as error:
            faults.append(error)
    if faults:
        msg = "stacks that could not be destroyed"
        raise BaseExceptionGroup(msg, faults)
