"""Few lines, each of which says something new.

Not proved: how Pulumi shows them.
"""

from hypothesis import given
from hypothesis import strategies as st

from components.pull_progress import ProgressLines
from ollama import PullEvent

PHASES = st.sampled_from(["waiting", "manifest", "downloading", "verifying", "writing", "copying", "retrying", "ready"])


def lines(events: list[tuple[float, PullEvent]]) -> list[str]:
    written: list[str] = []
    now = 0.0
    progress = ProgressLines(written.append, every_s=3, clock=lambda: now)
    for moment, event in events:
        now = moment
        progress(event)
    return written


def downloading(completed: int, replica: str = "chat-0") -> PullEvent:
    return PullEvent(replica, "smollm2:135m", "downloading", completed, 98_000_000)


def test_a_pull() -> None:
    events = [
        (0.0, PullEvent("chat-0", "smollm2:135m", "manifest")),
        (0.1, downloading(1_000_000)),
        (1.0, downloading(20_000_000)),
        (3.2, downloading(44_100_000)),
        (5.0, PullEvent("chat-0", "smollm2:135m", "retrying", detail="no progress for 60 s")),
        (9.0, PullEvent("chat-0", "smollm2:135m", "ready", 98_000_000, 98_000_000)),
    ]
    assert lines(events) == [
        "chat-0: smollm2:135m manifest",
        "chat-0: smollm2:135m downloading 1.0 MB of 98.0 MB (1 %)",
        "chat-0: smollm2:135m downloading 44.1 MB of 98.0 MB (45 %)",
        "chat-0: smollm2:135m retrying: no progress for 60 s",
        "chat-0: smollm2:135m ready, 98.0 MB in 9.0 s",
    ]


def test_a_download_that_stands_still_says_nothing_new() -> None:
    events = [(float(at), downloading(1_000_000)) for at in range(0, 60, 4)]
    assert lines([*events, (61.0, downloading(2_000_000))]) == [
        "chat-0: smollm2:135m downloading 1.0 MB of 98.0 MB (1 %)",
        "chat-0: smollm2:135m downloading 2.0 MB of 98.0 MB (2 %)",
    ]


def test_a_model_that_was_there_is_no_news() -> None:
    assert lines([(0.0, PullEvent("chat-0", "smollm2:135m", "ready", 1, 1))]) == []


def test_replicas_do_not_silence_each_other() -> None:
    assert len(lines([(0.0, downloading(1, "chat-0")), (0.0, downloading(1, "chat-1"))])) == 2


@given(st.lists(st.integers(min_value=0, max_value=10**9), max_size=200))
def test_a_download_is_told_of_every_three_seconds_at_most(progress: list[int]) -> None:
    # Sixteen events a second, progress that falls included.
    events = [(index / 16, downloading(done)) for index, done in enumerate(progress)]
    assert len(lines(events)) <= 1 + len(progress) / 16 / 3


@given(st.lists(st.builds(PullEvent, st.just("chat-0"), st.just("m"), PHASES, st.integers(0, 9), st.integers(0, 9))))
def test_no_event_breaks_it(events: list[PullEvent]) -> None:
    told = lines([(float(index), event) for index, event in enumerate(events)])
    assert len(told) <= len(events)
