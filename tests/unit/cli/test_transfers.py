"""Where a model is, told by lines or by reports, ends up in the same place; the lines are those the provider writes."""

from __future__ import annotations

import pytest

from cli.transfers import Transfer, Transfers
from components.pull_progress import ProgressLines
from ollama.state import PullEvent
from replica_agent.report import ReplicaReport


def lines(*events: PullEvent) -> list[str]:
    written: list[str] = []
    clock = iter(range(0, 1000, 10))
    progress = ProgressLines(written.append, clock=lambda: float(next(clock)))
    for event in events:
        progress(event)
    return written


def report(phase: str, completed: int = 0, total: int = 0) -> ReplicaReport:
    model = {"name": "m:1", "fingerprint": "f", "since": "2026-01-01T00:00:00Z", "phase": phase}
    sizes = {"completed": completed, "total": total, "sizeBytes": 98_000_000}
    return ReplicaReport.model_validate(
        {"server": "chat", "replica": "chat-0", "phase": "Pulling", "models": [{**model, **sizes}]}
    )


def event(phase: str, completed: int = 0, total: int = 0, detail: str = "") -> PullEvent:
    return PullEvent("chat-0", "m:1", phase, completed, total, detail)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            event("waiting", detail="Creating: so"),
            Transfer("chat-0", "m:1", "waiting", 0, 0, "Creating: so"),
        ),
        (event("manifest"), Transfer("chat-0", "m:1", "manifest")),
        (event("downloading"), Transfer("chat-0", "m:1", "downloading")),
        (
            event("downloading", 12_300_000, 98_000_000),
            Transfer("chat-0", "m:1", "downloading", 12_300_000, 98_000_000),
        ),
        (event("verifying"), Transfer("chat-0", "m:1", "verifying")),
        (event("retrying", detail="reset by peer"), Transfer("chat-0", "m:1", "retrying", 0, 0, "reset by peer")),
    ],
)
def test_each_line_of_the_provider_is_understood(given: PullEvent, expected: Transfer) -> None:
    transfers = Transfers()
    written = lines(given)
    assert [transfers.line(line) for line in written] == [True]
    assert list(transfers.all.values()) == [expected]


def test_the_last_line_is_the_end_and_bytes_stay_while_it_verifies() -> None:
    transfers = Transfers()
    for line in lines(event("downloading", 98_000_000, 98_000_000), event("verifying")):
        transfers.line(line)
    assert transfers.all["chat-0", "m:1"] == Transfer("chat-0", "m:1", "verifying", 98_000_000, 98_000_000)
    for line in lines(event("downloading", 1, 98_000_000), event("ready", 98_000_000, 98_000_000)):
        transfers.line(line)
    assert transfers.all["chat-0", "m:1"] == Transfer("chat-0", "m:1", "ready", 98_000_000, 98_000_000)


@pytest.mark.parametrize("line", ["", "creating", "a b c", "warning: m:1 is old", "Pulling image: x ready soon"])
def test_other_lines_are_left_alone(line: str) -> None:
    transfers = Transfers()
    assert not transfers.line(line)
    assert transfers.all == {}


def test_a_replica_s_own_word_counts_more_than_a_late_line() -> None:
    transfers = Transfers()
    transfers.line("chat-0: m:1 downloading 1.0 MB of 98.0 MB (1 %)")
    transfers.report(report("Pulling", 50_000_000, 98_000_000))
    assert transfers.line("chat-0: m:1 downloading 2.0 MB of 98.0 MB (2 %)")
    assert transfers.all["chat-0", "m:1"] == Transfer("chat-0", "m:1", "pulling", 50_000_000, 98_000_000)
    transfers.report(report("Ready"))
    assert transfers.all["chat-0", "m:1"] == Transfer("chat-0", "m:1", "ready", 98_000_000, 98_000_000)


def test_a_model_that_was_ready_all_along_is_no_news() -> None:
    transfers = Transfers()
    transfers.report(report("Ready"))
    assert transfers.all == {}
