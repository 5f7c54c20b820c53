"""The checks and fixes as policies of Pulumi. Importing this starts nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_policy as sdk

from policies import catalog, runner
from policies.check import Check, Level
from policies.context import Context, stack_of
from policies.items import Resource
from policies.remedies import REMEDIES, Remedy, remedied
from policies.wire import plain

NAME = "echorator"

_LEVELS: Mapping[Level, sdk.EnforcementLevel] = {
    "advisory": sdk.EnforcementLevel.ADVISORY,
    "mandatory": sdk.EnforcementLevel.MANDATORY,
    "disabled": sdk.EnforcementLevel.DISABLED,
}


def context_of(urn: str) -> Context:
    """What a policy can learn of its surroundings where the SDK's own server runs it."""
    return Context(
        stack_of(urn), pulumi.runtime.get_config_env(), frozenset(pulumi.runtime.get_config_secret_keys_env())
    )


def message(check: Check, finding: object) -> str:
    """What the user reads below the policy's description."""
    return f"{finding}\nWhy: {check.why}\nFix: {check.fix}"


def _metadata(check: Check) -> dict[str, Any]:
    schema = {name: one.schema for name, one in check.parameters.items()}
    return {
        "name": check.id,
        "description": f"{check.title}.",
        "enforcement_level": _LEVELS[check.level],
        "config_schema": sdk.PolicyConfigSchema(schema) if schema else None,
        "severity": sdk.Severity(check.severity.value),
        "tags": [check.family],
        "remediation_steps": check.fix,
        "url": check.link,
    }


class ObjectPolicy(sdk.ResourceValidationPolicy):
    """A check of single resources."""

    def __init__(self, check: Check) -> None:
        self.check = check
        super().__init__(**_metadata(check))

    def validate(self, args: sdk.ResourceValidationArgs, report_violation: sdk.ReportViolation) -> None:
        """Report what the check finds at one resource."""
        resource = Resource(args.resource_type, args.name, plain(args.props), args.urn)
        found = runner.of_today(context_of(args.urn), {self.check.id: args.get_config()})
        for finding in found.resource(self.check, resource):
            report_violation(message(self.check, finding), args.urn)


class WholeStackPolicy(sdk.StackValidationPolicy):
    """A check of the stack as a whole."""

    def __init__(self, check: Check) -> None:
        self.check = check
        super().__init__(**_metadata(check))

    def validate(self, args: sdk.StackValidationArgs, report_violation: sdk.ReportViolation) -> None:
        """Report what the check finds in the stack."""
        resources = [Resource(one.resource_type, one.name, plain(one.props), one.urn) for one in args.resources]
        urn = next((one.urn for one in resources if one.urn), "")
        found = runner.of_today(context_of(urn), {self.check.id: args.get_config()})
        for finding, resource in found.stack(self.check, resources):
            report_violation(message(self.check, finding), resource.urn if resource else None)


class RemedyPolicy(sdk.ResourceValidationPolicy):
    """A fix, off until its level is `remediate`."""

    def __init__(self, remedy: Remedy) -> None:
        self.remedy = remedy
        super().__init__(
            name=remedy.id,
            description=f"{remedy.title}.",
            enforcement_level=sdk.EnforcementLevel.DISABLED,
            tags=["fix"],
            severity=sdk.Severity.LOW,
        )

    def remediate(self, args: sdk.ResourceValidationArgs) -> Any:  # noqa: ANN401 - a map; the SDK says an awaitable
        """The whole inputs as they should be, or None."""
        return remedied(self.remedy, args.resource_type, args.name, args.props)


def _policy(check: Check) -> sdk.Policy:
    return ObjectPolicy(check) if check.run is not None else WholeStackPolicy(check)


POLICIES: list[sdk.Policy] = [
    *(_policy(check) for check in catalog.CHECKS),
    *(RemedyPolicy(remedy) for remedy in REMEDIES),
]
"""Every policy of the pack."""
