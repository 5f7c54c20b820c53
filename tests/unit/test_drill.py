"""A drill's alerts wait less; what they look for stays the same."""

from __future__ import annotations

from tests.drill.hurry import hurried

GROUPS = [
    {
        "name": "g",
        "rules": [
            {"record": "r", "expr": "rate(a[5m])"},
            {"alert": "A", "expr": "increase(b[10m]) > 0", "for": "2m"},
            {"alert": "B", "expr": "c[1m] > 5 unless c offset 10m"},
        ],
    }
]


def test_waits_and_spans_are_shorter() -> None:
    rules = hurried(GROUPS, 6)[0]["rules"]
    assert rules[0] == {"record": "r", "expr": "rate(a[50s])"}
    assert rules[1] == {"alert": "A", "expr": "increase(b[100s]) > 0", "for": "20s"}
    assert rules[2] == {"alert": "B", "expr": "c[20s] > 5 unless c offset 100s"}
    assert hurried(GROUPS, 1) == GROUPS
