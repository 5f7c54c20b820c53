"""Runs ``pulumi`` on the dev stack: init, up, destroy, outputs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolchain.stack import policies
from toolchain.stack.environment import StackEnvironment
from toolchain.stack.salt import install_filter, remove_salt, settle

STACK = "dev"


class PulumiError(Exception):
    """A pulumi command failed; what it printed says why."""


class Pulumi:
    """One stack of this checkout.

    Args:
        environment: engine, backend, passphrase and kubeconfig.
        stack: its name; the configuration is in ``Pulumi.<stack>.yaml``.
    """

    def __init__(self, environment: StackEnvironment, stack: str = STACK) -> None:
        self.environment = environment
        self.stack = stack
        self.variables = environment.variables(os.environ)

    @property
    def _config(self) -> Path:
        return self.environment.project / f"Pulumi.{self.stack}.yaml"

    def run(self, arguments: Sequence[str]) -> int:
        """Run one command as the user typed it; its output goes where ours goes. Returns the exit code."""
        try:
            return subprocess.run(
                [self._program(), *arguments], cwd=self.environment.project, env=self.variables, check=False
            ).returncode
        finally:
            self.environment.clear_temporary()
            # The command writes the salt where it finds none.
            settle(self._config)

    def init(self) -> None:
        """Make the stack unless it is there.

        Raises:
            PulumiError: it cannot be made, or its configuration holds secrets of another passphrase.
        """
        install_filter(self.environment.project)
        if not self.exists():
            # A salt that came with a copied folder belongs to another passphrase.
            try:
                remove_salt(self._config)
            except ValueError as error:
                raise PulumiError(str(error)) from error
            self._quiet("stack", "init", self.stack, "--no-select")
            settle(self._config)

    def exists(self) -> bool:
        """Whether the backend knows the stack."""
        listed: list[dict[str, Any]] = json.loads(self._quiet("stack", "ls", "--json"))
        return any(str(entry["name"]).rsplit("/", 1)[-1] == self.stack for entry in listed)

    def up(self) -> None:
        """Deploy under the policy pack, showing what happens.

        Raises:
            PulumiError: the deploy failed; what is deployed stays, and the next one goes on from there.
            PolicyError: the pack's environment cannot be made.
        """
        policies.prepare(self.environment.project)
        pack = policies.options(self.environment.project, self.stack)
        if self.run(["up", "-s", self.stack, "--yes", "--skip-preview", *pack]):
            raise PulumiError("`pulumi up` failed: see above; what is there stays, and the next one goes on from there")

    def destroy(self) -> None:
        """Take everything down that the stack made, and keep the stack's record.

        Raises:
            PulumiError: something could not be deleted.
        """
        if self.run(["destroy", "-s", self.stack, "--yes", "--skip-preview"]):
            raise PulumiError("`pulumi destroy` failed: see above")

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs; empty before the first deploy."""
        found: dict[str, Any] = json.loads(self._quiet("stack", "output", "-s", self.stack, "--json"))
        return found

    def secret_output(self, name: str) -> Any:  # noqa: ANN401 - whatever the program exports
        """One output in clear; it comes through a pipe and stands in no file and on no command line.

        Raises:
            PulumiError: the stack has no such output.
        """
        return json.loads(self._quiet("stack", "output", name, "-s", self.stack, "--show-secrets", "--json"))

    def _program(self) -> str:
        found = shutil.which("pulumi", path=self.variables["PATH"])
        if found is None:
            raise PulumiError("pulumi is not on PATH; `make up` brings it")
        return found

    def _quiet(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._program(), *arguments, "--non-interactive"],
            cwd=self.environment.project,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PulumiError(f"`pulumi {' '.join(arguments)}` failed:\n{done.stderr.strip() or done.stdout.strip()}")
        return done.stdout
