"""Every public call but encode and retrieve, given anything: it does its work or raises the library's own 4xx.

Encode and retrieve are fuzzed in test_bad_input.py. Nothing here says that a refusal is the right one.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echo.memory import (
    EchoMemoryError,
    Judgement,
    MemorySpace,
    MemoryStore,
    NewAssociation,
    NewExperience,
    NewMemory,
    Observation,
    WalkRequest,
    WorkingMemory,
)

pytestmark = pytest.mark.anyio

_KNOWN = [UUID(int=0), UUID(int=1)]
_ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.binary(max_size=10), st.uuids(),
    st.lists(st.one_of(st.text(max_size=5), st.integers(), st.none(), st.uuids()), max_size=4),
    st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=5), st.floats()), max_size=3),
    st.datetimes(timezones=st.one_of(st.none(), st.timezones())), st.timedeltas(),
)  # fmt: skip
_IDS = st.one_of(st.lists(st.one_of(st.uuids(), st.sampled_from(_KNOWN)), max_size=4), _ODD)
_TEXT = st.one_of(st.text(max_size=40), _ODD)
_SPAN: dict[str, st.SearchStrategy[Any]] = {"older_than": st.one_of(st.timedeltas(), _ODD)}
_NUMBER: st.SearchStrategy[Any] = st.one_of(st.integers(-2, 50), _ODD)


def _record(kind: type) -> st.SearchStrategy[Any]:
    needed = {
        field.name: _TEXT if field.type == "str" else _ODD
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    others = {field.name: _ODD for field in dataclasses.fields(kind) if field.name not in needed}
    return st.fixed_dictionaries(needed, optional=others).map(lambda fields: kind(**fields))


_LIMIT: dict[str, st.SearchStrategy[Any]] = {"limit": _NUMBER}
_CALLS: dict[str, st.SearchStrategy[Any]] = (
    {
        name: st.tuples(st.tuples(*positional), st.fixed_dictionaries({}, optional=named))
        for name, positional, named in (
            ("get", (_IDS,), {}),
            ("touch", (_IDS,), {}),
            ("recent", (), {"session": _TEXT, "limit": _NUMBER}),
            ("history", (_ODD,), {}),
            ("associate", (st.one_of(st.lists(_record(NewAssociation), max_size=2), _ODD),), {}),
            ("dissociate", (st.one_of(st.lists(_record(NewAssociation), max_size=2), _ODD),), {}),
            ("walk", (_record(WalkRequest),), {}),
            ("forget", (), {"limit": _NUMBER}),
            ("index_fresh", (), {"batch": _NUMBER}),
            ("reembed", (), {"batch": _NUMBER, "most": _NUMBER}),
            ("forgetting_log", (), {"memory_id": _ODD, "limit": _NUMBER}),
            ("record_experience", (_record(NewExperience),), {}),
            ("experiences", (), {"limit": _NUMBER}),
            ("observe", (st.one_of(st.lists(_record(Observation), max_size=2), _ODD),), {}),
            ("experience_of_key", (_TEXT,), {}),
            ("judge", (_record(Judgement),), {}),
            ("judgement", (_TEXT,), {}),
            ("answer", (_TEXT,), {"number": _NUMBER}),
            ("patterns", (), {"kind": _ODD, "limit": _NUMBER}),
            ("save_state", (_ODD,), {"coherence": _NUMBER, "reason": _TEXT}),
            ("states", (), {"limit": _NUMBER}),
            ("save_identity", (_ODD,), {"coherence": _NUMBER, "reason": _TEXT}),
            ("identities", (), {"limit": _NUMBER}),
            ("import_lines", (st.lists(st.text(max_size=30), max_size=3),), {}),
        )
    }
    | {
        "purge_forgotten": st.tuples(st.tuples(), st.fixed_dictionaries(_SPAN, optional=_LIMIT)),
    }
    | {
        name: st.tuples(st.tuples(_IDS), st.fixed_dictionaries({"reason": _TEXT}))
        for name in ("forget_these", "restore", "purge")
    }
)
_ANY = st.sampled_from(sorted(_CALLS)).flatmap(lambda name: st.tuples(st.just(name), _CALLS[name]))


@pytest.mark.timeout(300)
async def test_any_call_does_its_work_or_refuses(store: MemoryStore, space: MemorySpace) -> None:
    [kept] = await space.encode([NewMemory(content="what every call leaves alone")])
    working = WorkingMemory(None)
    loop = asyncio.get_running_loop()

    async def call(name: str, arguments: tuple[tuple[Any, ...], dict[str, Any]], odd: list[Any]) -> None:
        positional, named = arguments
        for what in (
            lambda: getattr(space, name)(*positional, **named),
            lambda: working.push(odd[0], odd[1], odd[2], attention=odd[3], metadata=odd[4]),
            lambda: store.create_space(odd[0], language=odd[1], exist_ok=True),
        ):
            try:
                await what()
            except EchoMemoryError as error:
                assert 400 <= error.status < 500, (name, arguments, error)  # noqa: PT017

    @settings(
        max_examples=100, deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(_ANY, st.lists(_TEXT, min_size=5, max_size=5))
    def run(chosen: tuple[str, tuple[tuple[Any, ...], dict[str, Any]]], odd: list[Any]) -> None:
        asyncio.run_coroutine_threadsafe(call(*chosen, odd), loop).result(120)

    await asyncio.to_thread(run)
    assert [one.content for one in await space.get([kept.id])] == ["what every call leaves alone"]
