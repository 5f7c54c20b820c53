"""The shapes that Pulumi writes: the lines of `--event-log` and the document of `preview --json`.

Every field is optional and unknown ones are passed over: a newer engine adds fields, and a comment that lacks one is
worth more than none. The engine's own description is `sdk/go/common/apitype/events.go` and `pkg/display/json.go`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True)


class StateShape(_Shape):
    """A resource as it is in the state, or as it would be."""

    type: str = ""
    urn: str = ""
    parent: str = ""
    protect: bool = False
    retain_on_delete: bool = False
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None


class FieldDiffShape(_Shape):
    """How one property differs; the two formats name the same field differently."""

    diff_kind: str | None = None
    kind: str | None = None
    input_diff: bool = False


class StepShape(_Shape):
    """One step: of the event log (`metadata`) or of the JSON document (`steps`)."""

    op: str = ""
    urn: str = ""
    type: str = ""
    old: StateShape | None = None
    new: StateShape | None = None
    old_state: StateShape | None = None
    new_state: StateShape | None = None
    keys: list[str] | None = None
    diffs: list[str] | None = None
    diff_reasons: list[str] | None = None
    replace_reasons: list[str] | None = None
    detailed_diff: dict[str, FieldDiffShape] | None = None


class StepEventShape(_Shape):
    """A step as an event."""

    metadata: StepShape = StepShape()


class DiagnosticShape(_Shape):
    """A message, of the engine, a provider or the program."""

    urn: str = ""
    prefix: str = ""
    message: str = ""
    severity: str = ""
    ephemeral: bool = False


class PolicyShape(_Shape):
    """A violation of a policy."""

    resource_urn: str = ""
    message: str = ""
    policy_name: str = ""
    policy_pack_name: str = ""
    policy_pack_version: str = ""
    enforcement_level: str = ""
    severity: str = ""


class SummaryShape(_Shape):
    """What the whole preview would do."""

    resource_changes: dict[str, int] | None = None
    maybe_corrupt: bool = False
    policy_packs: dict[str, str] | None = Field(default=None, alias="PolicyPacks")


class ErrorShape(_Shape):
    """What ended the command."""

    error: str = ""


class EventShape(_Shape):
    """One line of the event log; one of the fields is set."""

    diagnostic_event: DiagnosticShape | None = None
    summary_event: SummaryShape | None = None
    resource_pre_event: StepEventShape | None = None
    res_op_failed_event: StepEventShape | None = None
    policy_event: PolicyShape | None = None
    error_event: ErrorShape | None = None


class DigestShape(_Shape):
    """The document of `pulumi preview --json`."""

    steps: list[StepShape] | None = None
    diagnostics: list[DiagnosticShape] | None = None
    change_summary: dict[str, int] | None = None
