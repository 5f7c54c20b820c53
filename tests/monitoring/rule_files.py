"""The rules of a stack as files that promtool reads."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import yaml

from components.monitoring.rules import certificate_facts, rule_groups
from components.settings.monitoring import MonitoringSettings

SOON = "a::soon"
LATE = int(dt.datetime(2999, 1, 1, tzinfo=dt.UTC).timestamp())


def groups(folder: Path, *, exceptions: bool = True) -> list[dict[str, Any]]:
    """Groups of a stack with two replicas of `chat`, a store, a certificate that has years, and two exceptions.

    Of the exceptions one ended and one has years.
    """
    file = folder / "exceptions.yaml"
    listed = [
        {"id": "rbac-read-secrets", "resource": resource, "reason": "a test", "expires": end}
        for resource, end in ((SOON, dt.date(1970, 1, 3)), ("a::later", dt.date(2999, 1, 1)))
    ]
    file.write_text(yaml.safe_dump(listed if exceptions else []))
    found = rule_groups(MonitoringSettings(), {"chat": 2}, {}, exceptions=file)
    return [*found, {**certificate_facts({"metrics": LATE}), "name": "certificates made"}]


def write(folder: Path, alert: str | None = None) -> Path:
    """Write them, or only what one alert needs; return the file."""
    file = folder / "rules.yaml"
    found = groups(folder)
    if alert is not None:
        shared = {"facts", "recording"}
        found = [one for one in found if one["name"] in shared or alert in alerts([one])]
    file.write_text(yaml.safe_dump({"groups": found}, sort_keys=False))
    return file


def alerts(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Name to rule."""
    return {rule["alert"]: rule for group in found for rule in group["rules"] if "alert" in rule}
