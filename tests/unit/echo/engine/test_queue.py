"""Slots and waiting: never more than there are, none lost however a wait ends, first come first served."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from echo.config.model import QueueConfig, RoutingConfig
from echo.engine.fleet import Fleet, Listed, Replica
from echo.engine.queue import BusyError, Dispatcher, Lease, MissingError

pytestmark = pytest.mark.anyio
MODEL = "m"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def make(slots: Sequence[int], *, size: int = 100, wait: float = 30, ahead: int = 0) -> Dispatcher:
    fleet = Fleet()
    for number, count in enumerate(slots):
        models = {MODEL: Listed("m", {})}
        fleet.add(Replica("chat", f"chat-{number}", f"http://h{number}", None, count, up=True, models=models))
    return Dispatcher(
        fleet, RoutingConfig(ahead=ahead), QueueConfig.model_validate({"size": size, "waitSeconds": wait})
    )


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_such_model() -> None:
    with pytest.raises(MissingError):
        await make([1]).lease("other", None)


async def test_first_come_first_served() -> None:
    dispatcher = make([1])
    held = await dispatcher.lease(MODEL, None)
    order: list[int] = []

    async def one(number: int) -> None:
        lease = await dispatcher.lease(MODEL, None)
        order.append(number)
        await asyncio.sleep(0)
        lease.release()

    tasks = [asyncio.create_task(one(number)) for number in range(5)]
    await settled()
    assert dispatcher.waiting == 5
    held.release()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]
    assert dispatcher.waiting == 0


async def test_a_full_queue_says_when_to_come_again() -> None:
    dispatcher = make([1], size=1)
    await dispatcher.lease(MODEL, None)
    waiting = asyncio.create_task(dispatcher.lease(MODEL, None))
    await settled()
    with pytest.raises(BusyError) as found:
        await dispatcher.lease(MODEL, None)
    assert found.value.code == "queue_full"
    assert 1 <= found.value.retry_after <= 60
    waiting.cancel()


async def test_a_wait_ends() -> None:
    dispatcher = make([1], wait=0.01)
    held = await dispatcher.lease(MODEL, None)
    with pytest.raises(BusyError, match=r"no replica was free within 0.01 s"):
        await dispatcher.lease(MODEL, None)
    held.release()
    (await dispatcher.lease(MODEL, None)).release()


async def test_a_model_that_is_to_come_is_waited_for() -> None:
    dispatcher = make([1])
    (replica,) = dispatcher.fleet
    replica.up = False
    waiting = asyncio.create_task(dispatcher.lease(MODEL, None))
    await settled()
    assert not waiting.done()
    replica.up = True
    dispatcher.changed()
    assert (await waiting).replica is replica


async def test_a_failed_replica_is_not_given_again() -> None:
    dispatcher = make([1, 1])
    for _ in range(3):
        lease = await dispatcher.lease(MODEL, b"0" * 16, {"http://h0"})
        assert lease.replica.base == "http://h1"
        lease.release()


async def test_releasing_twice_gives_one_slot() -> None:
    dispatcher = make([1])
    lease = await dispatcher.lease(MODEL, None)
    lease.release()
    lease.release()
    (replica,) = dispatcher.fleet
    assert replica.own == 0


@pytest.mark.parametrize("seed", range(20))
async def test_no_slot_is_lost_or_made_up(seed: int) -> None:
    """Clients come, leave while they wait, are cancelled in the moment of their turn, and run out of patience."""
    chance = random.Random(seed)  # noqa: S311 - cases, not secrets
    dispatcher = make([1, 2, 3], wait=0.02, size=30)
    replicas = list(dispatcher.fleet)
    most = {replica.base: 0 for replica in replicas}

    async def client() -> None:
        lease: Lease | None = None
        try:
            lease = await dispatcher.lease(MODEL, chance.choice([None, bytes(16), b"1" * 16]))
            most[lease.replica.base] = max(most[lease.replica.base], lease.replica.own)
            await asyncio.sleep(chance.random() * 0.005)
        except BusyError:
            return
        finally:
            if lease is not None:
                lease.release()

    tasks = [asyncio.create_task(client()) for _ in range(120)]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(chance.random() * 0.002)
        for task in chance.sample(tasks, 3):
            task.cancel()
        for replica in replicas:
            assert replica.own <= replica.slots
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [replica.own for replica in replicas] == [0, 0, 0]
    assert dispatcher.waiting == 0
    assert max(most.values()) > 0
