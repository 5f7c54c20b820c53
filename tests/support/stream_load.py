"""Many streams at once from a fake Ollama: ``python -m tests.support.stream_load URL KEY STREAMS EVENTS EVERY_S API``.

Prints JSON: how late events were against the time at which they were sent, how long the first one took, how many came.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from urllib.parse import urlsplit

_SENT = re.compile(rb'"t": ?(\d+)|t=(\d+)')
_PERCENTS = (50, 99, 100)


async def stream(url: str, key: str, plan: dict[str, float], *, late: list[float], first: list[float], api: str) -> int:
    """Ask once; return how many events came."""
    parts = urlsplit(url)
    prompt = json.dumps(plan)
    document: dict[str, object] = {"model": "fake:1", "stream": True}
    path = "/api/generate" if api == "ollama" else "/v1/chat/completions"
    document |= {"prompt": prompt} if api == "ollama" else {"messages": [{"role": "user", "content": prompt}]}
    body = json.dumps(document).encode()
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    began = time.perf_counter()
    writer.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
    count = 0
    try:
        while line := await reader.readline():
            found = _SENT.search(line)
            if found is not None:
                now = time.perf_counter_ns()
                late.append((now - int(found[1] or found[2])) / 1e6)
                if not count:
                    first.append((time.perf_counter() - began) * 1e3)
                count += 1
                if count == plan["events"]:
                    break
    finally:
        writer.close()
    return count


async def main(url: str, key: str, *, streams: int, events: int, every_s: float, api: str) -> dict[str, object]:
    """Run them all."""
    late: list[float] = []
    first: list[float] = []
    plan = {"events": events, "every_s": every_s, "size": 24}
    began = time.perf_counter()
    counts = await asyncio.gather(*(stream(url, key, plan, late=late, first=first, api=api) for _ in range(streams)))
    took = time.perf_counter() - began
    late.sort()
    first.sort()

    def at(values: list[float], percent: int) -> float:
        return round(values[min(len(values) - 1, len(values) * percent // 100)], 2) if values else -1

    return {
        "whole": sum(count == events for count in counts),
        "events": sum(counts),
        "seconds": round(took, 2),
        "late_ms": {str(percent): at(late, percent) for percent in _PERCENTS},
        "first_ms": {str(percent): at(first, percent) for percent in _PERCENTS},
    }


if __name__ == "__main__":
    import uvloop

    base, shown, many, each, pause, dialect = sys.argv[1:]
    found = uvloop.run(main(base, shown, streams=int(many), events=int(each), every_s=float(pause), api=dialect))
    print(json.dumps(found))
