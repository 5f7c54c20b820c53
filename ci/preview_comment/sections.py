"""The parts of the comment, each made of what it is about; an empty list where there is nothing to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from ci.preview_comment import markdown as md
from ci.preview_comment.budget import Item, Section
from ci.preview_comment.components import Component
from ci.preview_comment.cost import HOURS_OF_A_MONTH, Cost, Prices
from ci.preview_comment.diff import diff_block, names_of_fields
from ci.preview_comment.fields import field_changes
from ci.preview_comment.models import ModelPull, human
from ci.preview_comment.preview import Action, Diagnostic, Resource, Violation
from ci.preview_comment.remedies import Remedy, split
from ci.preview_comment.stateful import Loss
from ci.preview_comment.values import FieldChange

_SIGNS = {Action.REPLACE: "♻️", Action.DELETE: "🗑️", Action.UPDATE: "✏️", Action.CREATE: "🆕"}
_COLUMNS = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE)
_NUMBERS = frozenset({*(action.value.capitalize() for action in _COLUMNS), "Other", "Unchanged", "Replicas"})
_LINK_LENGTH = 300
_FIX_LENGTH = 500


def diagnostics_section(found: Sequence[Diagnostic], title: str, *, unfolded: bool) -> list[Section]:
    """Errors in full, warnings folded."""
    if not found:
        return []
    items: list[Item] = []
    for one in found:
        where = f"{_resource_name(one.urn)}\n\n" if one.urn else ""
        block = f"{where}{md.fence(one.message)}\n\n"
        items.append(Item((block, f"{where.strip()} {md.code(one.message)}\n\n")))
    shown = f"#### {title} ({len(found)})\n\n"
    if unfolded:
        return [_section(shown, items, title.lower())]
    return [
        _section(
            f"<details><summary>{title} ({len(found)})</summary>\n\n", items, title.lower(), tail="\n</details>\n\n"
        )
    ]


def losses_section(found: Sequence[Loss]) -> list[Section]:
    """What holds data and would go: first of all changes."""
    if not found:
        return []
    rows = [
        md.row(
            (
                f"{_SIGNS[one.resource.action]} **{one.resource.action.value}**",
                md.code(one.resource.kind),
                md.code(one.resource.name),
                f"{one.what}{_kept(one.resource)}",
            )
        )
        for one in found
    ]
    head = md.head("What happens", "Kind", "Resource", "What it holds")
    title = f"#### ⚠️ Holds data, and would be replaced or deleted ({len(found)})\n\n"
    return [_section(title, [Item((row,)) for row in rows], "resources that hold data", head=head)]


def violations_section(found: Sequence[Violation], remedies: Mapping[str, Remedy]) -> list[Section]:
    """Violations of policies with their remedies, those that stop the deploy first."""
    if not found:
        return []
    order = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    listed = sorted(found, key=lambda one: (not one.blocks, order.get(one.severity, len(order)), one.policy, one.urn))
    items = [Item(_violation_forms(one, remedies.get(one.policy))) for one in listed]
    blocking = sum(1 for one in found if one.blocks)
    title = f"#### Policies that are not kept ({len(found)}, of which {blocking} stop the deploy)\n\n"
    return [_section(title, items, "violations")]


def components_section(found: Sequence[Component], *, whole: bool) -> list[Section]:
    """A row for each component: how much below it is created, updated, replaced, deleted."""
    if not found:
        return []
    rows: list[Item] = []
    for one in found:
        same = one.counts.get(Action.SAME, 0) + one.counts.get(Action.READ, 0)
        other = sum(one.counts.values()) - same - sum(one.counts.get(action, 0) for action in _COLUMNS)
        numbers = [*(one.counts.get(action, 0) for action in _COLUMNS), other, *([same] if whole else [])]
        rows.append(Item((md.row((md.code(one.name), *(str(number) if number else "" for number in numbers))),)))
    names = [*(action.value.capitalize() for action in _COLUMNS), "Other", *(["Unchanged"] if whole else [])]
    head = md.head("Component", *names, right=_NUMBERS)
    return [_section("#### By component\n\n", rows, "components", head=head)]


def models_section(found: Sequence[ModelPull]) -> list[Section]:
    """What would be pulled, and how many bytes where that is known."""
    if not found:
        return []
    rows = [
        Item(
            (
                md.row(
                    (
                        md.code(one.server),
                        md.code(one.name) + ("" if one.source.endswith(one.name) else f" from {md.code(one.source)}"),
                        md.code(one.digest, limit=80) if one.digest else "whatever the name stands for",
                        "unknown" if one.replicas is None else str(one.replicas),
                        human(one.each),
                        human(one.total),
                    )
                ),
            )
        )
        for one in found
    ]
    head = md.head("Server", "Model", "Digest", "Replicas", "Each", "In all", right=_NUMBERS)
    known = sum(one.total for one in found if one.total is not None)
    unknown = sum(1 for one in found if one.total is None)
    total = f"\nIn all {human(known)}" + (f", and {unknown} of unknown size" if unknown else "") + ".\n"
    tail = f"{total if known else ''}"
    return [_section(f"#### Models to be pulled ({len(found)})\n\n", rows, "models", head=head, tail=tail)]


def cost_section(found: Cost | None, prices: Prices | None, *, whole: bool) -> list[Section]:
    """GPUs and their price before and after."""
    if found is None:
        return []
    kinds = sorted({*found.before, *found.after})
    rows: list[Item] = []
    for kind in kinds:
        old, new = found.before.get(kind, 0), found.after.get(kind, 0)
        price = None if prices is None else prices.accelerators.get(kind)
        each = "no price" if price is None else _money(price)
        rows.append(Item((md.row((md.code(kind), str(old), str(new), each)),)))
    currency = "" if prices is None else f" ({prices.currency} an hour)"
    head = md.head("Accelerator", "Before", "After", f"Price{currency}", right=frozenset({"Before", "After"}))
    title = "#### GPUs\n\n" if whole else "#### GPUs, of what changes alone\n\n"
    return [_section(title, rows, "accelerators", head=head, tail=f"\n{_sums(found, prices)}\n")]


def _sums(found: Cost, prices: Prices | None) -> str:
    if prices is None:
        return "No prices are configured."
    if found.per_hour is None:
        return "No sum: not every accelerator has a price."
    before, after = found.per_hour
    month = (after - before) * HOURS_OF_A_MONTH
    return (
        f"**{_money(before)} → {_money(after)} {prices.currency} an hour**, "
        f"{'+' if month >= 0 else '-'}{_money(abs(month))} {prices.currency} a month of {HOURS_OF_A_MONTH} hours."
    )


def changes_section(changed: Sequence[Resource], stack: str) -> list[Section]:
    """Each resource with the fields that change; the ones that only appear come last."""
    if not changed:
        return []
    order = {action: number for number, action in enumerate(Action)}
    listed = sorted(changed, key=lambda one: order[one.action])
    items = [Item(_change_forms(one)) for one in listed]
    again = f"`pulumi preview --diff -s {md.safe_word(stack)}` shows all"
    return [
        Section(
            title=f"#### Changes ({len(changed)})\n\n",
            items=items,
            left_out=lambda count: f"{count} more of {len(changed)} changes are left out here: {again}.",
            shortened=lambda count: f"Of {count} changes only the names of the fields are shown: {again}.",
        )
    ]


def _change_forms(resource: Resource) -> tuple[str, ...]:
    changes = field_changes(resource)
    sign = _SIGNS.get(resource.action, "•")
    summary = f"{sign} {resource.action.value} {md.html(resource.kind)} {md.html(resource.name)}"
    line = f"{sign} {resource.action.value} {md.code(resource.kind)} {md.code(resource.name)}"
    short = f"- {line}\n"
    if not changes:
        return (short,)
    fields = names_of_fields(changes)
    forms = [_folded(summary, changes)]
    if resource.action is not Action.CREATE:
        forms.append(f"- {line}: {fields}\n")
    return (*forms, short)


def _folded(summary: str, changes: Sequence[FieldChange]) -> str:
    count = f"{len(changes)} field{'' if len(changes) == 1 else 's'}"
    # The empty line ends a list that stands before it.
    return f"\n{md.details(f'{summary}: {count}', diff_block(changes))}"


def _violation_forms(one: Violation, remedy: Remedy | None) -> tuple[str, ...]:
    level = f"🛑 **{one.level}**" if one.blocks else md.code(one.level)
    severity = f", {md.code(one.severity)}" if one.severity else ""
    where = _resource_name(one.urn) if one.urn else "the whole stack"
    first = f"{level} {md.code(one.policy)}{severity}, {where} ({md.code(one.pack)})\n\n"
    message, said = split(one.message)
    known = remedy if remedy is not None else Remedy()
    fix = said or known.fix
    todo = f"**To do:** {md.code(fix, limit=_FIX_LENGTH)}{_link(known.link)}\n\n" if fix else ""
    return (f"{first}{md.fence(message)}\n\n{todo}", f"{first}{todo}", first)


def _link(url: str) -> str:
    return f" ([rule]({url}))" if md.is_web_address(url) and len(url) <= _LINK_LENGTH else ""


def _kept(resource: Resource) -> str:
    notes = ["protected: the engine refuses"] if resource.protected else []
    notes += ["kept in the cluster, only forgotten by the stack"] if resource.retained else []
    return f" ({'; '.join(notes)})" if notes else ""


def _resource_name(urn: str) -> str:
    parts = urn.split("::")
    kind = parts[2].rsplit("$", 1)[-1].rsplit(":", 1)[-1] if len(parts) > len(("urn", "project", "type")) else ""
    return f"{md.code(kind)} {md.code(parts[-1])}" if kind else md.code(parts[-1])


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _section(title: str, items: Sequence[Item], what: str, head: str = "", tail: str = "") -> Section:
    return Section(
        title=title,
        items=items,
        left_out=lambda count: f"{count} more {what} are left out here: the comment has no room for them.",
        shortened=lambda count: f"{count} {what} are shortened.",
        head=head,
        tail=tail,
    )
