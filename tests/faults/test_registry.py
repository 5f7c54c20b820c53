"""Proves what comes of each wrong answer of a registry: one that passes is got over, one that stays ends in one error.

The registry is a mirror of Ollama's, which itself cannot be reached here. So its 404 is never taken for the last word.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults import judge
from tests.faults.bed import REPLICAS, RIGHT_S, Bed
from tests.faults.registry_server import Fault

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(700)]

PASSING = {
    "manifest: 500, 3 times": ("manifest", Fault("status", "", 3, status=500)),
    "manifest: 404, once": ("manifest", Fault("status", "", 1, status=404)),
    "manifest: 429 with Retry-After, 3 times": ("manifest", Fault("status", "", 3, status=429, retry_after=1)),
    "manifest: hangs, once": ("manifest", Fault("hang", "", 1)),
    "manifest: a byte flipped, once": ("manifest", Fault("flip", "", 1, after=40)),
    "blob: 500, 3 times": ("blob", Fault("status", "", 3, status=500)),
    "blob: 404, once": ("blob", Fault("status", "", 1, status=404)),
    "blob: 429 with Retry-After, 3 times": ("blob", Fault("status", "", 3, status=429, retry_after=1)),
    "blob: hangs after 10 MB, once": ("blob", Fault("hang", "", 1, after=10_000_000)),
    "blob: closes each 10 MB, 5 times": ("blob", Fault("close", "", 5, after=10_000_000)),
    "blob: 1 kB too short, once": ("blob", Fault("truncate", "", 1, after=1000)),
    "blob: a byte flipped, once": ("blob", Fault("flip", "", 1, after=50_000_000)),
}

LASTING = {
    "manifest: 500": ("manifest", Fault("status", "", status=500)),
    "manifest: 404": ("manifest", Fault("status", "", status=404)),
    "manifest: 429": ("manifest", Fault("status", "", status=429, retry_after=1)),
    "manifest: hangs": ("manifest", Fault("hang", "")),
    "blob: 500": ("blob", Fault("status", "", status=500)),
    "blob: 404": ("blob", Fault("status", "", status=404)),
    "blob: closes before its first byte": ("blob", Fault("close", "")),
    "blob: too short": ("blob", Fault("truncate", "", after=1000)),
    "blob: a byte flipped": ("blob", Fault("flip", "", after=100_000)),
}


@pytest.mark.parametrize("name", PASSING)
@pytest.mark.usefixtures("nth")
def test_a_fault_that_passes(bed: Bed, name: str) -> None:
    where, fault = PASSING[name]
    with bed.case(f"Registry, {name}") as turn:
        model = bed.registry.fresh()
        path = model.manifest_path if where == "manifest" else model.blob_path
        bed.registry.plan(replace(fault, path=path))
        bed.configure(model)
        turn.fault()
        outcome = bed.stack.try_up()
        assert outcome.code == 0, outcome.output
        assert bed.registry.seen().harmed == fault.times
        bed.right(model, turn=turn)
        turn.saw("`up` went on")


@pytest.mark.parametrize("name", LASTING)
@pytest.mark.usefixtures("nth")
def test_a_fault_that_stays(bed: Bed, name: str) -> None:
    where, fault = LASTING[name]
    with bed.case(f"Registry, {name}, until `up` fails") as turn:
        model = bed.registry.fresh("tiny")
        path = model.manifest_path if where == "manifest" else model.blob_path
        bed.registry.plan(replace(fault, path=path))
        bed.configure(model)
        turn.fault()
        outcome = bed.stack.try_up()
        seconds = turn.over()
        told = judge.clear_error(outcome, model, REPLICAS)
        judge.nothing_half_served(bed.kube, bed.stack, model, bed.keeps, REPLICAS)
        bed.registry.plan()
        if "(transient)" in told:
            # Nobody deploys: the agents go on by themselves.
            turn.fault()
            judge.all_right(bed.kube, bed.stack, [model, bed.keeps], REPLICAS, RIGHT_S)
            turn.saw(
                f"a transient error after {seconds:.0f} s; healed by itself {turn.over():.0f} s after the fault ended"
            )
        else:
            turn.saw(f"`{told}`")
        bed.stack.up()
        bed.right(model, turn=turn)
        judge.store_keeps(bed.kube, bed.stack)
