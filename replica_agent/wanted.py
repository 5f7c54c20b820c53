"""Follow the wanted list: one ConfigMap, watched through the API server, and its mounted copy as a fallback.

The watch is by name (`fieldSelector`), so that a Role which allows `list` and `watch` on this one ConfigMap is enough.
The file is used only until the API server has given the list once: the kubelet's copy is up to two minutes old, and
going back to an older list would take away models that are wanted.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from ollama.document import WantedDocument, revision
from replica_agent.config import ApiConfig
from replica_agent.kube import ApiError, Json, Kube, fields_of
from replica_agent.logs import event

__all__ = ["Follower", "Following", "ListError", "WantedList", "read_list", "wait_s"]

_FILE_POLL_S = 2.0
_WATCH_S = 240
"""A watch is asked to end by then; reconnecting also reads the token anew."""
_SHORTEST_WATCH_S = 1.0
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0


class ListError(Exception):
    """The list's text is not a wanted list."""


@dataclass(frozen=True)
class WantedList:
    """A list and the revision of its text."""

    document: WantedDocument
    revision: str


def read_list(text: str, source: str) -> WantedList:
    """Read a list.

    Raises:
        ListError: with every fault.
    """
    try:
        return WantedList(WantedDocument.model_validate_json(text), revision(text))
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc']) or '(the document)'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise ListError(f"{source} is not a wanted list: {'; '.join(faults)}") from error


@dataclass
class Following:
    """How the following goes.

    Attributes:
        connected: a watch is open, or the file alone is followed and could be read.
        problem: why there is no list, or why the newest one is not used; empty when all is well.
        reconnects: watches that had to be opened again after a failure.
    """

    connected: bool = False
    problem: str = ""
    reconnects: int = 0


@dataclass
class Follower:
    """Calls `on_list` with each new list, for as long as `run` runs.

    Attributes:
        kube: the API server; None follows the file alone.
        namespace: of the ConfigMap.
        api: which ConfigMap and key.
        file: the mounted copy.
        on_list: told each list whose revision is new.
        on_problem: told that `state.problem` changed.
    """

    kube: Kube | None
    namespace: str
    api: ApiConfig | None
    file: Path
    on_list: Callable[[WantedList], None]
    on_problem: Callable[[str], None]
    state: Following = field(default_factory=Following)
    _revision: str = ""
    _from_api: bool = False

    async def run(self) -> None:
        """Follow for ever."""
        if self.kube is None or self.api is None:
            await self._follow_file()
            return
        async with asyncio.TaskGroup() as tasks:
            fallback = tasks.create_task(self._follow_file())
            await self._follow_api(self.kube, self.api, fallback)

    async def _follow_file(self) -> None:
        told = ""
        while not self._from_api:
            try:
                text = await asyncio.to_thread(self.file.read_text, encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                if self.kube is None:
                    self.state.connected = False
                    self._problem(f"the wanted list {self.file} cannot be read: {error}")
            else:
                if self.kube is None:
                    self.state.connected = True
                if text != told and not self._from_api:
                    told = text
                    self._take(text, str(self.file))
            await asyncio.sleep(_FILE_POLL_S)

    async def _follow_api(self, kube: Kube, api: ApiConfig, fallback: asyncio.Task[None]) -> None:
        failures = 0
        version = ""
        while True:
            try:
                if not version:
                    version = await self._get(kube, api)
                    fallback.cancel()
                began = asyncio.get_running_loop().time()
                version, failures = await self._watch(kube, api, version), 0
                # An API server that is going down ends watches as soon as they are open.
                if asyncio.get_running_loop().time() - began < _SHORTEST_WATCH_S:
                    await asyncio.sleep(_SHORTEST_WATCH_S)
            except ApiError as error:
                self.state.connected = False
                # What was missed is unknown, so the next round reads the object first.
                version = ""
                if error.code == HTTPStatus.GONE:
                    # Not at once: a server that says so of what it has just given would be asked without end.
                    await asyncio.sleep(_SHORTEST_WATCH_S)
                    continue
                failures += 1
                self.state.reconnects += 1
                self._problem(str(error))
                event("watch_failed", level=logging.WARNING, cause=str(error), failures=failures)
                await asyncio.sleep(wait_s(failures, random.random()))  # noqa: S311 - spreads load, guards nothing

    async def _get(self, kube: Kube, api: ApiConfig) -> str:
        # As a list of one: a list's version is that of now. The object's own is as old as its last change, and an API
        # server forgets such versions after minutes and refuses to watch from there.
        query = f"fieldSelector=metadata.name%3D{api.config_map}"
        found = await kube.call("GET", f"/api/v1/namespaces/{self.namespace}/configmaps?{query}")
        items = cast("list[Json]", found.get("items") or [])
        self._take_object(items[0] if items else {}, api)
        return str(fields_of(found, "metadata").get("resourceVersion", ""))

    async def _watch(self, kube: Kube, api: ApiConfig, version: str) -> str:
        """Watch until the server ends it; return the version to go on from."""
        seconds = _WATCH_S + random.randrange(60)  # noqa: S311 - spreads load, guards nothing
        params = {
            "fieldSelector": f"metadata.name={api.config_map}",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        path = f"/api/v1/namespaces/{self.namespace}/configmaps"
        self.state.connected = True
        async with aclosing(kube.watch(path, params, silence_s=seconds + 15.0)) as changes:
            async for change in changes:
                version = self._changed(change, api, version)
        return version

    def _changed(self, change: Json, api: ApiConfig, version: str) -> str:
        kind, item = change.get("type"), fields_of(change, "object")
        if kind == "ERROR":
            raise ApiError(int(item.get("code", 0)), f"the watch ended: {item.get('message', '')}")
        if kind == "DELETED":
            # Whoever deletes the list does not ask for every model to be deleted.
            self._problem(f"the ConfigMap {api.config_map} was deleted; its last list goes on")
        if kind in {"ADDED", "MODIFIED"}:
            return self._take_object(item, api)
        return str(fields_of(item, "metadata").get("resourceVersion", version))

    def _take_object(self, item: Json, api: ApiConfig) -> str:
        where = f"ConfigMap {api.config_map}, key {api.key}"
        text = fields_of(item, "data").get(api.key)
        self._from_api = True
        if isinstance(text, str):
            self._take(text, where)
        else:
            self._problem(f"there is no {where}; write the wanted list there")
        return str(fields_of(item, "metadata").get("resourceVersion", ""))

    def _take(self, text: str, source: str) -> None:
        try:
            found = read_list(text, source)
        except ListError as error:
            self._problem(str(error))
            return
        self._problem("")
        if found.revision != self._revision:
            self._revision = found.revision
            self.on_list(found)

    def _problem(self, text: str) -> None:
        if text != self.state.problem:
            self.state.problem = text
            self.on_problem(text)


def wait_s(failures: int, jitter: float) -> float:
    """Return the wait after so many failures in a row; `jitter` is in [0, 1)."""
    return min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(failures - 1, 20)) * (0.5 + jitter / 2)
