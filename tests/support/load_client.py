"""Clients that ask a server without pause: `URL MODEL SECONDS CLIENTS`. Runs in a pod, as text, as its first process.

They end after SECONDS, or when `STOP` is run in the pod and each has its answer.

Prints one JSON object: `answered` whole answers, `failed` each with its time and cause, `slowest_s` of an answer and
`silence_s`, the longest wait between two pieces of one.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path

import httpx

STOP = ("/usr/bin/python3.11", "-c", "import os, signal; os.kill(1, signal.SIGTERM)")
TEXT = Path(__file__).read_text(encoding="utf-8") if __name__ != "__main__" else ""


def wait_until_let_through(url: str) -> None:
    """A pod that has just begun is refused until the node's firewall has heard of it."""
    for _ in range(300):
        try:
            httpx.get(url, timeout=5).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return


def ask(url: str, model: str) -> tuple[float, float]:
    """Ask once; returns how long it took and its longest silence, both in seconds."""
    body = {"model": model, "prompt": "Count to five.", "options": {"num_predict": 12, "temperature": 0}}
    begun = last = time.monotonic()
    silence, lines = 0.0, list[str]()
    # A connection of its own for each, so that the Service chooses a replica anew.
    with httpx.Client(timeout=60) as http, http.stream("POST", url, json=body) as answer:
        for line in answer.iter_lines():
            silence, last = max(silence, time.monotonic() - last), time.monotonic()
            lines.append(line)
    if not answer.is_success or not lines or not json.loads(lines[-1]).get("done"):
        raise ValueError(f"{answer.status_code}, {len(lines)} lines: {lines[-1:]}")
    return time.monotonic() - begun, silence


def main() -> None:
    """Ask, and print what came of it."""
    base, model, seconds, clients = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
    wait_until_let_through(f"{base}/api/version")
    until = time.monotonic() + seconds
    stop = threading.Event()

    def on_term(_number: int, _frame: object) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_term)
    answers: list[tuple[float, float]] = []
    failed: list[str] = []

    def work() -> None:
        while time.monotonic() < until and not stop.is_set():
            try:
                answers.append(ask(f"{base}/api/generate", model))
            except (httpx.HTTPError, ValueError) as error:
                failed.append(f"{time.time():.1f} {type(error).__name__}: {error}")
                time.sleep(0.2)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    slowest, silence = (max((one[at] for one in answers), default=0.0) for at in (0, 1))
    sys.stdout.write(
        json.dumps({"answered": len(answers), "slowest_s": slowest, "silence_s": silence, "failed": failed})
    )


if __name__ == "__main__":
    main()
