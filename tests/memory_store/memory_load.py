"""Steady writers in a pod of the echo service's image: each memory has a key, and is sent until it is acknowledged.

    memory_load.py WRITERS

It writes JSON lines: progress each second, and, once its input ends, what was acknowledged and what the store holds
of it.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from echo.memory import HashEmbedder, MemoryStore, NewMemory, StoreUnavailableError

URL = Path("/etc/echo-memory/url")
SPACE = "load"
PAUSE_S = 1.0
BATCH = 500


def say(**told: Any) -> None:
    """One line."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def memory(key: str) -> NewMemory:
    """The memory of a key."""
    return NewMemory(content=f"memory {key}", session="load", idempotency_key=key)


class Writer:
    """One after the other; a memory that is not acknowledged is sent again with the same key."""

    def __init__(self, name: int) -> None:
        self.name = name
        self.acknowledged = 0
        self.again = 0
        self.doubled = 0
        self.pauses: list[float] = []
        self.errors: set[str] = set()

    async def write(self, store: MemoryStore, ending: asyncio.Event) -> None:
        """Until it is to end."""
        space = store.space(SPACE)
        last, sent = time.monotonic(), 0
        while not ending.is_set():
            sent += 1
            try:
                (done,) = await asyncio.wait_for(space.encode([memory(f"{self.name}-{self.acknowledged}")]), 10)
            except (StoreUnavailableError, TimeoutError) as error:
                # Whether it was written is not known.
                self.again += 1
                self.errors.add(f"{type(error).__name__}: {error}"[:80])
                await asyncio.sleep(0.1)
                continue
            # It was there already although this is its first try: it would be another one's.
            self.doubled += sent == 1 and not done.created
            now = time.monotonic()
            if now - last > PAUSE_S:
                self.pauses.append(round(now - last, 1))
            last, sent = now, 0
            self.acknowledged += 1

    async def check(self, store: MemoryStore) -> int:
        """How many of the acknowledged are not there: sent again, they would be new."""
        space = store.space(SPACE)
        lost = 0
        for begin in range(0, self.acknowledged, BATCH):
            end = min(begin + BATCH, self.acknowledged)
            found = await space.encode([memory(f"{self.name}-{number}") for number in range(begin, end)])
            lost += sum(one.created for one in found)
        return lost


async def ended(ending: asyncio.Event) -> None:
    """Until the other side closes our input."""
    await asyncio.to_thread(sys.stdin.read)
    ending.set()


async def main(url: str, count: int) -> None:
    """Write, then look."""
    ending = asyncio.Event()
    async with await MemoryStore.open(
        url, embedder=HashEmbedder(384), pool_size=count, statement_timeout_s=10
    ) as store:
        await store.create_space(SPACE, exist_ok=True)
        writers = [Writer(one) for one in range(count)]
        waiting = asyncio.create_task(ended(ending))
        tasks = [asyncio.create_task(one.write(store, ending)) for one in writers]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(1)
            say(acknowledged=sum(one.acknowledged for one in writers))
        await asyncio.gather(waiting, *tasks)
        held = (await store.space(SPACE).stats()).live
        lost = sum([await one.check(store) for one in writers])
        say(
            acknowledged=sum(one.acknowledged for one in writers),
            again=sum(one.again for one in writers),
            doubled=sum(one.doubled for one in writers),
            lost=lost,
            held=held,
            pauses=max((one.pauses for one in writers), key=sum),
            errors=sorted(set[str]().union(*(one.errors for one in writers))),
        )


asyncio.run(main(URL.read_text().strip(), int(sys.argv[1])))
