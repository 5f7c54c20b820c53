"""Counting a pull's progress, and when it is over.

Proves: what counts as progress and how attempts are counted, on lines made up here. Real stalls, cuts and
damage are in tests/ollama.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama import OllamaClient, PullEvent, PullPolicy, PullProgress, ResourceError, TransientError
from ollama.pull import Transfer, pull

FAST = PullPolicy(attempts=3, backoff_base_s=0, backoff_max_s=0)


def line(status: str, digest: str | None = None, total: int = 0, completed: int = 0) -> PullProgress:
    return PullProgress(status=status, digest=digest, total=total, completed=completed)


def test_progress_is_more_bytes_or_another_phase() -> None:
    transfer = Transfer()
    steps = [
        (line("pulling manifest"), False),
        (line("pulling aa", "aa", 100), True),
        (line("pulling aa", "aa", 100), False),
        (line("pulling aa", "aa", 100, 60), True),
        (line("pulling aa", "aa", 100, 60), False),
        (line("pulling aa", "aa", 100, 10), False),
        (line("pulling aa", "aa", 100, 20), True),
        (line("pulling bb", "bb", 50, 5), True),
        (line("verifying sha256 digest"), True),
        (line("verifying sha256 digest"), False),
        (line("writing manifest"), True),
        (line("removing unused layers"), False),
        (line("success"), True),
    ]
    assert [transfer.take(step) for step, _ in steps] == [progress for _, progress in steps]
    assert (transfer.completed, transfer.total, transfer.best, transfer.done) == (25, 150, 60, True)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 10**12), st.integers(0, 10**12)), max_size=30))
def test_sums_are_over_the_last_line_of_each_blob(lines: list[tuple[str, int, int]]) -> None:
    transfer = Transfer()
    last: dict[str, tuple[int, int]] = {}
    for digest, total, completed in lines:
        before = transfer.completed
        grew = transfer.take(line("pulling", digest, total, completed))
        last[digest] = (completed, total)
        assert transfer.completed == sum(done for done, _ in last.values())
        assert grew >= (transfer.completed > before)
        assert not transfer.done
    assert transfer.total == sum(total for _, total in last.values())


class Server:
    """Answers each pull with the next script of lines."""

    def __init__(self, scripts: list[list[dict[str, object]]]) -> None:
        self._scripts: Iterator[list[dict[str, object]]] = iter(scripts)
        self.pulls = 0
        self.events: list[PullEvent] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/pull"
        self.pulls += 1
        body = "".join(json.dumps(entry) + "\n" for entry in next(self._scripts))
        return httpx.Response(200, content=body)

    async def pull(self, policy: PullPolicy = FAST) -> None:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://replica")
        client = OllamaClient(http, "chat-0")
        await pull(client, "r/n/m:t", insecure=True, model="m:t", policy=policy, on_event=self.events.append)


def got(completed: int) -> dict[str, object]:
    return {"status": "pulling aa", "digest": "aa", "total": 100, "completed": completed}


BROKEN: dict[str, object] = {"error": "max retries exceeded: EOF"}
SUCCESS: dict[str, object] = {"status": "success"}


@pytest.mark.anyio
async def test_a_stream_without_success_is_tried_again() -> None:
    server = Server([[got(100), {"status": "writing manifest"}], [], [got(100), SUCCESS]])
    await server.pull()
    assert server.pulls == 3
    reasons = [event.detail for event in server.events if event.phase == "retrying"]
    assert reasons == ["the pull ended without `success`"] * 2


@pytest.mark.anyio
async def test_attempts_start_again_while_each_gets_further() -> None:
    server = Server([*[[got(n), BROKEN] for n in (10, 20, 30, 40, 50)], [got(100), SUCCESS]])
    await server.pull()
    assert server.pulls == 6


@pytest.mark.anyio
async def test_attempts_end_when_none_gets_further() -> None:
    server = Server([[got(100), BROKEN]] * 9)
    with pytest.raises(TransientError, match=r"gave up after 3 tries to pull `r/n/m:t`: max retries") as caught:
        await server.pull()
    assert server.pulls == 3
    assert (caught.value.replica, caught.value.model) == ("chat-0", "m:t")


@pytest.mark.anyio
async def test_what_trying_cannot_help_is_not_tried_again() -> None:
    server = Server([[got(10), {"error": "write x: no space left on device"}]] * 2)
    with pytest.raises(ResourceError, match="cannot pull `r/n/m:t`: write x: no space left"):
        await server.pull()
    assert server.pulls == 1


@pytest.mark.anyio
async def test_one_attempt_is_one() -> None:
    server = Server([[]] * 2)
    with pytest.raises(TransientError, match="after 1 tries"):
        await server.pull(replace(FAST, attempts=1))
    assert server.pulls == 1
