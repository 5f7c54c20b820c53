"""From Pulumi's event log or JSON document to a `Preview`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ci.preview_comment.preview import Action, Diagnostic, Preview, Resource, Violation
from ci.preview_comment.wire import DiagnosticShape, DigestShape, EventShape, PolicyShape, StateShape, StepShape

STACK_TYPE = "pulumi:pulumi:Stack"

_REPLACING = frozenset({"replace", "create-replacement", "delete-replaced", "import-replacement", "read-replacement"})
_DONE_ELSEWHERE = frozenset({"refresh", "discard-replaced", "remove-pending-replace", "diff"})
"""Steps that say nothing of what the deploy would do to the resource."""
_ACTIONS: Mapping[str, Action] = {
    "create": Action.CREATE,
    "update": Action.UPDATE,
    "delete": Action.DELETE,
    "same": Action.SAME,
    "import": Action.IMPORT,
    "read": Action.READ,
    "discard": Action.FORGET,
    "forget": Action.FORGET,
}
_COLOUR = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*[A-Za-z]")
# The engine makes these by itself and does not count them either.
_DEFAULT_PROVIDER = re.compile(r"::pulumi:providers:[^:]+::default(_[\w.]+)?$")
_GENERIC = frozenset({"preview failed", "update failed"})
"""What the engine says besides the error itself."""
_SHOWN_SEVERITIES = frozenset({"error", "warning"})


class UnreadableError(Exception):
    """The text is neither an event log nor a JSON document of Pulumi; says what is wrong with it."""


def read_event_log(text: str) -> Preview:
    """Read `--event-log`: one JSON object a line.

    A line that cannot be read is passed over and said in the notes: the last line of a command that was cut off is
    rarely whole.
    """
    steps: list[StepShape] = []
    diagnostics: list[DiagnosticShape] = []
    policies: list[PolicyShape] = []
    failures: list[str] = []
    summary: Mapping[str, int] | None = None
    strange = 0
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            event = EventShape.model_validate_json(line)
        except ValidationError:
            strange += 1
            continue
        if event.resource_pre_event is not None:
            steps.append(event.resource_pre_event.metadata)
        if event.diagnostic_event is not None:
            diagnostics.append(event.diagnostic_event)
        if event.policy_event is not None:
            policies.append(event.policy_event)
        if event.error_event is not None:
            failures.append(event.error_event.error)
        if event.summary_event is not None:
            summary = event.summary_event.resource_changes or {}
    return Preview(
        resources=_resources(steps),
        diagnostics=(*_diagnostics(diagnostics), *(Diagnostic("error", _plain(one)) for one in failures)),
        violations=_violations(policies),
        complete=summary is not None,
        unchanged=None if summary is None else summary.get("same", 0),
        notes=(f"{strange} lines of the event log could not be read",) if strange else (),
    )


def read_digest(text: str) -> Preview:
    """Read the document of `pulumi preview --json`.

    It names no violation of a policy as such, only as a message; the event log does.

    Raises:
        UnreadableError: it is no such document. What `pulumi` prints where it fails early is text.
    """
    try:
        digest = DigestShape.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise UnreadableError(
            f"not the output of `pulumi preview --json`: {where}: {first['msg']}. "
            "Fix: redirect standard output alone into the file, or use `--event-log FILE`"
        ) from error
    return Preview(
        resources=_resources(digest.steps or ()),
        diagnostics=_diagnostics(digest.diagnostics or ()),
        complete=digest.change_summary is not None,
        unchanged=(digest.change_summary or {}).get("same", 0),
        whole=False,
    )


@dataclass
class _Gathered:
    """The steps of one resource."""

    steps: list[StepShape] = field(default_factory=list[StepShape])

    def resource(self) -> Resource:
        action = self._action()
        # A refresh begins with what was known before it; what the cluster said is in the step that follows.
        telling = [step for step in self.steps if step.op not in _DONE_ELSEWHERE] or self.steps
        olds = [state for step in telling if (state := step.old or step.old_state) is not None]
        news = [state for step in telling if (state := step.new or step.new_state) is not None]
        old, new = (olds[0] if olds else None), (news[-1] if news else None)
        known = new or old or StateShape()
        first = self.steps[0]
        reasons = {key for step in self.steps for key in [*(step.keys or ()), *(step.replace_reasons or ())]}
        return Resource(
            urn=first.urn,
            type=known.type or first.type or _type_of(first.urn),
            parent=known.parent,
            action=action,
            before=_inputs(old) if action is not Action.CREATE else {},
            after=_inputs(new) if action not in (Action.DELETE, Action.FORGET) else {},
            outputs=(old.outputs if old is not None else None) or {},
            field_diffs={
                path: diff.diff_kind or diff.kind or "update"
                for step in self.steps
                for path, diff in (step.detailed_diff or {}).items()
            },
            replace_keys=tuple(sorted(reasons)) if action is Action.REPLACE else (),
            protected=old is not None and old.protect,
            retained=(new or old or StateShape()).retain_on_delete,
        )

    def _action(self) -> Action:
        ops = [step.op for step in self.steps if step.op not in _DONE_ELSEWHERE]
        if not ops:
            return Action.SAME
        if any(op in _REPLACING for op in ops):
            return Action.REPLACE
        # One URN with several steps: what changes it outweighs what does not.
        changing = [op for op in ops if op != "same"]
        return _ACTIONS.get((changing or ops)[-1], Action.OTHER)


def _resources(steps: Iterable[StepShape]) -> tuple[Resource, ...]:
    gathered: dict[str, _Gathered] = {}
    for step in steps:
        gathered.setdefault(step.urn, _Gathered()).steps.append(step)
    return tuple(one.resource() for urn, one in gathered.items() if urn and not _DEFAULT_PROVIDER.search(urn))


def _inputs(state: StateShape | None) -> Mapping[str, Any]:
    return {} if state is None else (state.inputs or {})


def _type_of(urn: str) -> str:
    parts = urn.split("::")
    return parts[2].rsplit("$", 1)[-1] if len(parts) > len(("urn", "stack", "type")) else ""


def _diagnostics(shapes: Iterable[DiagnosticShape]) -> tuple[Diagnostic, ...]:
    found: dict[tuple[str, str, str], Diagnostic] = {}
    for shape in shapes:
        message = _plain(shape.message).removeprefix(f"{shape.severity}: ")
        if shape.severity in _SHOWN_SEVERITIES and not shape.ephemeral and message:
            found.setdefault((shape.severity, shape.urn, message), Diagnostic(shape.severity, message, shape.urn))
    telling = {key: one for key, one in found.items() if one.message not in _GENERIC}
    return tuple((telling or found).values())


def _violations(shapes: Sequence[PolicyShape]) -> tuple[Violation, ...]:
    found: dict[tuple[str, str, str, str], Violation] = {}
    for shape in shapes:
        violation = Violation(
            policy=shape.policy_name,
            pack=" ".join(part for part in (shape.policy_pack_name, shape.policy_pack_version) if part),
            level=shape.enforcement_level,
            message=_plain(shape.message),
            severity=shape.severity,
            urn=shape.resource_urn,
        )
        found.setdefault((violation.policy, violation.level, violation.urn, violation.message), violation)
    return tuple(found.values())


def _plain(text: str) -> str:
    """Without the engine's colours, which stay in the log as tags where it writes to no terminal."""
    return _COLOUR.sub("", text).strip()


def looks_like_digest(text: str) -> bool:
    """Whether a file holds one JSON document of a preview rather than an event log."""
    try:
        document = json.loads(text)
    except ValueError:
        return False
    return isinstance(document, dict) and "sequence" not in document and "timestamp" not in document
