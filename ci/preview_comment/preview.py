"""A preview as the comment needs it, whichever format it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Action(Enum):
    """What would be done to a resource, in the order in which a reader should see it."""

    REPLACE = "replaced"
    DELETE = "deleted"
    FORGET = "forgotten"
    UPDATE = "updated"
    CREATE = "created"
    IMPORT = "imported"
    READ = "read"
    SAME = "unchanged"
    OTHER = "changed otherwise"


@dataclass(frozen=True)
class Resource:
    """One resource of the stack and what would become of it.

    Attributes:
        urn: its whole name.
        type: such as ``kubernetes:apps/v1:StatefulSet``.
        parent: URN of the parent, empty where there is none.
        action: what would be done.
        before: inputs in the state; empty for a new one.
        after: inputs of the program; empty for one that goes.
        outputs: what the state knows of it beyond its inputs.
        field_diffs: the provider's own list: property path to kind, such as ``spec.replicas`` to ``update``.
        replace_keys: the properties that force a replacement.
        protected: the state protects it from deletion.
        retained: a deletion only takes it out of the state.
    """

    urn: str
    type: str
    parent: str = ""
    action: Action = Action.SAME
    before: Mapping[str, Any] = field(default_factory=dict[str, Any])
    after: Mapping[str, Any] = field(default_factory=dict[str, Any])
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    field_diffs: Mapping[str, str] = field(default_factory=dict[str, str])
    replace_keys: tuple[str, ...] = ()
    protected: bool = False
    retained: bool = False

    @property
    def name(self) -> str:
        """The last part of the URN."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def kind(self) -> str:
        """The last part of the type, such as ``StatefulSet``."""
        return self.type.rsplit(":", 1)[-1] or self.type

    @property
    def changes(self) -> bool:
        """Whether anything would be done to it that a reviewer must know of."""
        return self.action not in (Action.SAME, Action.READ)


@dataclass(frozen=True)
class Diagnostic:
    """An error or a warning."""

    severity: str
    message: str
    urn: str = ""


@dataclass(frozen=True)
class Violation:
    """A policy that was not kept.

    Attributes:
        policy: its name.
        pack: the policy pack it is in, with its version.
        level: ``mandatory``, ``advisory`` or another word of Pulumi's.
        message: what is wrong, and where.
        severity: ``critical`` to ``low``, or empty.
        urn: of the resource; empty for a policy on the whole stack.
    """

    policy: str
    pack: str
    level: str
    message: str
    severity: str = ""
    urn: str = ""

    @property
    def blocks(self) -> bool:
        """Whether it stops the deploy."""
        return self.level == "mandatory"


@dataclass(frozen=True)
class Preview:
    """Everything that is known of one preview.

    Attributes:
        resources: in the order of the log, each URN once.
        diagnostics: errors and warnings.
        violations: of policies.
        complete: whether the engine came to its summary.
        notes: what could not be read, in words.
        unchanged: how many resources stay as they are, by the engine's own count; None where it gave none.
        whole: whether unchanged resources are listed too; the JSON document leaves them out.
    """

    resources: tuple[Resource, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    violations: tuple[Violation, ...] = ()
    complete: bool = False
    notes: tuple[str, ...] = ()
    unchanged: int | None = None
    whole: bool = True

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that make a preview fail."""
        return tuple(one for one in self.diagnostics if one.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The others."""
        return tuple(one for one in self.diagnostics if one.severity != "error")

    @property
    def changed(self) -> tuple[Resource, ...]:
        """The resources that something would be done to."""
        return tuple(one for one in self.resources if one.changes)

    @property
    def failed(self) -> bool:
        """Whether the deploy would not go through as it stands."""
        return bool(self.errors) or not self.complete or any(one.blocks for one in self.violations)
