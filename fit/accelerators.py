"""Accelerators: memory, architecture, how Kubernetes counts them, and how they can be parted.

Nominal memory and architecture are those of the vendors' data sheets. What a driver shows is less (ECC, its own
tables); where drivers differ the smaller figure stands here, and the setting `gpuPools[].memory` goes before it.
MIG profiles are those of NVIDIA's `mig-parted` (`deployments/systemd/config-default.yaml`), and where each may begin
those of its MIG user guide: a GPU has seven parts that compute and eight of memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Literal

from fit.memory import MIB

Vendor = Literal["nvidia", "amd", "intel"]

RESOURCES: Mapping[Vendor, str] = MappingProxyType(
    {"nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu", "intel": "gpu.intel.com/i915"}
)
"""The extended resource that each vendor's device plugin offers."""

_COMPUTE_PARTS = 7
_MEMORY_PARTS = 8
_MIG_SHARE = 0.96
"""Of its part of the memory that a MIG device shows: 4.75 GiB of a 1g.5gb."""


@dataclass(frozen=True, kw_only=True)
class MigProfile:
    """One size of MIG device."""

    name: str
    """Such as `1g.10gb`; Kubernetes counts `nvidia.com/mig-1g.10gb`."""
    compute: int
    """Of the seven parts that compute."""
    memory: int
    """Of the eight parts of the memory."""
    starts: tuple[int, ...]
    """Memory parts that it may begin at."""


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """One kind of card."""

    name: str
    vendor: Vendor
    architecture: str
    nominal_gb: int
    visible_mib: int
    product: str
    """As GPU feature discovery labels a node with it (`nvidia.com/gpu.product`), or the vendor's name."""
    mig: Mapping[str, MigProfile] = field(default_factory=dict[str, MigProfile])
    """Profile by name; empty where the card cannot be parted."""

    @property
    def memory(self) -> int:
        """Bytes that a driver shows."""
        return self.visible_mib * MIB

    @property
    def resource(self) -> str:
        """What pods ask for."""
        return RESOURCES[self.vendor]

    def mig_memory(self, profile: str) -> int:
        """Bytes that a device of this profile shows."""
        return int(self.memory * self.mig[profile].memory * _MIG_SHARE) // _MEMORY_PARTS


def _mig(*names: str) -> Mapping[str, MigProfile]:
    """Of the names of a card's six profiles, from the smallest."""
    shapes = (
        (1, 1, tuple(range(7))),
        (1, 2, (0, 2, 4, 6)),
        (2, 2, (0, 2, 4)),
        (3, 4, (0, 4)),
        (4, 4, (0,)),
        (7, 8, (0,)),
    )
    return MappingProxyType(
        {
            name: MigProfile(name=name, compute=compute, memory=memory, starts=starts)
            for name, (compute, memory, starts) in zip(names, shapes, strict=True)
        }
    )


_A100_40 = _mig("1g.5gb", "1g.10gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb")
_80 = _mig("1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb")
_H100_94 = _mig("1g.12gb", "1g.24gb", "2g.24gb", "3g.47gb", "4g.47gb", "7g.94gb")
_H200 = _mig("1g.18gb", "1g.35gb", "2g.35gb", "3g.71gb", "4g.71gb", "7g.141gb")
_B200 = _mig("1g.23gb", "1g.45gb", "2g.45gb", "3g.90gb", "4g.90gb", "7g.180gb")
_NONE: Mapping[str, MigProfile] = MappingProxyType({})


def _card(
    name: str, architecture: str, gb: int, mib: int, product: str, *, mig: Mapping[str, MigProfile] = _NONE
) -> Accelerator:
    vendor: Vendor = "amd" if name.startswith("amd-") else "intel" if name.startswith("intel-") else "nvidia"
    return Accelerator(
        name=name,
        vendor=vendor,
        architecture=architecture,
        nominal_gb=gb,
        visible_mib=mib,
        product=product,
        mig=mig,
    )


_CARDS = (
    _card("nvidia-t4", "Turing", 16, 15109, "Tesla-T4"),
    _card("nvidia-v100-16gb", "Volta", 16, 16128, "Tesla-V100-SXM2-16GB"),
    _card("nvidia-v100-32gb", "Volta", 32, 32256, "Tesla-V100-SXM2-32GB"),
    _card("nvidia-a10g", "Ampere", 24, 22731, "NVIDIA-A10G"),
    _card("nvidia-l4", "Ada Lovelace", 24, 22528, "NVIDIA-L4"),
    _card("nvidia-l40s", "Ada Lovelace", 48, 45056, "NVIDIA-L40S"),
    _card("nvidia-a100-40gb", "Ampere", 40, 40448, "NVIDIA-A100-SXM4-40GB", mig=_A100_40),
    _card("nvidia-a100-80gb", "Ampere", 80, 80896, "NVIDIA-A100-SXM4-80GB", mig=_80),
    _card("nvidia-h100-80gb", "Hopper", 80, 80896, "NVIDIA-H100-80GB-HBM3", mig=_80),
    _card("nvidia-h100-94gb", "Hopper", 94, 95232, "NVIDIA-H100-NVL", mig=_H100_94),
    _card("nvidia-h200", "Hopper", 141, 143360, "NVIDIA-H200", mig=_H200),
    _card("nvidia-b200", "Blackwell", 180, 182272, "NVIDIA-B200", mig=_B200),
    _card("nvidia-rtx-4060", "Ada Lovelace", 8, 8188, "NVIDIA-GeForce-RTX-4060"),
    _card("nvidia-rtx-4070", "Ada Lovelace", 12, 12282, "NVIDIA-GeForce-RTX-4070"),
    _card("nvidia-rtx-4080", "Ada Lovelace", 16, 16376, "NVIDIA-GeForce-RTX-4080"),
    _card("nvidia-rtx-4090", "Ada Lovelace", 24, 24564, "NVIDIA-GeForce-RTX-4090"),
    _card("amd-mi300x", "CDNA 3", 192, 195584, "AMD Instinct MI300X"),
    _card("intel-flex-170", "Xe-HPG", 16, 15360, "Intel Data Center GPU Flex 170"),
    _card("intel-max-1100", "Xe-HPC", 48, 48128, "Intel Data Center GPU Max 1100"),
)

ACCELERATORS: Mapping[str, Accelerator] = MappingProxyType({card.name: card for card in _CARDS})
"""By name."""


def mig_fits(accelerator: Accelerator, layout: Mapping[str, int]) -> bool:
    """Whether these devices, `{profile: count}` with profiles that the card has, find places on one GPU."""
    profiles = [accelerator.mig[name] for name, count in sorted(layout.items()) for _ in range(count)]
    if sum(one.compute for one in profiles) > _COMPUTE_PARTS or sum(one.memory for one in profiles) > _MEMORY_PARTS:
        return False
    # The largest first: what begins at one place only finds it taken otherwise.
    ordered = sorted(profiles, key=lambda one: (-one.memory, -one.compute))
    return _place(tuple((one.memory, one.starts) for one in ordered), 0)


@cache
def _place(left: Sequence[tuple[int, tuple[int, ...]]], taken: int) -> bool:
    """Whether the devices `(memory parts, starts)` find places beside the parts in the bit set `taken`."""
    if not left:
        return True
    (parts, starts), rest = left[0], left[1:]
    masks = [((1 << parts) - 1) << start for start in starts]
    return any(not mask & taken and _place(rest, taken | mask) for mask in masks)
