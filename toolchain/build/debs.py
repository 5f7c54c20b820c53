"""Debian packages without installing them: downloaded by apt, unpacked below a prefix of ours."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from toolchain.build.caches import BuildCaches, remove_tree
from toolchain.build.failures import BuildError, Cause
from toolchain.build.kinds import DebianPackage
from toolchain.build.process import Runner
from toolchain.build.progress import Reporter
from toolchain.build.store import Key, Manifest, Store, read_manifest

NAME = "debs"
PREFIX = "root"
"""Folder below the tool's own that the packages are unpacked in."""

_HOST_LISTS = Path("/var/lib/apt/lists")
_STATUS = Path("/var/lib/dpkg/status")
_FETCH_LIMIT_S = 900.0
_LICENCE = re.compile(r"^License:[ \t]*(\S.*)$", re.MULTILINE)
# A package's set-up script makes these; nothing runs those scripts here.
_ALTERNATIVES = {
    f"usr/sbin/{family}{suffix}": f"{family}-nft{suffix}"
    for family in ("iptables", "ip6tables")
    for suffix in ("", "-save", "-restore")
}
# Debian 12 keeps its programs below /usr, and links the old names there.
_MERGED = ("bin", "sbin", "lib", "lib64")


@dataclass(frozen=True)
class Resolved:
    """A package that has to be downloaded."""

    name: str
    version: str
    file: str


@dataclass(frozen=True)
class DebianPrefix:
    """Makes the prefix for a list of packages."""

    packages: Sequence[DebianPackage]
    store: Store
    caches: BuildCaches
    runner: Runner
    reporter: Reporter
    logs: Path

    def find(self) -> Path | None:
        """The finished prefix for these packages on this host, or None.

        The resolver leaves out what the host has, so the host's packages are part of the key; but hosts that lack
        the same things share a prefix.
        """
        folder = self.store.find(Key(f"{NAME}-request", "1", self.request()))
        if folder is None:
            return None
        manifest = read_manifest(folder)
        prefix = self.store.find(Key(NAME, "1", manifest.source)) if manifest is not None else None
        return None if prefix is None else prefix / PREFIX

    def make(self) -> Path:
        """Download, unpack and publish; returns the prefix. Call it under the packages' lock.

        Raises:
            BuildError: no network, no apt, or a package that is not to be had.
        """
        log = self.logs / f"{NAME}.log"
        with self.reporter.step("Fetching Debian packages", key="fetch debs", unit="packages") as step:
            own = not any(_HOST_LISTS.glob("*_Packages*"))
            try:
                resolved = self._download(step.detail, log, own=own)
            except BuildError:
                if own or self.runner.cancelled:
                    raise
                # The host's lists are older than the archive and name versions that are gone from it.
                step.detail("the machine's package lists are out of date: using fresh ones")
                resolved = self._download(step.detail, log, own=True)
            step.update(done=0, total=len(resolved))
            key = Key(NAME, "1", _fingerprint(f"{one.name}={one.version}" for one in resolved))
            with self.store.staging(NAME) as staging:
                if self.store.find(key) is None:
                    root = staging / NAME / PREFIX
                    root.mkdir(parents=True)
                    for one in resolved:
                        step.detail(one.name)
                        self.unpack(self._archives / one.file, root, log)
                        step.advance()
                    finish(root)
                    self.store.publish(staging / NAME, self._manifest(key, resolved, root))
                self._remember(key, staging)
            remove_tree(self._archives)
        return self.store.root / key.folder / PREFIX

    def _download(self, detail: Callable[[str], None], log: Path, *, own: bool) -> list[Resolved]:
        options = self.options(own=own)
        if own:
            detail("updating package lists")
            self._run(["apt-get", *options, "update"], "Updating the package lists", log)
        detail("resolving")
        names = [package.name for package in self.packages]
        # Those that the host has as well, so that the prefix holds every program that the catalogue names.
        install = ["apt-get", *options, "install", "--yes", "--no-install-recommends", "--reinstall"]
        listing = self.caches.apt / "uris"
        self._run([*install, "--print-uris", *names], "Resolving the Debian packages", log, stdout=listing)
        resolved = parse_uris(listing.read_text())
        detail(f"downloading {len(resolved)} packages")
        self._run([*install, "--download-only", *names], "Downloading the Debian packages", log)
        missing = [one.name for one in resolved if not (self._archives / one.file).exists()]
        if missing:
            raise BuildError(
                f"apt did not download {', '.join(missing)}",
                log=log,
                cause=Cause("the archive lacks them", "check the machine's apt sources"),
            )
        return resolved

    @property
    def _archives(self) -> Path:
        return self.caches.apt / "archives"

    def options(self, *, own: bool) -> list[str]:
        """Settings that keep apt from changing the host, and let it run without root."""
        (self._archives / "partial").mkdir(parents=True, exist_ok=True)
        pairs = {
            "Dir::Cache": str(self.caches.apt),
            "Dir::Cache::archives": str(self._archives),
            "Dir::State::status": str(_STATUS),
            "Debug::NoLocking": "1",
            # apt's own user cannot read a cache folder that is private.
            "APT::Sandbox::User": "",
            "Acquire::Retries": "3",
            "Acquire::Languages": "none",
            "APT::Get::AllowUnauthenticated": "false",
            "Dpkg::Use-Pty": "0",
        }
        if own:
            (self.caches.apt / "state/lists/partial").mkdir(parents=True, exist_ok=True)
            pairs["Dir::State"] = str(self.caches.apt / "state")
        return [part for name, value in pairs.items() for part in ("-o", f"{name}={value}")]

    def _run(self, command: Sequence[str], what: str, log: Path, *, stdout: Path | None = None) -> None:
        env = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        self.runner.run(command, what=what, log=log, env=env, stdout=stdout, limit_s=_FETCH_LIMIT_S)

    def unpack(self, archive: Path, root: Path, log: Path) -> None:
        """Lay one package's files below ``root``; its set-up scripts do not run."""
        self._run(["dpkg-deb", "--extract", str(archive), str(root)], f"Unpacking {archive.name}", log)

    def request(self) -> str:
        """Eight hex digits of what is asked for on which host."""
        return _fingerprint([*sorted(package.name for package in self.packages), platform.machine(), installed()])

    def _manifest(self, key: Key, resolved: Sequence[Resolved], root: Path) -> Manifest:
        known = {package.name: package.licence for package in self.packages}
        return Manifest(
            name=key.name,
            version=key.version,
            recipe=key.recipe,
            source="Debian packages",
            licence="see licences",
            # Those that every other thing needs: a prefix damaged by hand is made again.
            files={
                str(path.relative_to(root.parent)): path.stat().st_size
                for folder in ("usr/bin", "usr/sbin", "usr/lib/cni")
                for path in sorted((root / folder).glob("*"))
                if path.is_file() and not path.is_symlink()
            },
            packages={one.name: one.version for one in resolved},
            licences={one.name: known.get(one.name) or licence(root, one.name) for one in resolved},
        )

    def _remember(self, key: Key, staging: Path) -> None:
        note = staging / "request"
        note.mkdir()
        asked = Key(f"{NAME}-request", "1", self.request())
        if self.store.find(asked) is not None:
            remove_tree(self.store.root / asked.folder)
        self.store.publish(
            note,
            Manifest(
                name=asked.name,
                version=asked.version,
                recipe=asked.recipe,
                source=key.recipe,
                licence="none",
                files={},
            ),
        )


def parse_uris(text: str) -> list[Resolved]:
    """What ``apt-get --print-uris`` lists: ``'URI' NAME_VERSION_ARCH.deb SIZE HASH``, other lines ignored."""
    found: list[Resolved] = []
    for line in text.splitlines():
        if not line.startswith("'"):
            continue
        _, _, rest = line[1:].partition("' ")
        file = rest.split(" ", 1)[0]
        name, version, _ = file.split("_", 2)
        found.append(Resolved(name, unquote(version), file))
    return sorted(found, key=lambda one: one.name)


def installed() -> str:
    """The host's packages and versions, as one text."""
    if shutil.which("dpkg-query") is None:
        return ""
    command = ["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${Package} ${Version}\n"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def finish(root: Path) -> None:
    """What the packages' set-up scripts would have done, and what nobody needs taken away.

    The prefix's ``usr`` is laid over the node's, so all programs have to be below it.
    """
    for name in _MERGED:
        if (root / name).is_dir() and not (root / name).is_symlink():
            shutil.copytree(root / name, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(root / name)
    for link, target in _ALTERNATIVES.items():
        if (root / link).parent.joinpath(target).exists() and not (root / link).exists():
            (root / link).symlink_to(target)
    share = root / "usr/share"
    for name in ("man", "locale", "lintian", "bash-completion", "zsh", "fish"):
        remove_tree(share / name)
    for file in sorted((share / "doc").rglob("*")):
        if not file.is_dir() and file.name != "copyright":
            file.unlink()


def licence(root: Path, package: str) -> str:
    """The licences that a package's copyright file names."""
    file = root / "usr/share/doc" / package / "copyright"
    if not file.exists():
        return f"see the copyright of {package}'s source package"
    named = dict.fromkeys(name.strip() for name in _LICENCE.findall(file.read_text(errors="replace")))
    return " AND ".join(named) or "see its copyright file"


def _fingerprint(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
