"""Checks of what concerns the whole stack: its prefix, its images."""

from collections.abc import Iterator

from components.settings.faults import Fault, listed
from components.settings.grammar import digest_faults, name_faults
from components.settings.raw import Check, Raw, pairs
from components.versions import PINNABLE


def _prefix(raw: Raw) -> Iterator[Fault]:
    yield from name_faults("namespace", raw.get("namespace"))


def _image_digests(raw: Raw) -> Iterator[Fault]:
    for path, name, digest in pairs(raw.get("imageDigests"), "imageDigests"):
        if name not in PINNABLE:
            yield Fault(path, f"unknown image. Legal names: {listed(PINNABLE)}")
        yield from digest_faults(path, digest)


CHECKS: tuple[Check, ...] = (_prefix, _image_digests)
