"""One call for all: results and errors are shared, and a caller that goes away ends nothing."""

from __future__ import annotations

import asyncio

import pytest

from model_store.singleflight import SingleFlight


def test_callers_share_one_call_and_its_error() -> None:
    async def run() -> None:
        flight: SingleFlight[str, int] = SingleFlight()
        calls = 0

        async def call() -> int:
            nonlocal calls
            calls += 1
            await asyncio.sleep(0.01)
            if calls == 2:
                raise RuntimeError("second")
            return calls

        assert await asyncio.gather(*(flight.do("k", call) for _ in range(5))) == [1] * 5
        failed = await asyncio.gather(*(flight.do("k", call) for _ in range(3)), return_exceptions=True)
        assert [str(error) for error in failed] == ["second"] * 3
        assert await flight.do("k", call) == 3

    asyncio.run(run())


def test_leaving_caller_ends_nothing() -> None:
    async def run() -> None:
        flight: SingleFlight[str, int] = SingleFlight()
        ended = asyncio.Event()

        async def call() -> int:
            await asyncio.sleep(0.02)
            ended.set()
            return 1

        first = asyncio.create_task(flight.do("k", call))
        await asyncio.sleep(0)
        second = asyncio.create_task(flight.do("k", call))
        await asyncio.sleep(0.005)
        first.cancel()
        assert await second == 1
        assert ended.is_set()
        with pytest.raises(asyncio.CancelledError):
            await first

    asyncio.run(run())
