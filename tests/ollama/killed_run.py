"""A process that brings one model and stands still at a given step, for a test to kill it there.

`python -m tests.ollama.killed_run URL LEDGER PHASE ENTRY_JSON`; prints `here` when it has come to the step.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import httpx

from ollama import FileLedger, OllamaClient, PullEvent, ensure, wanted_of
from ollama.document import WantedEntry


async def main(url: str, ledger: str, phase: str, entry: str) -> None:
    """Bring the model, with no way out of the step but a kill."""

    def stop(event: PullEvent) -> None:
        if event.phase == phase:
            sys.stdout.write("here\n")
            sys.stdout.flush()
            time.sleep(600)

    wanted = [wanted_of(WantedEntry.model_validate_json(entry))]
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        await ensure(OllamaClient(http, "killed"), wanted, on_event=stop, ledger=FileLedger(Path(ledger)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
