"""What a collection would delete now, and why, as a table. Reads the volume only; a store may run on it."""

from __future__ import annotations

import time

from model_store.capacity import human_bytes
from model_store.collector import expired, is_paused
from model_store.config import StoreConfig
from model_store.inventory import Inventory, StoredModel, freed_by, read
from model_store.metrics import Metrics
from model_store.store import aliases_of
from model_store.volume import Volume
from model_store.wanted import Wanted, WantedFile

__all__ = ["table"]

Row = tuple[str, str, str, str]
_HEAD: Row = ("WHAT", "WHY", "UNUSED FOR", "FREES")


def table(config: StoreConfig, now: float | None = None) -> str:
    """The table, and a line on what stays.

    Args:
        config: Of the store whose volume is looked at.
        now: Seconds since the epoch; None for the real time.

    Raises:
        OSError: When the volume cannot be read.
    """
    at = time.time() if now is None else now
    volume = Volume(config.root)
    inventory = read(volume)
    reader = None if config.wanted_file is None else WantedFile(config.wanted_file, aliases_of(config), Metrics())
    wanted = reader.current() if reader is not None and config.collect.enabled else None
    going = [] if wanted is None else expired(inventory, wanted, keep_s=config.collect.keep_seconds, now=at)
    lines = _columns([_HEAD, *_rows(volume, inventory, wanted, going, lease_s=config.collect.lease_seconds, now=at)])
    if not config.collect.enabled:
        lines.append("collect.enabled is false: only what nothing refers to goes")
    elif wanted is None:
        lines.append(f"{config.wanted_file} cannot be read: only what nothing refers to goes")
    stays = [model for model in inventory.models if model not in going]
    pushed = sum(1 for model in stays if model.pushed)
    listed = sum(1 for model in stays if wanted is not None and model.wanted_by(wanted))
    lines.append(
        f"{len(going)} of {len(inventory.models)} models would go; of the {len(stays)} that stay {listed} are wanted "
        f"and {pushed} pushed"
    )
    if reader is not None and reader.fault is not None:
        lines.append(reader.fault)
    return "\n".join(lines)


def _rows(
    volume: Volume,
    inventory: Inventory,
    wanted: Wanted | None,
    going: list[StoredModel],
    *,
    lease_s: float,
    now: float,
) -> list[Row]:
    rows: list[Row] = []
    for index, model in enumerate(going):
        why = "no server wants it"
        if 0 <= now - model.lent < lease_s:
            why += f"; stays while it is being pulled ({lease_s:.0f} s)"
        # What two of them share is freed by the second.
        freed = freed_by(inventory, going[: index + 1]) - freed_by(inventory, going[:index])
        rows.append((model.name, why, _duration(now - model.used), human_bytes(freed)))
    rows += [(str(path), "reference that cannot be read", "", "") for path in inventory.unreadable]
    rows += [(f"manifest {one}", "no tag or digest refers to it", "", "") for one in inventory.loose_manifests]
    rows += [
        (f"unfinished {one}", "its model is gone", "", human_bytes(volume.partial_size(one)))
        for one in volume.partial_digests()
        if one not in inventory.named()
    ]
    paused = is_paused(inventory, wanted)
    for digest, file in inventory.loose_blobs().items():
        why = "no manifest names it"
        if paused is not None:
            why += f"; stays while the manifest of {paused.name} cannot be read"
        elif 0 <= now - file.written < lease_s:
            why += f"; stays for {lease_s:.0f} s after it came"
        rows.append((f"blob {digest}", why, _duration(now - file.written), human_bytes(file.size)))
    return rows


def _columns(rows: list[Row]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _duration(seconds: float) -> str:
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
