"""`make drill`: each fault raises its alert, and no other that people are told of; the alert ends after the fault.

The table at the end has the seconds from the fault to the alert, and from the end of the fault to its end. With
ECHORATOR_DRILL_FACTOR above 1 the alerts' own waits are so many times shorter (docs/monitoring.md).
"""

from __future__ import annotations

import pytest

from tests.drill.bed import FACTOR, Drill
from tests.drill.faults import Asking, empty, fill, limit_processor, small_volume
from tests.drill.pictures import keep
from tests.integration.chat import SMOLLM2
from toolchain import paths

SLOW = "300m"
BOARDS_FILE = paths.state_dir() / "boards.json"

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]


def test_the_store_is_blocked(hurrying: Drill) -> None:
    hurrying.case(
        "the store is taken away",
        "StoreDown",
        lambda: hurrying.scale("model-store", 0),
        lambda: hurrying.scale("model-store", 1),
    )


def test_a_replica_is_killed_and_does_not_come_back(hurrying: Drill) -> None:
    hurrying.case(
        "one of two replicas is taken away",
        "ReplicaMissing",
        lambda: hurrying.scale("chat", 1),
        lambda: hurrying.scale("chat", 2),
    )


def test_a_model_is_deleted_by_hand(hurrying: Drill) -> None:
    def delete() -> None:
        # Through Ollama itself: the gate lets no client do it.
        script = (
            f'import urllib.request as u; gone = b\'{{"model":"{SMOLLM2}"}}\';'
            "u.urlopen(u.Request('http://127.0.0.1:11435/api/delete', gone, method='DELETE'))"
        )
        hurrying.kube.execute(hurrying.stack.namespace, "chat-0", "agent", "/usr/bin/python3.11", "-c", script)

    hurrying.case("a model is deleted by hand", "ModelDrifted", delete, lambda: None)


def test_all_replicas_are_taken_away(hurrying: Drill) -> None:
    """Whatever else follows from it (no replica, no answer to the questions) is held back."""
    # Replicas drain as long as ever, so that with shorter waits the question's alert comes before its cause's.
    also = frozenset({"ModelDoesNotAnswer"} if FACTOR > 1 else ())
    hurrying.case(
        "all replicas are taken away",
        "ServerDown",
        lambda: hurrying.scale("chat", 0),
        lambda: hurrying.scale("chat", 2),
        also,
    )


def test_the_echo_service_is_taken_away(hurrying: Drill) -> None:
    hurrying.case(
        "the echo service is taken away",
        "EchoDown",
        lambda: hurrying.scale("echo", 0, "deployments"),
        lambda: hurrying.scale("echo", 1, "deployments"),
    )


def test_the_stack_in_figures(hurrying: Drill) -> None:
    """What monitoring itself takes, for docs/monitoring.md."""
    (series,) = hurrying.prometheus.query("prometheus_tsdb_head_series")
    (memory,) = hurrying.prometheus.query('process_resident_memory_bytes{job="prometheus"}')
    per_job = hurrying.prometheus.query("sum by (job) (scrape_samples_scraped)")
    hurrying.tell(f"series {series['value'][1]}, memory {float(memory['value'][1]) / 2**20:.0f} MiB")
    hurrying.tell(", ".join(f"{one['metric']['job']} {one['value'][1]}" for one in per_job))
    assert float(series["value"][1]) > 0
    empty = keep(hurrying.prometheus, BOARDS_FILE)
    # What this machine has not: GPUs. And what did not happen here.
    hurrying.tell(f"panels without series: {', '.join(empty) or 'none'}")


def test_a_volume_is_filled(hurrying: Drill) -> None:
    with small_volume(hurrying, "chat-1") as folder:
        hurrying.case(
            "a replica's volume is filled",
            "VolumeFull",
            lambda: fill(hurrying, folder, 0.01),
            lambda: empty(hurrying, folder),
        )


def test_a_model_becomes_slow(hurrying: Drill) -> None:
    asking = Asking(hurrying, "chat-0")

    # A fast answer first: of what never was there is no rise.
    asking.once()

    def begin() -> None:
        limit_processor(hurrying, "chat-0", SLOW)
        asking.begin()

    def end() -> None:
        asking.end()
        limit_processor(hurrying, "chat-0", "2")

    # Questions that come to this replica may take too long as well.
    also = frozenset({"ModelDoesNotAnswer"})
    hurrying.case("a replica gets a third of a processor", "ResponseSlow", begin, end, also)
