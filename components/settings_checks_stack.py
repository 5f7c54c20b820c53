"""Checks of what concerns the whole stack: its prefix, its cluster, its images."""

import ipaddress
from collections.abc import Iterator

from components.settings_faults import Fault, listed
from components.settings_grammar import digest_faults, name_faults, object_faults, range_faults
from components.settings_raw import Check, Raw, mapping, pairs, texts
from components.versions import ADDON_IMAGES, IMAGES

_MOST_PORT = 65535


def _prefix(raw: Raw) -> Iterator[Fault]:
    yield from name_faults("namespace", raw.get("namespace"))


def _cluster(raw: Raw) -> Iterator[Fault]:
    cluster = mapping(raw.get("cluster"))
    for key in ("context", "storageClass"):
        if cluster.get(key) == "":
            yield Fault(f"cluster.{key}", "is empty: must be a name, or left out")
    yield from object_faults("cluster.storageClass", cluster.get("storageClass") or None, "storage class")
    for path, text in texts(cluster.get("apiServer"), "cluster.apiServer"):
        address, _, port = text.rpartition(":")
        try:
            ipaddress.ip_address(address.strip("[]"))
            legal = 0 < int(port) <= _MOST_PORT
        except ValueError:
            legal = False
        if not legal:
            yield Fault(path, f"`{text}` must be ADDRESS:PORT, such as 10.0.0.1:6443: network policies know no names")
    for path, text in texts(cluster.get("apiServerCidrs"), "cluster.apiServerCidrs"):
        yield from range_faults(path, text)


def _image_digests(raw: Raw) -> Iterator[Fault]:
    for path, name, digest in pairs(raw.get("imageDigests"), "imageDigests"):
        if name not in {**IMAGES, **ADDON_IMAGES}:
            yield Fault(path, f"unknown image. Legal names: {listed([*IMAGES, *ADDON_IMAGES])}")
        yield from digest_faults(path, digest)


CHECKS: tuple[Check, ...] = (_prefix, _cluster, _image_digests)
