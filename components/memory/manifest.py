"""The operator's resource definitions, out of the release that this version is made for."""

import hashlib
from pathlib import Path
from typing import Any, cast

import yaml

from components.versions import CLOUDNATIVE_PG_MANIFEST, CLOUDNATIVE_PG_VERSION, ROOT

KEPT = ROOT / ".echorator" / f"cnpg-{CLOUDNATIVE_PG_VERSION}.yaml"
"""Where `make up` puts it."""


class ManifestError(Exception):
    """The file is not there, or not the release's."""


def definitions(path: str | None, *, sha256: str = CLOUDNATIVE_PG_MANIFEST) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions of the release's manifest.

    Args:
        path: the file; None is `KEPT`.
        sha256: what it must be, in hex.

    Raises:
        ManifestError: says what to do.
    """
    file = KEPT if path is None else Path(path)
    release = f"releases/cnpg-{CLOUDNATIVE_PG_VERSION}.yaml of CloudNativePG's repository"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ManifestError(
            f"memory.operatorManifest: {file} cannot be read ({error.strerror}). Download {release} and name it there, "
            "or set memory.operator to `existing` on a cluster that has the operator"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ManifestError(
            f"memory.operatorManifest: {file} has the sha256 {found}, not {sha256}. It must be {release}, unchanged"
        )
    documents = cast("list[dict[str, Any] | None]", list(yaml.load_all(content, _LOADER)))
    return [one for one in documents if one is not None and one["kind"] == "CustomResourceDefinition"]


# 18,000 lines: the loader in Python takes 5 seconds, the one in C half of one.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
