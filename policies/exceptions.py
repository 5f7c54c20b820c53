"""What may break a rule for a while: data in `exceptions.yaml`, each with a reason and a day on which it ends."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

import yaml

from policies.check import Facts, Family, Finding, Parameter, Severity, Stack
from policies.items import Resource

FILE = Path(__file__).resolve().parent / "exceptions.yaml"
VARIABLE = "ECHORATOR_POLICY_EXCEPTIONS"
"""Names another file."""

FAMILY = Family("exceptions", "https://www.pulumi.com/docs/insights/policy/")
_KEYS = ("id", "resource", "reason", "expires")
_SHORTEST = 20


class ExceptionsError(Exception):
    """The file cannot be used; says everything that is wrong with it."""


@dataclass(frozen=True)
class Exemption:
    """One exception.

    Attributes:
        id: of the check.
        resource: pattern of `TYPE::NAME` as it ends the resource's URN; `*` is any text. For what concerns no
            resource: `stack`.
        reason: why, for who reads it later.
        expires: the last day on which it holds.
    """

    id: str
    resource: str
    reason: str
    expires: dt.date

    def covers(self, identity: str, type_and_name: str, today: dt.date) -> bool:
        """Whether it excuses that check at that resource today."""
        return identity == self.id and today <= self.expires and fnmatchcase(type_and_name, self.resource)


def load(path: Path | None = None) -> tuple[Exemption, ...]:
    """Read the file; none is no exception.

    Raises:
        ExceptionsError: it is no list of maps with just the four keys.
    """
    chosen = path if path is not None else Path(os.environ.get(VARIABLE) or FILE)
    if not chosen.exists() and path is None and VARIABLE not in os.environ:
        return ()
    try:
        return parse(yaml.safe_load(chosen.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise ExceptionsError(f"{chosen}: {error}") from error


def parse(content: object) -> tuple[Exemption, ...]:
    """Exceptions out of what the file holds.

    Raises:
        ExceptionsError: with every fault.
    """
    if content is None:
        return ()
    if not isinstance(content, list):
        raise ExceptionsError("exceptions: must be a list of maps with id, resource, reason, expires")
    faults: list[str] = []
    found: list[Exemption] = []
    for index, raw in enumerate(cast("list[object]", content)):
        entry = cast("Mapping[str, Any]", raw if isinstance(raw, Mapping) else {})
        wrong = _faults(entry)
        faults += [f"exceptions[{index}]: {fault}" for fault in wrong]
        if not wrong:
            found.append(Exemption(entry["id"], entry["resource"], entry["reason"], entry["expires"]))
    if faults:
        raise ExceptionsError("\n".join(faults))
    return tuple(found)


def _faults(entry: Mapping[str, Any]) -> list[str]:
    faults: list[str] = []
    for key in _KEYS:
        value = entry.get(key)
        if key == "expires":
            if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
                faults.append("`expires` must be a day, such as 2027-01-31")
        elif not isinstance(value, str) or not value.strip():
            faults.append(f"`{key}` must be a text")
    reason = entry.get("reason")
    if isinstance(reason, str) and reason.strip() and len(reason.strip()) < _SHORTEST:
        faults.append(f"`reason` must say why, in {_SHORTEST} characters or more")
    faults += [f"`{key}` is not known; the keys are {', '.join(_KEYS)}" for key in entry if key not in _KEYS]
    return faults


@dataclass(frozen=True)
class Exceptions:
    """All exceptions, as of a day."""

    entries: Sequence[Exemption] = ()
    today: dt.date = dt.date.max

    def excuses(self, identity: str, resource: Resource | None) -> bool:
        """Whether a violation of the check at the resource (None: of the whole stack) is excused today."""
        called = "stack" if resource is None else f"{resource.type}::{resource.name}"
        return any(one.covers(identity, called, self.today) for one in self.entries)


_now: list[Exceptions] = []


def current() -> Exceptions:
    """Those of the file, as of today; read once, since the pack lives for one command."""
    if not _now:
        _now.append(Exceptions(load(), dt.datetime.now(tz=dt.UTC).date()))
    return _now[0]


@FAMILY.stack_check(
    "expired",
    Severity.HIGH,
    "No exception is older than its last day",
    why="What was allowed for a while would be allowed for ever.",
    fix="Mend what it excused and delete it, or look at the reason again and set another day.",
)
def expired(_: Stack, facts: Facts) -> Iterator[Finding]:
    known = facts.exceptions
    for one in known.entries:
        if one.expires < known.today:
            yield Finding("", f"{one.id} at {one.resource} ended on {one.expires.isoformat()}: {one.reason}")


@FAMILY.stack_check(
    "unknown-check",
    Severity.MEDIUM,
    "An exception names a check",
    why="One with a typo excuses nothing, and nobody notices which check it was for.",
    fix="Correct the id; docs/policies.md lists them.",
)
def unknown_check(_: Stack, facts: Facts) -> Iterator[Finding]:
    from policies.catalog import BY_ID  # noqa: PLC0415 - the catalogue holds these checks too

    for one in facts.exceptions.entries:
        if one.id not in BY_ID or one.id.startswith("exceptions-"):
            yield Finding("", f"{one.id} is no check that can be excused")


@FAMILY.stack_check(
    "too-long",
    Severity.LOW,
    "An exception ends within a year",
    why="A day that is far away is no end.",
    fix="Set a day within `days`.",
    level="advisory",
    parameters={"days": Parameter(366.0, "How far away the last day may be.")},
)
def too_long(_: Stack, facts: Facts) -> Iterator[Finding]:
    known = facts.exceptions
    if known.today == dt.date.max:
        return
    limit = known.today + dt.timedelta(days=facts.number("days"))
    for one in known.entries:
        if one.expires > limit:
            yield Finding("", f"{one.id} at {one.resource} ends on {one.expires.isoformat()}")
