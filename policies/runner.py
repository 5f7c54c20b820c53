"""Runs checks over resources. Needs no SDK, so that any harness can use it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policies import exceptions
from policies.catalog import CHECKS
from policies.check import Check, Facts, Finding, Stack
from policies.context import Context
from policies.exceptions import Exceptions
from policies.items import Resource


@dataclass(frozen=True)
class Violation:
    """A finding, with the check and the resource it is of.

    Attributes:
        check: that was broken.
        finding: where and what.
        resource: None for what concerns the stack as a whole.
    """

    check: Check
    finding: Finding
    resource: Resource | None

    def __str__(self) -> str:
        called = "stack" if self.resource is None else f"{self.resource.type}::{self.resource.name}"
        return f"[{self.check.severity}] {self.check.id} {called}: {self.finding}"


@dataclass(frozen=True)
class Runner:
    """Checks, and what they may know.

    Attributes:
        context: of the deploy.
        given: check to its parameters.
        excused: the exceptions.
        checks: those to run.
    """

    context: Context = field(default_factory=Context)
    given: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    excused: Exceptions = field(default_factory=Exceptions)
    checks: Sequence[Check] = CHECKS

    def facts(self, check: Check) -> Facts | None:
        """What the check may know; None where it does not hold in this environment."""
        facts = Facts(self.context, self.given.get(check.id, {}), check.parameters, self.excused)
        if check.prod_only and self.context.environment not in facts.texts("environments"):
            return None
        return facts

    def resource(self, check: Check, resource: Resource) -> Iterator[Finding]:
        """What one check finds at one resource."""
        if check.run is None:
            return
        items = [item for item in resource.items if check.applies(item)]
        facts = self.facts(check) if items else None
        if facts is None:
            return
        for item in items:
            for finding in check.run(item, facts):
                if not self.excused.excuses(check.id, resource):
                    yield finding

    def stack(self, check: Check, resources: Sequence[Resource]) -> Iterator[tuple[Finding, Resource | None]]:
        """What one check finds in the stack as a whole."""
        facts = None if check.run_stack is None else self.facts(check)
        if check.run_stack is None or facts is None:
            return
        by_urn = {resource.urn: resource for resource in resources if resource.urn}
        for finding in check.run_stack(Stack(resources), facts):
            resource = by_urn.get(finding.urn)
            if not self.excused.excuses(check.id, resource):
                yield finding, resource

    def all(self, resources: Sequence[Resource]) -> list[Violation]:
        """Every violation of every check."""
        found = [
            Violation(check, finding, resource)
            for resource in resources
            for check in self.checks
            for finding in self.resource(check, resource)
        ]
        for check in self.checks:
            found += [Violation(check, finding, resource) for finding, resource in self.stack(check, resources)]
        return found


def of_today(context: Context, given: Mapping[str, Mapping[str, Any]] | None = None) -> Runner:
    """A runner with the exceptions of the file.

    Raises:
        ExceptionsError: the file cannot be used.
    """
    return Runner(context, given or {}, exceptions.current())


def ids(violations: Iterable[Violation]) -> set[str]:
    """The checks that were broken."""
    return {violation.check.id for violation in violations}
