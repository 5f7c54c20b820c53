"""Keep the program from burning a processor while a deploy waits.

Pulumi's SDK waits for outputs by asking again and again whether one of them is done (`wait_for_rpcs` in
`pulumi.runtime.stack`, 3.224), which takes a whole core for as long as pods need to become Ready. Its loop yields by
`asyncio.sleep(0)`; here that yield lasts until an output is done.
"""

import asyncio
from typing import Any, cast

from pulumi.runtime import stack
from pulumi.runtime.settings import SETTINGS

# The SDK types its settings as functions.
_SETTINGS = cast("Any", SETTINGS)

_LONGEST_S = 0.1
"""Until the loop looks again by itself: an output that came meanwhile may fail before those that are waited for."""


class _Asyncio:
    """The module `asyncio` as the SDK's loop sees it."""

    def __init__(self) -> None:
        self._calls = 0

    def __getattr__(self, name: str) -> object:
        return getattr(asyncio, name)

    async def sleep(self, delay: float) -> None:
        """Yield; where the loop has nothing to do but look at its outputs, until one of them is done."""
        # Calls that ended are taken away one by one before outputs are looked at, with a yield before each; calls that
        # come later stay until all outputs are done.
        calls = len(_SETTINGS.rpc_manager.rpcs)
        taken, self._calls = calls < self._calls, calls
        with _SETTINGS.lock:
            outputs: list[asyncio.Task[Any]] = list(_SETTINGS.outputs)
        if delay == 0 and outputs and not taken and not any(task.done() for task in outputs):
            await asyncio.wait(outputs, timeout=_LONGEST_S, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(delay)


def install() -> None:
    """Take the place of `asyncio` in the SDK's module; a version that waits otherwise is left as it is."""
    if getattr(stack, "asyncio", None) is asyncio and hasattr(_SETTINGS, "outputs"):
        cast("Any", stack).asyncio = _Asyncio()
