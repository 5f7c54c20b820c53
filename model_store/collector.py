"""Garbage collection: what nobody wants goes some time after its last use, and earlier when room is short.

Nothing that somebody may be about to read is taken: names that are being asked for, manifests whose blobs are
promised (`leases`), blobs that are being sent or downloaded. Each deletion looks again at the moment it happens,
so a pull may start at any point of a collection.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from model_store.config import CollectConfig
from model_store.inventory import BlobFile, Inventory, StoredModel, freed_by, read
from model_store.leases import Leases
from model_store.logs import event
from model_store.manifests import ManifestService
from model_store.metrics import Metrics
from model_store.names import Digest
from model_store.volume import Volume
from model_store.wanted import Wanted, WantedFile

__all__ = ["Collector", "InUse", "expired", "is_paused"]

# How soon a change of the list shows in the metrics and the log.
_LOOK_S = 10.0
# A push sends blobs first; while any is open, blobs that no manifest names yet are kept this long.
_PUSH_KEEP_S = 24 * 3600.0


def expired(inventory: Inventory, wanted: Wanted, *, keep_s: float, now: float) -> list[StoredModel]:
    """Models that nobody wants and nobody used for ``keep_s``, the longest unused first. Pushed ones never are."""
    found = [
        model
        for model in inventory.models
        if not model.pushed and not model.wanted_by(wanted) and now - model.used >= keep_s
    ]
    return sorted(found, key=lambda model: model.used)


def is_paused(inventory: Inventory, wanted: Wanted | None) -> StoredModel | None:
    """A model that stays though its manifest cannot be read: which blobs are its own cannot be known."""
    for model in inventory.models:
        if model.blobs is None and (model.pushed or wanted is None or model.wanted_by(wanted)):
            return model
    return None


@dataclass(frozen=True)
class InUse:
    """Who else uses blobs.

    Attributes:
        blob: Whether a blob is being sent or downloaded.
        pushes: How many uploads are open.
    """

    blob: Callable[[Digest], bool]
    pushes: Callable[[], int]


class Collector:
    """Deletes from the volume; one collection at a time."""

    def __init__(
        self,
        volume: Volume,
        manifests: ManifestService,
        leases: Leases,
        *,
        wanted: WantedFile | None,
        in_use: InUse,
        metrics: Metrics,
        settings: CollectConfig,
    ) -> None:
        self._volume = volume
        self._manifests = manifests
        self._leases = leases
        self._wanted = wanted
        self._in_use = in_use
        self._metrics = metrics
        self._settings = settings
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Collect now and at each interval, for ever."""
        due = 0.0
        while True:
            if time.monotonic() >= due:
                due = time.monotonic() + self._settings.interval_seconds
                try:
                    await self.collect()
                except OSError as error:
                    self._metrics.collections.labels("failed").inc()
                    event("collection_failed", level=logging.ERROR, cause=str(error))
            await self.wanted()
            await asyncio.sleep(min(_LOOK_S, max(0.01, due - time.monotonic())))

    async def wanted(self) -> Wanted | None:
        """The list of wanted models; None where there is none, or it cannot be read."""
        return None if self._wanted is None else await asyncio.to_thread(self._wanted.current)

    async def collect(self) -> None:
        """Delete what has expired and what nothing refers to.

        Raises:
            OSError: From the volume; what was deleted before stays deleted.
        """
        async with self._lock:
            wanted = await self.wanted() if self._settings.enabled else None
            inventory = await asyncio.to_thread(read, self._volume)
            if wanted is not None:
                await asyncio.to_thread(_still_wanted, inventory, wanted)
                for model in expired(inventory, wanted, keep_s=self._settings.keep_seconds, now=time.time()):
                    await self._drop(model, "unwanted")
            if inventory.unreadable:
                await self._drop_unreadable(inventory)
            await self._sweep(wanted)
        outcome = "no_wanted_list" if self._settings.enabled and wanted is None else "done"
        self._metrics.collections.labels(outcome).inc()

    async def make_room(self, need: int) -> int:
        """Delete unwanted models, the longest unused first, until ``need`` bytes are free, or nothing at all.

        Returns:
            Bytes that were freed.

        Raises:
            OSError: From the volume.
        """
        async with self._lock:
            wanted = await self.wanted() if self._settings.enabled else None
            inventory = await asyncio.to_thread(read, self._volume)
            if is_paused(inventory, wanted) is not None:
                return 0
            loose = sum(file.size for digest, file in inventory.loose_blobs().items() if self._may_go(digest, file))
            going: list[StoredModel] = []
            if wanted is not None and loose < need:
                for model in expired(inventory, wanted, keep_s=0.0, now=time.time()):
                    if not self._is_lent(model):
                        going.append(model)
                        if loose + freed_by(inventory, going) >= need:
                            break
            if loose + freed_by(inventory, going) < need:
                # A model that goes in vain has to be fetched again, and the pull fails all the same.
                return 0
            for model in going:
                await self._drop(model, "shortage")
            return await self._sweep(wanted)

    async def forget(self, alias: str, repository: str, reference: str | Digest) -> list[str]:
        """Delete what a client named, promised or not: a tag, or a manifest with all its tags.

        What is being sent or downloaded stays until it no longer is.

        Returns:
            The names of what went; empty when there was nothing of that name.

        Raises:
            OSError: From the volume.
        """
        async with self._lock:
            async with self._manifests.lock:
                inventory = await asyncio.to_thread(read, self._volume)
                going = [
                    part
                    for model in inventory.models
                    if (model.alias, model.repository) == (alias, repository)
                    and (part := _named(model, reference)) is not None
                ]
                for model in going:
                    await self._unlink_refs(model, "deleted")
            named: set[Digest] = set()
            for model in going:
                self._leases.release(model.digest)
                named |= set(model.blobs or ())
            if going:
                await self._sweep(await self.wanted(), only=named)
            return [model.name for model in going]

    def _is_lent(self, model: StoredModel) -> bool:
        # The time on the volume counts too: a pull may have begun before this process did.
        lent = 0 <= time.time() - model.lent < self._leases.seconds
        return lent or self._leases.holds_manifest(model.digest) or self._leases.is_asked(model.alias, model.repository)

    async def _drop(self, model: StoredModel, reason: str) -> None:
        async with self._manifests.lock:
            if self._is_lent(model) or not await asyncio.to_thread(_unchanged, model):
                event("collection_spared", model=model.name, cause="it is being pulled")
                return
            await self._unlink_refs(model, reason)

    async def _unlink_refs(self, model: StoredModel, reason: str) -> None:
        self._manifests.forget(model.alias, model.repository, model.tags)
        await asyncio.to_thread(self._volume.unlink_all, model.refs)
        await asyncio.to_thread(_prune, self._volume.refs, model.refs)
        self._metrics.collected.labels("ref", reason).inc(len(model.refs))
        event(
            "collected_model",
            model=model.name,
            digest=str(model.digest),
            reason=reason,
            unused_seconds=round(max(0.0, time.time() - model.used)),
        )

    async def _drop_unreadable(self, inventory: Inventory) -> None:
        async with self._manifests.lock:
            await asyncio.to_thread(self._volume.unlink_all, inventory.unreadable)
        for path in inventory.unreadable:
            event("collected_ref", file=str(path.relative_to(self._volume.refs)), reason="unreadable")
        self._metrics.collected.labels("ref", "unreadable").inc(len(inventory.unreadable))

    async def _sweep(self, wanted: Wanted | None, only: set[Digest] | None = None) -> int:
        """Delete manifests that no ref names, then blobs that no manifest names; returns the bytes freed."""
        async with self._manifests.lock:
            inventory = await asyncio.to_thread(read, self._volume)
            loose = [one for one in inventory.loose_manifests if not self._leases.holds_manifest(one)]
            await asyncio.to_thread(
                self._volume.unlink_all, [self._volume.manifests / manifest.hex for manifest in loose]
            )
        self._metrics.collected.labels("manifest", "loose").inc(len(loose))
        stays = is_paused(inventory, wanted)
        if stays is not None:
            event(
                "collection_paused",
                level=logging.WARNING,
                model=stays.name,
                cause="its manifest cannot be read, so no blob is deleted; pull it again, or delete it",
            )
            return 0
        freed = 0
        if only is None:
            self._drop_partials(inventory)
        for digest, file in inventory.loose_blobs().items():
            named = only is not None and digest in only
            if (only is None or named) and self._may_go(digest, file, named=named):
                freed += await self._delete_blob(digest, file)
        return freed

    def _drop_partials(self, inventory: Inventory) -> None:
        """Delete downloads that broke off and whose model is gone; those of a model that stays are resumed one day."""
        named = inventory.named()
        for digest in self._volume.partial_digests():
            try:
                status = self._volume.partial_path(digest).stat()
            except FileNotFoundError:
                continue
            if digest not in named and self._may_go(digest, BlobFile(status.st_size, status.st_mtime)):
                self._volume.drop_partial(digest)
                self._metrics.collected.labels("partial", "loose").inc()
                event("collected_partial", digest=str(digest), bytes=status.st_size)

    def _may_go(self, digest: Digest, file: BlobFile, *, named: bool = False) -> bool:
        if self._leases.holds_blob(digest) or self._in_use.blob(digest):
            return False
        keep = _PUSH_KEEP_S if self._in_use.pushes() else self._leases.seconds
        return named or not 0 <= time.time() - file.written < keep

    async def _delete_blob(self, digest: Digest, file: BlobFile) -> int:
        path = self._volume.discard_blob(digest)
        if path is None:
            return 0
        await asyncio.to_thread(path.unlink)
        self._metrics.collected.labels("blob", "loose").inc()
        self._metrics.collected_bytes.labels("loose").inc(file.size)
        event("collected_blob", digest=str(digest), bytes=file.size)
        return file.size


def _still_wanted(inventory: Inventory, wanted: Wanted) -> None:
    """Being wanted is a use: what is taken off the list today is kept as long as what was pulled today."""
    for model in inventory.models:
        if model.wanted_by(wanted):
            for path in model.refs:
                with suppress(FileNotFoundError):
                    os.utime(path)


def _named(model: StoredModel, reference: str | Digest) -> StoredModel | None:
    """What of a model goes with a reference: all of it, one of its tags, or nothing."""
    if isinstance(reference, Digest):
        return model if model.digest == reference else None
    if reference not in model.tags:
        return None
    if model.tags == (reference,):
        return model
    refs = {path: changed for path, changed in model.refs.items() if path.parent.name == "@tags"}
    return replace(
        model,
        tags=(reference,),
        refs={path: changed for path, changed in refs.items() if path.name == reference},
        blobs={},
    )


def _unchanged(model: StoredModel) -> bool:
    try:
        return all(path.stat().st_mtime_ns == changed for path, changed in model.refs.items())
    except FileNotFoundError:
        return False


def _prune(refs: Path, gone: Iterable[Path]) -> None:
    """Remove folders that became empty."""
    for path in gone:
        for folder in path.parents:
            if folder == refs or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
