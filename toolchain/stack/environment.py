"""The environment of every ``pulumi`` command: engine, plugins, backend, passphrase and kubeconfig.

The dev stack's backend and passphrase are files of this checkout, made at first use with mode 0600 and ignored by
git. Whoever sets ``PULUMI_BACKEND_URL`` or ``PULUMI_CONFIG_PASSPHRASE*`` keeps their own.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Enough for a key that nobody types: 256 bits.
PASSPHRASE_BYTES = 32


@dataclass(frozen=True)
class StackEnvironment:
    """Where a checkout's stack lives and which programs work on it.

    Attributes:
        project: the folder of Pulumi.yaml.
        state: the checkout's state folder; backend, passphrase and PULUMI_HOME are below it.
        engine: the folder that holds ``pulumi`` and its language host, or None when PATH has a release.
        own_home: PULUMI_HOME is this checkout's, with the plugins installed; False leaves the user's.
        tools: further folders for PATH (kubectl), first one first.
        kubeconfig: for KUBECONFIG, or None to leave the user's own choice.
    """

    project: Path
    state: Path
    engine: Path | None
    own_home: bool = True
    tools: tuple[Path, ...] = ()
    kubeconfig: str | None = None

    @property
    def home(self) -> Path:
        """PULUMI_HOME: plugins and workspaces of this checkout alone."""
        return self.state / "pulumi" / "home"

    @property
    def backend(self) -> Path:
        """The folder of the file backend."""
        return self.state / "pulumi" / "backend"

    @property
    def passphrase(self) -> Path:
        """The file with the passphrase that encrypts the stack's secrets."""
        return self.state / "pulumi" / "passphrase"

    @property
    def temporary(self) -> Path:
        """TMPDIR: the Kubernetes provider leaves a kubeconfig with the cluster's keys in it, one a run."""
        return self.state / "pulumi" / "tmp"

    def clear_temporary(self) -> None:
        """Delete the kubeconfigs that a finished command has left."""
        for kubeconfig in self.temporary.glob("kubeconfig*"):
            kubeconfig.unlink(missing_ok=True)

    def make_files(self) -> None:
        """Make the folders and the passphrase where they are missing."""
        for folder in (self.backend, self.home, self.temporary):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(self.passphrase, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(PASSPHRASE_BYTES))

    def variables(self, base: Mapping[str, str]) -> dict[str, str]:
        """The variables to run with, laid over `base`; a choice that the user made in `base` wins."""
        path = [str(folder) for folder in (*((self.engine,) if self.engine else ()), *self.tools)]
        env = dict(base)
        env["PATH"] = os.pathsep.join([*path, base.get("PATH", os.defpath)])
        env["PULUMI_SKIP_UPDATE_CHECK"] = "true"
        env["PULUMI_SUPPRESS_NEO_LINK"] = "true"
        env["TMPDIR"] = str(self.temporary)
        env.setdefault("PULUMI_BACKEND_URL", self.backend.as_uri())
        if "PULUMI_CONFIG_PASSPHRASE" not in base and "PULUMI_CONFIG_PASSPHRASE_FILE" not in base:
            env["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(self.passphrase)
        if self.own_home:
            env["PULUMI_HOME"] = str(self.home)
            # The plugins are installed already; looking for newer ones would reach out to the internet.
            env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        if self.kubeconfig is not None:
            env["KUBECONFIG"] = self.kubeconfig
        return env
