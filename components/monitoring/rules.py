"""Recording and alerting rules: data in `rule_files/`, with what depends on the settings put in."""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from components.monitoring import objectives
from components.settings.monitoring import MonitoringSettings
from components.versions import ROOT

FOLDER = Path(__file__).parent / "rule_files"
EXCEPTIONS = ROOT / "policies" / "exceptions.yaml"

Group = dict[str, Any]


def rule_groups(
    settings: MonitoringSettings,
    replicas: Mapping[str, int],
    there: Mapping[str, bool],
    *,
    exceptions: Path = EXCEPTIONS,
) -> list[Group]:
    """Groups of a rule file, as Prometheus reads it.

    Args:
        settings: objectives, and where runbooks are.
        replicas: server to how many replicas it has at least.
        there: parts with a rule file of their own, and whether the stack has them.
        exceptions: those from the policies, whose ends are watched.
    """
    groups = [
        _facts(replicas, exceptions),
        *_from_files(there),
        *objectives.groups(settings.objectives),
    ]
    for group in groups:
        for rule in group["rules"]:
            if "alert" in rule:
                rule["annotations"]["runbook_url"] = f"{settings.runbooks}/{rule['alert']}.md"
    return [group for group in groups if group["rules"]]


def _from_files(there: Mapping[str, bool]) -> Iterator[Group]:
    for path in sorted(FOLDER.glob("*.yaml")):
        # Of what is not there, absence is no fault.
        if not there.get(path.stem, True):
            continue
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        yield from cast("list[Group]", content["groups"])


def _facts(replicas: Mapping[str, int], exceptions: Path) -> Group:
    """What only the deploy knows, as series: what is wanted, and until when a policy may be broken."""
    rules = [
        {"record": "echorator:replicas_wanted", "expr": f"vector({count})", "labels": {"server": server}}
        for server, count in sorted(replicas.items())
    ]
    rules += [
        {
            "record": "echorator:policy_exception_expires_timestamp_seconds",
            "expr": f"vector({end})",
            "labels": {"check": check, "resource": resource},
        }
        for check, resource, end in _ends(exceptions)
    ]
    return {"name": "facts", "rules": rules}


def certificate_facts(ends: Mapping[str, int]) -> Group:
    """What only the deploy knows: when certificates that it made end, seconds since 1970, by whose they are."""
    rules = [
        {
            "record": "echorator:certificate_expires_timestamp_seconds",
            "expr": f"vector({int(end)})",
            "labels": {"of": whose},
        }
        for whose, end in sorted(ends.items())
    ]
    return {"name": "certificates", "rules": rules}


def _ends(exceptions: Path) -> Iterator[tuple[str, str, int]]:
    listed: list[dict[str, Any]] = yaml.safe_load(exceptions.read_text(encoding="utf-8")) or []
    for one in listed:
        end = dt.datetime.combine(one["expires"], dt.time.max, tzinfo=dt.UTC)
        yield str(one["id"]), str(one["resource"]), int(end.timestamp())
