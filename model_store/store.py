"""The parts of one running store, put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from starlette.requests import Request

from model_store.capacity import Capacity
from model_store.collector import Collector, InUse
from model_store.config import StoreConfig, UpstreamConfig
from model_store.downloads import Downloads
from model_store.leases import Leases
from model_store.logs import event
from model_store.manifests import ManifestService
from model_store.metrics import Metrics
from model_store.push import PushHandlers
from model_store.scrub import Scrub
from model_store.transfer import Transfers
from model_store.uploads import Uploads
from model_store.upstream import Upstream
from model_store.volume import Volume
from model_store.wanted import WantedFile

__all__ = ["Store", "aliases_of"]


def aliases_of(config: StoreConfig) -> dict[str, str]:
    """Alias by host, of every registry that the store stands for."""
    found = {upstream.host: upstream.alias for upstream in config.upstreams}
    if config.uploads is not None:
        found[config.uploads.host] = config.uploads.alias
    return found


class Store:
    """Everything behind the HTTP face.

    Attributes:
        metrics, leases, manifests, downloads, uploads, transfers, capacity, collector, scrub: The parts.
    """

    def __init__(self, config: StoreConfig, volume: Volume) -> None:
        self.metrics = Metrics()
        self._config = config
        self._volume = volume
        self._tasks: list[asyncio.Task[None]] = []
        self._upstream = Upstream(self.metrics)
        self.leases = Leases(config.collect.lease_seconds)
        self.capacity = Capacity(volume, max_bytes=config.max_bytes, min_free=config.min_free_bytes)
        self.manifests = ManifestService(
            volume, self._upstream, self.metrics, self.leases, fresh_s=config.tag_fresh_seconds
        )
        self.downloads = Downloads(volume, self.capacity, self._upstream, self.metrics)
        self.uploads = Uploads(volume, self.capacity)
        # A transfer that ends renews its promise: it may have taken longer than that lasts.
        self.transfers = Transfers(self.leases.used)
        self.scrub = Scrub(
            volume,
            self.transfers,
            self.metrics,
            every_s=config.scrub_seconds,
            bytes_per_s=config.scrub_bytes_per_second,
        )
        wanted = config.wanted_file
        self.collector = Collector(
            volume,
            self.manifests,
            self.leases,
            wanted=None if wanted is None else WantedFile(wanted, aliases_of(config), self.metrics),
            in_use=InUse(
                lambda digest: self.downloads.running(digest) is not None or self.transfers.sends(digest),
                lambda: self.uploads.count,
            ),
            metrics=self.metrics,
            settings=config.collect,
        )
        self.capacity.make_room = self.collector.make_room
        self._watch()

    def _watch(self) -> None:
        metrics, volume = self.metrics, self._volume
        metrics.observe(metrics.downloads, lambda: self.downloads.count)
        metrics.observe(metrics.blobs, lambda: volume.blob_count)
        metrics.observe(metrics.stored_bytes, lambda: volume.blob_bytes)
        metrics.observe(metrics.partial_bytes, volume.partial_bytes)
        metrics.observe(metrics.disk_free, volume.free_bytes)
        metrics.observe(metrics.disk_size, volume.size_bytes)
        metrics.max_bytes.set(self._config.max_bytes if self._config.max_bytes is not None else 0)

    def push_handlers(self, upstream_of: Callable[[Request], tuple[UpstreamConfig, str]]) -> PushHandlers:
        """The HTTP face of what writes."""
        return PushHandlers(
            self._volume,
            self.uploads,
            self.manifests,
            collector=self.collector,
            leases=self.leases,
            settings=self._config.uploads,
            open_to_all=self._config.open_uploads,
            upstream_of=upstream_of,
        )

    def start(self) -> None:
        """Begin what runs by itself: collections and the scrub."""
        for name, running in (("collector", self.collector.run()), ("scrub", self.scrub.run())):
            task = asyncio.create_task(running, name=name)
            task.add_done_callback(_ended)
            self._tasks.append(task)

    async def close(self) -> None:
        """End downloads, connections and what runs by itself."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.manifests.close()
        await self.downloads.close()
        await self._upstream.close()


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        event("background_fault", level=logging.ERROR, task=task.get_name(), cause=repr(error))
