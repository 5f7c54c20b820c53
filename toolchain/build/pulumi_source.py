"""Where Pulumi comes from: PATH, its own release, or a build."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from toolchain import catalog, paths
from toolchain.build import found
from toolchain.build.catalogue import Catalogue
from toolchain.build.failures import BuildCancelledError, BuildError, Cause
from toolchain.build.process import Runner
from toolchain.build.progress import Reporter
from toolchain.build.store import Store

CHOICE_VARIABLE = "ECHORATOR_PULUMI"
OFFLINE_VARIABLE = "ECHORATOR_OFFLINE"

_CONNECT_S = 3
_DOWNLOAD_S = 240.0
_PLUGIN_S = 120.0
# The SDK's own installer. The socket's limit ends its first request where nothing answers: without one it
# would hang for minutes on a machine whose firewall drops packets.
_INSTALL = """
import socket, sys
socket.setdefaulttimeout(float(sys.argv[3]))
from pulumi.automation import PulumiCommand
from semver import VersionInfo
PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))
"""


class PulumiKind(StrEnum):
    """The ways to come by Pulumi."""

    PATH = "path"
    DOWNLOAD = "download"
    BUILD = "build"


@dataclass(frozen=True)
class PulumiSource:
    """Which Pulumi is used."""

    kind: PulumiKind
    reason: str
    """One sentence for the user."""
    cli: Path | None
    """The program; None when it has to be built."""
    to_build: tuple[str, ...]
    """Names in the catalogue that are still needed: the plugins, where the CLI cannot get them, or all."""


def choose(
    *,
    reporter: Reporter,
    runner: Runner | None = None,
    env: Mapping[str, str] | None = None,
    home: Path | None = None,
    cache: Path | None = None,
) -> PulumiSource:
    """Decide where Pulumi comes from. Takes a few seconds where nothing can be downloaded.

    ``ECHORATOR_PULUMI=path|download|build`` decides it; otherwise PATH is preferred, then a download (not tried with
    ``ECHORATOR_OFFLINE=1``, nor where the build is finished already), then the build.

    Args:
        reporter: where progress is shown.
        runner: what runs the programs, so that the caller can cancel it.
        env: the environment to read; the process's when None.
        home: ``PULUMI_HOME`` that plugins are installed in; Pulumi's own when None.
        cache: root of the cache; the user's when None.

    Raises:
        BuildError: an illegal choice, or one that cannot be had.
    """
    settings = env if env is not None else os.environ
    root = cache if cache is not None else paths.cache_dir()
    chosen = _choice(settings)
    offline = settings.get(OFFLINE_VARIABLE, "") not in ("", "0")
    work = _Work(runner if runner is not None else Runner(), reporter, root, home, offline=offline)
    if chosen is PulumiKind.BUILD:
        return _built(f"{CHOICE_VARIABLE}=build")
    if chosen is not PulumiKind.DOWNLOAD:
        there = found.pulumi()
        if there is not None:
            return work.with_plugins(PulumiKind.PATH, there[0], f"pulumi {there[1]} is on PATH")
        if chosen is PulumiKind.PATH:
            raise BuildError(
                f"{CHOICE_VARIABLE}=path, but no pulumi of version {catalog.PULUMI} or newer (below 4) is on PATH",
                cause=Cause("none that fits", f"install it, or unset {CHOICE_VARIABLE}"),
            )
        reason = work.no_download()
        if reason is not None:
            return _built(reason)
    elif offline:
        raise BuildError(
            f"{CHOICE_VARIABLE}=download and {OFFLINE_VARIABLE}=1 contradict each other",
            cause=Cause("two settings", "unset one of them"),
        )
    try:
        cli = work.download()
    except BuildError as error:
        if chosen is PulumiKind.DOWNLOAD or isinstance(error, BuildCancelledError):
            raise
        return _built("Pulumi's release cannot be downloaded from here")
    return work.with_plugins(PulumiKind.DOWNLOAD, cli, f"the release of Pulumi {catalog.PULUMI}")


@dataclass(frozen=True)
class _Work:
    runner: Runner
    reporter: Reporter
    root: Path
    home: Path | None
    offline: bool

    @property
    def release(self) -> Path:
        """The folder of the downloaded release."""
        return self.root / "tools" / "pulumi-release" / catalog.PULUMI

    def no_download(self) -> str | None:
        """Why none is tried, or None: a try costs seconds, which each warm start would pay again."""
        if self.offline:
            return f"{OFFLINE_VARIABLE} is set: no download is tried"
        store, ours = Store(self.root / "tools"), Catalogue()
        built = all(store.find(ours.key(name)) is not None for name in catalog.PULUMI_TOOLS)
        return f"Pulumi {catalog.PULUMI} is built already" if built and not self.release.exists() else None

    def download(self) -> Path:
        """The release's CLI, downloaded once.

        Raises:
            BuildError: nothing answers, or it takes too long.
        """
        folder = self.release
        cli = folder / "bin" / "pulumi"
        # Installed beside its place and moved there when it is whole.
        fresh = folder.with_name(f".{folder.name}-{os.getpid()}")
        if not cli.exists():
            what = f"Downloading Pulumi {catalog.PULUMI}"
            fresh.mkdir(parents=True, exist_ok=True)
            try:
                self.runner.run(
                    [sys.executable, "-c", _INSTALL, str(fresh), catalog.PULUMI, str(_CONNECT_S)],
                    what=what,
                    log=self.root / "logs" / "pulumi-release.log",
                    limit_s=_DOWNLOAD_S,
                )
                if not folder.exists():
                    fresh.rename(folder)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
        return cli

    def with_plugins(self, kind: PulumiKind, cli: Path, reason: str) -> PulumiSource:
        """Give a CLI its two providers: there, installed by the CLI itself, or left to a build."""
        wanted = {"kubernetes": catalog.PULUMI_KUBERNETES, "random": catalog.PULUMI_RANDOM}
        env = {} if self.home is None else {"PULUMI_HOME": str(self.home)}
        missing = [name for name, version in wanted.items() if (name, version) not in plugins(cli, env)]
        left = [name for name in missing if self.offline or not self._install(cli, name, wanted[name], env)]
        if left:
            reason = f"{reason}; its providers {' and '.join(left)} have to be built"
        return PulumiSource(kind, reason, cli, tuple(f"pulumi-resource-{name}" for name in left))

    def _install(self, cli: Path, name: str, version: str, env: Mapping[str, str]) -> bool:
        try:
            self.runner.run(
                [str(cli), "plugin", "install", "resource", name, f"v{version}"],
                what=f"Installing Pulumi's {name} provider",
                log=self.root / "logs" / "pulumi-plugins.log",
                env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"} | dict(env),
                limit_s=_PLUGIN_S,
            )
        except BuildCancelledError:
            raise
        except BuildError as error:
            self.reporter.line(str(error).splitlines()[0])
            return False
        return True


def plugins(cli: Path, env: Mapping[str, str]) -> set[tuple[str, str]]:
    """Name and version of the resource plugins that a CLI has."""
    answer = found.ask([str(cli), "plugin", "ls", "--json"], env=dict(env))
    if answer is None:
        return set()
    return {
        (str(one.get("name")), str(one.get("version")).removeprefix("v"))
        for one in json.loads(answer)
        if one.get("kind") == "resource"
    }


def _choice(settings: Mapping[str, str]) -> PulumiKind | None:
    text = settings.get(CHOICE_VARIABLE, "")
    if text in ("", "auto"):
        return None
    try:
        return PulumiKind(text)
    except ValueError:
        legal = ", ".join(["auto", *PulumiKind])
        raise BuildError(
            f"{CHOICE_VARIABLE}={text} is no way to come by Pulumi; legal are: {legal}",
            cause=Cause("an unknown value", "set one of them, or none"),
        ) from None


def _built(reason: str) -> PulumiSource:
    return PulumiSource(PulumiKind.BUILD, reason, None, catalog.PULUMI_TOOLS)
