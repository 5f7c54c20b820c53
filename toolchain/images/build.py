"""Building the images and filling a registry with them, without a daemon and without root."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from toolchain.images import live_view
from toolchain.images.debs import DebCache
from toolchain.images.layers import ImagePlan, LayerPlan
from toolchain.images.oci import Layer, config, manifest
from toolchain.images.registry import Registry
from toolchain.images.spec import ImageSpec, Progress, Tools
from toolchain.paths import CHECKOUT

_MIB = 1 << 20
_ABANDONED_S = 3600


@dataclass(frozen=True)
class Pushed:
    """An image that the registry holds."""

    reference: str
    """Upstream name and tag."""
    digest: str
    """``sha256:<hex>`` of its manifest."""
    size: int
    """Bytes of config and layers."""
    action: str
    """``present`` if the registry had it from the same inputs, else ``pushed``."""


def build_and_push(
    images: Iterable[ImageSpec],
    *,
    tools: Tools,
    registry_url: str,
    work_dir: Path,
    progress: Progress,
    checkout: Path = CHECKOUT,
) -> list[Pushed]:
    """Make sure the registry holds every image, building those whose inputs changed.

    Args:
        images: What to build.
        tools: The built binaries, by name.
        registry_url: ``http://HOST:PORT`` of a registry that takes uploads.
        work_dir: A cache that may be shared: Debian packages (``debs/``), known layers and each
            image's ``packages/<repository>.json``: its packages by source, name, version and licence.
        progress: Called with an image's reference and what is done about it.
        checkout: The project, with uv.lock and our packages.

    Raises:
        ImageError: An image cannot be built or pushed. Those before it are in the registry, and the
            next call goes on from there.
    """
    pushed: list[Pushed] = []
    cache = DebCache(work_dir / "debs")
    scratch_root = _scratch_root(work_dir)
    with Registry(registry_url) as registry:
        for spec in images:
            _fetch(spec, cache, progress)
            with tempfile.TemporaryDirectory(dir=scratch_root) as scratch:
                folder = Path(scratch)
                view = _view(spec, checkout, work_dir, progress)
                plan = ImagePlan(spec, tools=tools, cache=cache, scratch=folder, checkout=checkout, view=view)
                pushed.append(_Session(registry, work_dir, folder, progress).image(plan))
    return pushed


def prefetch(images: Iterable[ImageSpec], *, work_dir: Path, progress: Progress) -> None:
    """Fetch the Debian packages of all images, which can be done while the binaries are still being built.

    Raises:
        ImageError: apt cannot fetch them.
    """
    cache = DebCache(work_dir / "debs")
    for spec in images:
        _fetch(spec, cache, progress)


def missing(images: Iterable[ImageSpec], registry_url: str) -> list[str]:
    """References of the images that the registry does not have at all, whatever they were made from.

    Raises:
        ImageError: The registry does not answer.
    """
    with Registry(registry_url) as registry:
        return [spec.reference for spec in images if registry.manifest(spec.repository, spec.tag) is None]


def _fetch(spec: ImageSpec, cache: DebCache, progress: Progress) -> None:
    if not cache.has(spec.debs):
        progress(spec.reference, "fetching Debian packages")
        cache.get(spec.debs)


def _view(spec: ImageSpec, checkout: Path, work_dir: Path, progress: Progress) -> Path | None:
    """The built live view for an image that has one, or None where this machine cannot build it."""
    if not spec.view:
        return None
    try:
        return live_view.built(checkout, work_dir / "view", lambda what: progress(spec.reference, what))
    except live_view.NoViewError as error:
        progress(spec.reference, f"without its live view: {error}")
        return None


def _scratch_root(work_dir: Path) -> Path:
    """The folder of unfinished images, without those that a killed run left."""
    root = work_dir / "scratch"
    root.mkdir(parents=True, exist_ok=True)
    for left in root.iterdir():
        # A folder of another checkout that is at work now is younger.
        if time.time() - left.stat().st_mtime > _ABANDONED_S:
            shutil.rmtree(left, ignore_errors=True)
    return root


@dataclass(frozen=True)
class _Session:
    """Where one image goes and who is told."""

    registry: Registry
    work_dir: Path
    scratch: Path
    progress: Progress

    def image(self, plan: ImagePlan) -> Pushed:
        """Push an image unless the registry has it from the same inputs."""
        spec = plan.spec
        present = self.registry.manifest(spec.repository, spec.tag)
        if present is not None and present.inputs == plan.inputs:
            size = sum(size for _, size in present.blobs)
            self._record_packages(plan)
            self.progress(spec.reference, "is in the registry")
            return Pushed(spec.reference, present.digest, size, "present")
        layers = [self._layer(spec, layer) for layer in plan.layers]
        image_config = config(spec, layers)
        self.registry.put_blob(spec.repository, image_config.digest, image_config.content)
        document = manifest(image_config, layers, inputs=plan.inputs)
        self.registry.put_manifest(spec.repository, spec.tag, document)
        self._record_packages(plan)
        size = len(image_config.content) + sum(layer.size for layer in layers)
        self.progress(spec.reference, f"pushed, {size / _MIB:.1f} MiB")
        return Pushed(spec.reference, document.digest, size, "pushed")

    def _record_packages(self, plan: ImagePlan) -> None:
        record = self.work_dir / "packages" / f"{plan.spec.repository.replace('/', '_')}.json"
        if record.is_file() and f'"{plan.package_inputs}"' in record.read_text():
            return
        rows = [asdict(package) for package in plan.packages()]
        _write(record, {"inputs": plan.package_inputs, "packages": rows})

    def _layer(self, spec: ImageSpec, wanted: LayerPlan) -> Layer:
        """Make and upload one layer, unless the registry still has what the same inputs made before."""
        record = self.work_dir / "layers" / f"{wanted.inputs}.json"
        if record.is_file():
            known = Layer(**json.loads(record.read_text()))
            if self.registry.has_blob(spec.repository, known.digest):
                return known
        self.progress(spec.reference, f"building: {wanted.what}")
        written = wanted.build().write(self.scratch / "layer.tar")
        self.progress(spec.reference, f"uploading: {wanted.what}, {written.size / _MIB:.1f} MiB")
        self.registry.put_blob(spec.repository, written.digest, written.path)
        written.path.unlink()
        layer = Layer(written.digest, written.size)
        _write(record, asdict(layer))
        return layer


def _write(path: Path, value: object) -> None:
    """Write JSON so that a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as partial:
        json.dump(value, partial, indent=1)
    Path(partial.name).replace(path)
