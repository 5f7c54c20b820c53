"""Objectives as rules: how fast the allowance for failures is used up, over several windows at once.

A burn rate of 1 uses up the whole allowance in 30 days. An alert wants a long window, so that a blip wakes nobody, and
a short one, so that it ends soon after the trouble does. Factors and windows are those of the Site Reliability
Workbook, chapter 5, table 5-8.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from components.settings.monitoring import ObjectiveSettings

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
LEAST_REQUESTS = 10
"""In the long window; below that, one bad answer would be a share that means nothing."""

_ASKING = "/api/(chat|generate|embed|embeddings)|/v1/(chat/completions|completions|embeddings|responses|messages)"
_OURS = "server|queue_full|in_stream|cut|ollama_unreachable|draining"
"""Reasons that are not the client's."""


@dataclass(frozen=True)
class Objective:
    """One promise.

    Attributes:
        name: begins the names of its alerts.
        what: for their summaries.
        share: of requests that must be good.
        bad, total: counts in a window, as expressions with `%s` for it.
    """

    name: str
    what: str
    share: float
    bad: str
    total: str

    @property
    def record(self) -> str:
        """Beginning of the names of its recording rules."""
        return f"server:objective_{self.name.lower()}_bad:ratio_rate"

    def recordings(self) -> Iterator[dict[str, Any]]:
        """The share of bad ones in each window, and how many there were."""
        for window in WINDOWS:
            bad, total = self.bad.replace("%s", window), self.total.replace("%s", window)
            yield {"record": f"{self.record}{window}", "expr": f"{bad} / ({total} > 0)"}

    def alerts(self) -> Iterator[dict[str, Any]]:
        """A fast burn, which wakes somebody, and a slow one, which can wait for the morning."""
        for speed, severity, pairs in (
            ("Fast", "critical", (("1h", "5m", 14.4), ("6h", "30m", 6.0))),
            ("Slow", "warning", (("1d", "2h", 3.0), ("3d", "6h", 1.0))),
        ):
            yield {
                "alert": f"{self.name}BudgetBurn{speed}",
                "expr": "\nor\n".join(self._burning(long, short, factor) for long, short, factor in pairs),
                "for": "1m",
                "labels": {"severity": severity},
                "annotations": {
                    "summary": f"Server {{{{ $labels.server }}}} uses up its allowance for {self.what} too fast"
                },
            }

    def _burning(self, long: str, short: str, factor: float) -> str:
        # Above a share of 1 nothing can be: a lax objective would have an alert that cannot fire.
        limit = f"{min(factor * (1 - self.share), 0.99):.6g}"
        enough = f"{self.total.replace('rate(', 'increase(').replace('%s', long)} >= {LEAST_REQUESTS}"
        return (
            f"({self.record}{long} > {limit} and {self.record}{short} > {limit})\nand on (namespace, server) ({enough})"
        )


def objectives(settings: ObjectiveSettings) -> list[Objective]:
    """What is promised of each server."""
    requests = f'sum by (namespace, server) (rate(replica_requests_total{{route=~"{_ASKING}"}}[%s]))'
    # Where nothing ever failed there is no such series, and a share of nothing would be no share at all.
    failed = (
        f'(sum by (namespace, server) (rate(replica_request_errors_total{{route=~"{_ASKING}",reason=~"{_OURS}"}}[%s]))'
        f" or 0 * {requests})"
    )
    first = "sum by (namespace, server) (rate(replica_time_to_first_token_seconds_{}[%s]))"
    rate = "sum by (namespace, server) (rate(replica_generated_tokens_per_second_{}[%s]))"
    seconds, tokens = (_bound(one) for one in (settings.first_token_seconds, settings.tokens_per_second))
    in_time = first.format(f'bucket{{le="{seconds}"}}')
    return [
        Objective("Availability", "requests that fail", settings.availability, failed, requests),
        Objective(
            "FirstToken",
            "answers that begin late",
            settings.first_token,
            f"({first.format('count')} - {in_time})",
            first.format("count"),
        ),
        Objective(
            "TokenRate",
            "slow answers",
            settings.token_rate,
            rate.format(f'bucket{{le="{tokens}"}}'),
            rate.format("count"),
        ),
    ]


def _bound(value: float) -> str:
    """A bound as the client library spells it."""
    return str(float(value))


def groups(settings: ObjectiveSettings) -> list[dict[str, Any]]:
    """One group of recording rules and alerts for each objective."""
    return [
        {"name": f"objective-{one.name.lower()}", "rules": [*one.recordings(), *one.alerts()]}
        for one in objectives(settings)
    ]
