"""So many streams at once, without pause: `URL KEY STREAMS EVENTS EVERY_S`. Runs in a pod, as its first process.

In front of a fake Ollama (`fake_ollama`). Ends when `STOP` is run in the pod and each stream has come to its end.

Prints one JSON object: `whole` streams, `broken` each with its time and cause, `late_s` the longest wait for an event
beyond EVERY_S.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

STOP = ("/usr/bin/python3.11", "-c", "import os, signal; os.kill(1, signal.SIGTERM)")
TEXT = Path(__file__).read_text(encoding="utf-8") if __name__ != "__main__" else ""
_LONGEST_S = 120.0


async def stream(url: str, key: str, events: int, every_s: float) -> float:
    """Ask once, by a connection of its own; returns the longest wait for an event.

    Raises:
        ValueError: the answer is no whole one.
    """
    parts = urlsplit(url)
    body = json.dumps({"model": "fake:1", "prompt": json.dumps({"events": events, "every_s": every_s})}).encode()
    head = f"POST /api/generate HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\nconnection: close\r\n"
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        lines: list[bytes] = []
        longest, last = 0.0, time.monotonic()
        async with asyncio.timeout(_LONGEST_S):
            while line := await reader.readline():
                if line.startswith(b"{"):
                    longest, last = max(longest, time.monotonic() - last), time.monotonic()
                    lines.append(line)
        if len(lines) != events or not json.loads(lines[-1]).get("done"):
            raise ValueError(f"{len(lines)} of {events} events: {lines[-1:]}")
        return longest
    finally:
        writer.close()


async def let_through(url: str) -> None:
    """A pod that has just begun is refused until the node's firewall has heard of it."""
    parts = urlsplit(url)
    for _ in range(600):
        try:
            async with asyncio.timeout(5):
                _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except (OSError, TimeoutError):
            await asyncio.sleep(0.2)
        else:
            writer.close()
            return


async def main(url: str, key: str, streams: int, events: int, every_s: float) -> dict[str, object]:
    """Ask until it is told to stop."""
    await let_through(url)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    whole, late = 0, 0.0
    broken: list[str] = []

    async def work(number: int) -> None:
        nonlocal whole, late
        # Not all at the same moment of their answers.
        await asyncio.sleep(number / streams * events * every_s)
        while not stop.is_set():
            try:
                late = max(late, await stream(url, key, events, every_s) - every_s)
                whole += 1
            except (OSError, ValueError, TimeoutError) as error:
                broken.append(f"{time.time():.1f} {type(error).__name__}: {error}"[:300])
                await asyncio.sleep(0.2)

    await asyncio.gather(*(work(number) for number in range(streams)))
    return {"whole": whole, "broken": broken, "late_s": round(late, 2)}


if __name__ == "__main__":
    address, shown, many, each, pause = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(main(address, shown, int(many), int(each), float(pause)))))
