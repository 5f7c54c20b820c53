"""The two JSON documents of an OCI image: its config and its manifest (OCI image spec 1.0)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from toolchain.images.spec import ImageSpec

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INPUTS_ANNOTATION = "dev.echorator.inputs"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
# Times would make every build another image.
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Layer:
    """A layer as the manifest needs it; its archive is not compressed, so its digest is its DiffID."""

    digest: str
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Blob:
    """Bytes and their digest."""

    content: bytes
    digest: str

    @staticmethod
    def of(content: bytes) -> Blob:
        """Name bytes by their digest."""
        return Blob(content, f"sha256:{hashlib.sha256(content).hexdigest()}")


def config(spec: ImageSpec, layers: Sequence[Layer]) -> Blob:
    """The image's config: how it starts, and the DiffIDs of its layers."""
    settings: dict[str, object] = {
        "WorkingDir": spec.workdir,
        "Labels": {
            "org.opencontainers.image.title": spec.name,
            "org.opencontainers.image.version": spec.tag,
            "org.opencontainers.image.licenses": spec.licence,
        },
    }
    if spec.user:
        settings["User"] = spec.user
    if spec.env:
        settings["Env"] = [f"{name}={value}" for name, value in spec.env]
    if spec.entrypoint:
        settings["Entrypoint"] = list(spec.entrypoint)
    if spec.command:
        settings["Cmd"] = list(spec.command)
    return _document(
        {
            "created": _EPOCH,
            "architecture": "amd64",
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
            "history": [{"created": _EPOCH, "created_by": "echorator toolchain"} for _ in layers],
        }
    )


def manifest(image_config: Blob, layers: Sequence[Layer], *, inputs: str) -> Blob:
    """The image's manifest; ``inputs`` is the hash of all it was made from."""
    return _document(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {
                "mediaType": _CONFIG_TYPE,
                "digest": image_config.digest,
                "size": len(image_config.content),
            },
            "layers": [{"mediaType": _LAYER_TYPE, "digest": layer.digest, "size": layer.size} for layer in layers],
            "annotations": {INPUTS_ANNOTATION: inputs},
        }
    )


def _document(value: object) -> Blob:
    return Blob.of(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
