"""What a check is: a small function with a name, a severity, and what its reader needs to know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, cast

from policies.context import Context
from policies.items import Item, Resource
from policies.nodes import Node

if TYPE_CHECKING:
    from policies.exceptions import Exceptions


class Severity(StrEnum):
    """How bad it is where it is found."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


Level = Literal["advisory", "mandatory", "disabled"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation.

    Attributes:
        where: path in the object.
        what: what is wrong there; never a secret's value.
        urn: of the resource, for checks of the whole stack.
    """

    where: str
    what: str
    urn: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


@dataclass(frozen=True)
class Parameter:
    """A parameter of a check.

    Attributes:
        default: its value where the pack's configuration says nothing; its type is the legal one.
        about: what it means.
    """

    default: list[str] | dict[str, str] | str | float | bool
    about: str

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema, as the engine checks the configuration by."""
        kinds: dict[type, dict[str, Any]] = {
            list: {"type": "array", "items": {"type": "string"}},
            dict: {"type": "object"},
            str: {"type": "string"},
            bool: {"type": "boolean"},
        }
        return {
            **kinds.get(type(self.default), {"type": "number"}),
            "default": self.default,
            "description": self.about,
        }


@dataclass(frozen=True)
class Facts:
    """What a check may know besides the object: its parameters, and the stack's surroundings."""

    context: Context
    given: Mapping[str, Any]
    parameters: Mapping[str, Parameter]
    exceptions: Exceptions

    def _get(self, name: str) -> Any:  # noqa: ANN401
        return self.given.get(name, self.parameters[name].default)

    def texts(self, name: str) -> list[str]:
        """A parameter that is a list of texts."""
        return [str(one) for one in cast("list[object]", self._get(name))]

    def table(self, name: str) -> dict[str, str]:
        """A parameter that is a map of texts."""
        return {str(key): str(value) for key, value in cast("dict[object, object]", self._get(name)).items()}

    def flag(self, name: str) -> bool:
        """A parameter that is true or false."""
        return bool(self._get(name))

    def number(self, name: str) -> float:
        """A parameter that is a number."""
        return float(self._get(name))


Kinds = frozenset[tuple[str, str]]
Of = Kinds | Callable[[Item], bool]
Found = Iterable[Finding]
ObjectCheck = Callable[[Item, Facts], Found]
StackCheck = Callable[["Stack", Facts], Found]


@dataclass(frozen=True)
class Stack:
    """All resources of a stack."""

    resources: Sequence[Resource]

    def all(self, kinds: Kinds) -> Iterator[Item]:
        """The objects of these kinds, patches included."""
        for resource in self.resources:
            for item in resource.items:
                if item.key in kinds:
                    yield item

    def items(self) -> Iterator[Item]:
        """Every object."""
        for resource in self.resources:
            yield from resource.items


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        id: unique, begins with the family's name.
        family: folder that it is in.
        title: what is asked for, in one sentence.
        why: what happens otherwise.
        fix: what to do.
        link: where the rule is from.
        prod_only: holds in production alone, unless its parameter `environments` says otherwise.
    """

    id: str
    family: str
    severity: Severity
    title: str
    why: str
    fix: str
    link: str
    on: Of
    run: ObjectCheck | None = None
    run_stack: StackCheck | None = None
    level: Level = "mandatory"
    prod_only: bool = False
    parameters: Mapping[str, Parameter] = field(default_factory=dict[str, Parameter])

    def applies(self, item: Item) -> bool:
        """Whether this kind of object is its business."""
        return item.key in self.on if isinstance(self.on, frozenset) else self.on(item)


class Family:
    """The checks of one file; decorate functions with `check` and `stack_check`."""

    def __init__(self, name: str, link: str) -> None:
        """Args: the family's name, and the page that its checks link to unless they name their own."""
        self.name = name
        self.link = link
        self.checks: list[Check] = []

    def check(
        self,
        name: str,
        severity: Severity,
        title: str,
        *,
        on: Of,
        **rest: Any,  # noqa: ANN401
    ) -> Callable[[ObjectCheck], ObjectCheck]:
        """Register a check of single objects; `rest` are the other attributes of `Check`."""

        def register(run: ObjectCheck) -> ObjectCheck:
            self._add(name, severity, title, on, {**rest, "run": run})
            return run

        return register

    def stack_check(self, name: str, severity: Severity, title: str, **rest: Any) -> Callable[[StackCheck], StackCheck]:  # noqa: ANN401
        """Register a check of the stack as a whole."""

        def register(run: StackCheck) -> StackCheck:
            self._add(name, severity, title, frozenset[tuple[str, str]](), {**rest, "run_stack": run})
            return run

        return register

    def _add(self, name: str, severity: Severity, title: str, on: Of, rest: dict[str, Any]) -> None:
        parameters = dict(rest.pop("parameters", {}))
        if rest.get("prod_only"):
            parameters["environments"] = Parameter(["prod"], "Where it holds: prod, dev, or both.")
        rest.setdefault("link", self.link)
        self.checks.append(
            Check(
                id=f"{self.name}-{name}",
                family=self.name,
                severity=severity,
                title=title,
                on=on,
                parameters=parameters,
                **rest,
            )
        )


def kinds(group: str, *names: str) -> Kinds:
    """Kinds of one API group."""
    return frozenset((group, name) for name in names)


def has_pods(item: Item) -> bool:
    """For checks of whatever holds a pod template."""
    return bool(item.pods)


def any_object(item: Item) -> bool:
    """For checks of every Kubernetes object."""
    return not item.foreign


def at(node: Node, what: str) -> Finding:
    """A finding at a node."""
    return Finding(node.path, what)
