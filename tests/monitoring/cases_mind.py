"""Cases as in `cases`: of recall, learning, and what minds are like."""

from __future__ import annotations

from collections.abc import Mapping

from tests.monitoring.cases import Case
from tests.monitoring.cases_echo import ECHO, ECHO_LABELS

COHERENCE = f"echo_memory_coherence{{{ECHO}}}"
RESONANCE = f"echo_mind_resonance{{{ECHO}}}"
WAITING = f"echo_memory_turns_waiting{{{ECHO}}}"
FORGOTTEN = f'echo_memory_tidied_total{{{ECHO},what="forgotten"}}'
MEMORIES = f'echo_mind_memories{{{ECHO},kind="semantic"}}'


def recalls(outcome: str, values: str) -> tuple[str, str]:
    return f'echo_memory_recalls_total{{{ECHO},outcome="{outcome}"}}', values


def turns(outcome: str, values: str) -> tuple[str, str]:
    return f'echo_memory_turns_total{{{ECHO},outcome="{outcome}"}}', values


def took(below: str, count: str) -> Mapping[str, str]:
    return {
        f'echo_memory_recall_seconds_bucket{{{ECHO},le="1.0"}}': below,
        f'echo_memory_recall_seconds_bucket{{{ECHO},le="2.0"}}': count,
        f'echo_memory_recall_seconds_bucket{{{ECHO},le="+Inf"}}': count,
        f"echo_memory_recall_seconds_count{{{ECHO}}}": count,
    }


MIND_CASES: Mapping[str, Case] = {
    "MemoryUnreachable": Case(
        10,
        ECHO_LABELS,
        {f"echo_memory_up{{{ECHO}}}": "0x20"},
        {"it is opened anew": {f"echo_memory_up{{{ECHO}}}": "1x8 0 1x12"}},
    ),
    "RecallFailing": Case(
        20,
        {},
        dict([recalls("used", "0+10x40"), recalls("slow", "0+5x40")]),
        {
            "one in fifty": dict([recalls("used", "0+50x40"), recalls("slow", "0+1x40")]),
            "hardly anybody asks": dict([recalls("unavailable", "0+1x5 5x40")]),
        },
    ),
    "RecallSlow": Case(
        30,
        {},
        took("0+5x40", "0+10x40"),
        {"fast": took("0+10x40", "0+10x40"), "one slow request a day": took("0x40", "1x40")},
    ),
    "LearningFailing": Case(
        40,
        {},
        dict([turns("learned", "0+10x60"), turns("failed", "0+5x60")]),
        {"one in fifty": dict([turns("learned", "0+50x60"), turns("full", "0+1x60")])},
    ),
    "LearningBehind": Case(40, {}, {WAITING: "400x60"}, {"a rush": {WAITING: "0x20 400x5 0x40"}}),
    "ForgettingMuch": Case(
        70,
        {},
        {FORGOTTEN: "0+10x80", MEMORIES: "2000x80"},
        {
            "as much as fades": {FORGOTTEN: "0+2x80", MEMORIES: "2000x80"},
            "most of very few": {FORGOTTEN: "0+1x80", MEMORIES: "50x80"},
        },
    ),
    "MindIncoherent": Case(
        90,
        {"measure": "coherence"},
        {COHERENCE: "0.3x100"},
        {
            "coherent": {COHERENCE: "0.9x100"},
            "nothing was measured": {COHERENCE: "_x100"},
            "for a moment": {COHERENCE: "0.9x60 0.3x20 0.9x20"},
        },
    ),
    "MindUnlikeItself": Case(
        28 * 60,
        {"measure": "resonance"},
        {RESONANCE: "0.5x330 0.9x30"},
        {
            "as ever": {RESONANCE: "0.5x360"},
            "always up and down": {RESONANCE: " ".join(["0.2x5 0.8x5"] * 40)},
            "a trifle": {RESONANCE: "0.5x330 0.55x30"},
            "it has just begun": {RESONANCE: "_x300 0.5x30 0.9x30"},
        },
        5,
    ),
}
