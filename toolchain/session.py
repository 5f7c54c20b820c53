"""What `make up` brought, written down for the commands that come after it."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from toolchain import paths
from toolchain.machine import Kind
from toolchain.stack.environment import StackEnvironment
from toolchain.stack.pulumi import Pulumi


class NotUpError(Exception):
    """The command needs what `make up` brings."""


class Session(BaseModel):
    """The kind of machine, the stack, and the environment of its commands.

    Attributes:
        kind: decided by `make up` alone, so that `make down` ends what was begun.
        stack: the stack's name.
        engine: the folder that holds ``pulumi``; None where PATH has it.
        own_home: whether PULUMI_HOME is this checkout's.
        tools: further folders for PATH.
        kubeconfig: for KUBECONFIG: one file, since the Kubernetes provider does not understand several.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    stack: str
    engine: Path | None
    own_home: bool
    tools: tuple[Path, ...]
    kubeconfig: str

    @staticmethod
    def file() -> Path:
        """Where a checkout's session is kept."""
        return paths.state_dir() / "session.json"

    @classmethod
    def load(cls) -> Session | None:
        """The session of this checkout, or None when `make up` has not come that far."""
        try:
            return cls.model_validate_json(cls.file().read_text())
        except (FileNotFoundError, ValidationError):
            return None

    def save(self) -> None:
        """Write it down; the next commands find it."""
        file = self.file()
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_text(self.model_dump_json(indent=1))
        fresh.replace(file)

    def environment(self) -> StackEnvironment:
        """The environment of pulumi commands; its files are made."""
        environment = StackEnvironment(
            project=paths.CHECKOUT,
            state=paths.state_dir(),
            engine=self.engine,
            own_home=self.own_home,
            tools=self.tools,
            kubeconfig=self.kubeconfig,
        )
        environment.make_files()
        return environment

    def pulumi(self) -> Pulumi:
        """The stack's pulumi.

        Raises:
            NotUpError: the engine was there and is gone.
        """
        if self.engine is not None and not (self.engine / "pulumi").is_file():
            raise NotUpError(f"{self.engine} is gone: `make up` brings the tools again")
        return Pulumi(self.environment(), self.stack)


def current() -> Session:
    """The session of this checkout.

    Raises:
        NotUpError: `make up` has not run, or not far enough.
    """
    session = Session.load()
    if session is None:
        raise NotUpError("nothing is up in this checkout: run `make up`")
    return session
