"""Files of the Python registry: models in wheels, a header in a source archive."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
import tarfile
from pathlib import Path

from toolchain.build.failures import BuildError, Cause
from toolchain.build.kinds import PyPIFile
from toolchain.build.process import Runner
from toolchain.build.progress import Reporter
from toolchain.build.store import Key, Manifest, Store


def key(file: PyPIFile) -> Key:
    """A file's place in the store: its digest is its recipe."""
    return Key(file.name, file.version, file.sha256[:8])


def downloader() -> list[str] | None:
    """The command that can download a file of the registry as it is: pip of this Python, or pip run by uv.

    uv itself has no ``download``, and its virtual environments have no pip.
    """
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if shutil.which("uv") is not None:
        return ["uv", "tool", "run", "pip"]
    return ["pip3"] if shutil.which("pip3") is not None else None


def fetch(file: PyPIFile, store: Store, *, runner: Runner, reporter: Reporter, logs: Path) -> Path:
    """Download a file, check its digest and publish it; returns the tool's folder.

    Call it under the file's lock.

    Raises:
        BuildError: no network, or a file whose digest differs.
    """
    command = downloader()
    what = f"Downloading {file.purpose} ({file.file})"
    if command is None:
        raise BuildError(what, cause=Cause("neither pip nor uv is there", "install uv, or Debian's python3-pip"))
    with reporter.step(what, key=f"download {file.name}"), store.staging(file.name) as staging:
        kind = "--no-binary=:all:" if file.sdist else "--only-binary=:all:"
        wanted = f"{file.name}=={file.version}"
        # No --dest inside the published folder: pip may leave other files there.
        runner.run(
            [*command, "download", "--no-deps", kind, "--dest", str(staging / "download"), wanted],
            what=what,
            log=logs / f"{file.name}.log",
        )
        got = staging / "download" / file.file
        found = digest(got) if got.exists() else None
        if found != file.sha256:
            raise BuildError(
                f"{what}: its sha256 is {found}, the catalogue says {file.sha256}",
                cause=Cause("the registry gave another file", "check which registry pip or uv is set to use"),
            )
        folder = staging / file.name
        folder.mkdir()
        got.rename(folder / file.file)
        if file.sdist:
            headers(folder / file.file, folder / "include")
        size = (folder / file.file).stat().st_size
        return store.publish(
            folder,
            Manifest(
                name=file.name,
                version=file.version,
                recipe=key(file).recipe,
                source=f"PyPI: {file.file}",
                licence=file.licence,
                files={file.file: size},
            ),
        )


def digest(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def headers(archive: Path, target: Path) -> None:
    """The C headers of a source archive, below ``target`` without the archive's own top folder."""
    with tarfile.open(archive) as tar:
        for member in tar:
            top, _, path = member.name.partition("/")
            parts = Path(path).parts
            if not member.isfile() or not path.endswith(".h") or ".." in parts or not top:
                continue
            stream = tar.extractfile(member)
            if stream is None:
                continue
            place = target / path
            place.parent.mkdir(parents=True, exist_ok=True)
            with stream, place.open("wb") as out:
                shutil.copyfileobj(stream, out)
