"""The whole comment: which parts it has, in which order, within the limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ci.preview_comment import markdown as md
from ci.preview_comment.budget import Section, fit
from ci.preview_comment.components import by_component
from ci.preview_comment.cost import Prices, cost
from ci.preview_comment.models import pulls
from ci.preview_comment.preview import Action, Preview, Resource
from ci.preview_comment.reading import STACK_TYPE
from ci.preview_comment.remedies import Remedy
from ci.preview_comment.sections import (
    changes_section,
    components_section,
    cost_section,
    diagnostics_section,
    losses_section,
    models_section,
    violations_section,
)
from ci.preview_comment.stateful import losses

GITHUB_LIMIT = 65_536
"""Characters of a comment's body; GitHub answers 422 to more. Counted here in bytes, which are never fewer."""
_MARGIN = 512


Kind = Literal["preview", "drift"]


@dataclass(frozen=True)
class Options:
    """What the comment is made with, besides the preview.

    Attributes:
        stack: its name, as the commands take it.
        commit: what was previewed, or empty.
        prices: of GPUs, where configured.
        remedies: policy to what to do about it.
        limit: bytes that the comment may have.
        exit_code: of the command, where it was run; None where a file was read.
        kind: ``preview`` of a change, or the search for ``drift`` without one.
        output: what the command printed, for a preview that ended before the engine said anything.
    """

    stack: str
    commit: str = ""
    prices: Prices | None = None
    remedies: Mapping[str, Remedy] = field(default_factory=dict[str, Remedy])
    limit: int = GITHUB_LIMIT
    exit_code: int | None = None
    output: str = ""
    kind: Kind = "preview"

    def with_run(self, exit_code: int, output: str) -> Options:
        """The same, of a command that was run."""
        return replace(self, exit_code=exit_code, output=output)


def marker(stack: str, kind: Kind = "preview") -> str:
    """The hidden line by which the comment of this stack is found again."""
    return f"<!-- echorator-{kind}: {md.safe_word(stack).replace('--', '-_')} -->"


def failed(preview: Preview, options: Options) -> bool:
    """Whether the deploy would not go through as it stands, or, where drift is looked for, whether there is some."""
    return preview.failed or bool(options.exit_code) or _drifted(preview, options)


def _drifted(preview: Preview, options: Options) -> bool:
    """Whether the comparison came to its end and found something. The engine's exit code alone does not tell which."""
    return options.kind == "drift" and not preview.failed and any(one.type != STACK_TYPE for one in preview.changed)


def render(preview: Preview, options: Options) -> str:
    """The comment; its UTF-8 is never longer than the limit."""
    changed = [one for one in preview.changed if one.type != STACK_TYPE]
    lost = losses(changed)
    sections = [
        Section(_opening(preview, options, changed, len(lost)), (), lambda _: ""),
        *diagnostics_section(preview.errors, "Errors", unfolded=True),
        *_early_end(preview, options),
        *losses_section(lost),
        *violations_section(preview.violations, options.remedies),
        *components_section([one for one in by_component(preview.resources) if one.changes], whole=preview.whole),
        *models_section(pulls(preview.resources)),
        *cost_section(cost(preview.resources, options.prices), options.prices, whole=preview.whole),
        *changes_section(changed, options.stack),
        *diagnostics_section(preview.warnings, "Warnings", unfolded=False),
        Section(_closing(preview, options), (), lambda _: ""),
    ]
    return fit(sections, options.limit - _MARGIN)


def _opening(preview: Preview, options: Options, changed: list[Resource], lost: int) -> str:
    title = "Drift of" if options.kind == "drift" else "Preview of"
    lines = [marker(options.stack, options.kind), f"### {title} {md.code(options.stack)}", ""]
    lines += [_verdict(preview, options, changed)]
    if lost:
        lines += [
            "",
            f"⚠️ **{lost} that {'holds' if lost == 1 else 'hold'} data would be replaced or deleted**, see below.",
        ]
    return "\n".join(lines) + "\n"


def _verdict(preview: Preview, options: Options, changed: list[Resource]) -> str:
    blocking = sum(1 for one in preview.violations if one.blocks)
    counts = Counter(one.action for one in changed)
    same = preview.unchanged
    would = ", ".join(f"**{counts[action]}** {action.value}" for action in Action if counts[action])
    parts: list[str] = []
    if _drifted(preview, options):
        parts.append(
            "⚠️ **What runs is not what is declared.** The next deploy would mend it, or the program is to follow."
        )
    elif failed(preview, options):
        causes = [f"{len(preview.errors)} error{_s(len(preview.errors))}"] if preview.errors else []
        causes += [f"{blocking} mandatory polic{'y is' if blocking == 1 else 'ies are'} not kept"] if blocking else []
        if not causes:
            causes = ["the preview did not come to its end"]
        parts.append(f"❌ **The deploy would not go through**: {', '.join(causes)}.")
    elif not changed:
        return f"✅ Nothing would change{'' if same is None else f' ({same} resources)'}."
    else:
        parts.append("✅ The preview went through.")
    if would:
        parts.append(f"Would be: {would}{f'; {same} unchanged' if same else ''}.")
    return " ".join(parts)


def _early_end(preview: Preview, options: Options) -> list[Section]:
    """What the command printed, where the engine's own events tell no error."""
    told = preview.errors or _drifted(preview, options) or any(one.blocks for one in preview.violations)
    if told or not failed(preview, options):
        return []
    tail = options.output.strip()[-md.LONG :]
    if not tail:
        return []
    return [Section(f"#### What the command printed last\n\n{md.fence(tail)}\n", (), lambda _: "")]


def _closing(preview: Preview, options: Options) -> str:
    lines = [f"_{note}._" for note in preview.notes]
    commit = f" of {md.code(options.commit)}" if options.commit else ""
    lines += [f"<sub>Preview{commit}. Again by hand: `make preview-comment STACK={md.safe_word(options.stack)}`</sub>"]
    return "\n".join(lines) + "\n"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
