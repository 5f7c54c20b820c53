"""The engine's events, reduced to what a person is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pulumi.automation.events import EngineEvent, OpType, StepEventMetadata

QUIET = ("same", "read", "refresh")
"""Steps that change nothing."""

PARTS = ("create-replacement", "delete-replaced", "read-replacement", "import-replacement", "discard-replaced")
"""Parts of a `replace`, which is a step of its own."""

STACK_TYPE = "pulumi:pulumi:Stack"

_COLOUR = re.compile(r"<\{%[^%]*%\}>")


@dataclass(frozen=True)
class Step:
    """A step on one resource.

    Attributes:
        state: `begun`, `done` or `failed`.
        op: `create`, `update`, `delete`, `replace`, `same` ...
        kind: its type's last part, such as `StatefulSet`.
        name: the resource's name in the stack.
        keys: which of its properties differ.
    """

    state: str
    op: str
    kind: str
    name: str
    keys: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it is a change of its own."""
        return self.op not in QUIET and self.op not in PARTS


@dataclass(frozen=True)
class Said:
    """A line of the engine, of the program or of a provider.

    Attributes:
        severity: `info`, `warning`, `error`, `debug` or `info#err`.
        text: without colours.
        name: the resource it is about; empty for the stack as a whole.
        passing: it is replaced by the next one.
    """

    severity: str
    text: str
    name: str = ""
    passing: bool = False


@dataclass(frozen=True)
class Summary:
    """The end: how many resources had which step."""

    changes: Mapping[str, int]

    @property
    def changed(self) -> Mapping[str, int]:
        """Without what stayed the same."""
        return {op: count for op, count in self.changes.items() if op not in QUIET and count}


@dataclass(frozen=True)
class Other:
    """Something that nobody needs to be told."""


Event = Step | Said | Summary | Other


_read_step = cast("Callable[[dict[str, Any]], StepEventMetadata]", StepEventMetadata.from_json)


def _read_step_without_diff(data: dict[str, Any]) -> StepEventMetadata:
    """The engine writes `null` for a step without a detailed diff; the SDK's reader, of the same release, fails on it.

    It then drops the event, so that such a step would never be shown.
    """
    return _read_step({**data, "detailedDiff": data.get("detailedDiff") or {}})


StepEventMetadata.from_json = _read_step_without_diff  # pyright: ignore[reportAttributeAccessIssue]


def read(event: EngineEvent) -> Event:
    """What an event of the Automation API says."""
    steps = {
        "begun": event.resource_pre_event,
        "done": event.res_outputs_event,
        "failed": event.res_op_failed_event,
    }
    for state, step in steps.items():
        if step is not None:
            return Other() if _is_unasked(step.metadata.type) else _step(state, step.metadata)
    if event.diagnostic_event is not None:
        said = event.diagnostic_event
        text = _COLOUR.sub("", said.message).strip("\n")
        return Said(said.severity, text, _name(said.urn or ""), bool(said.ephemeral))
    if event.summary_event is not None:
        changes = event.summary_event.resource_changes
        return Summary({OpType(op).value: count for op, count in changes.items()})
    return Other()


def _is_unasked(kind: str) -> bool:
    """The stack itself and its providers are no resources that anybody asked for."""
    return kind == STACK_TYPE or kind.startswith("pulumi:providers:")


def _step(state: str, metadata: StepEventMetadata) -> Step:
    keys = tuple(metadata.diffs or metadata.keys or ())
    return Step(state, metadata.op.value, metadata.type.rsplit(":", 1)[-1], _name(metadata.urn), keys)


def _name(urn: str) -> str:
    """The last part of a URN; empty for the stack itself."""
    return "" if f"{STACK_TYPE}::" in urn else urn.rsplit("::", 1)[-1]
