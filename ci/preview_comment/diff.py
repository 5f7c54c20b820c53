"""Field changes as a block that GitHub colours: red what goes, green what comes."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ci.preview_comment import markdown as md
from ci.preview_comment.values import FieldChange

_LINES = 60
"""Of one value's own diff; a longer one is cut, and says so."""
_FIELDS = 80
"""Of one resource; the block says how many more there are."""
_NAMED = 12


def diff_block(changes: Sequence[FieldChange]) -> str:
    """All changes of one resource as one block."""
    lines = [line for change in changes[:_FIELDS] for line in _lines(change)]
    if len(changes) > _FIELDS:
        lines.append(f"# and {len(changes) - _FIELDS} more fields")
    # The limit of a block is that of its lines, each of which is cut on its own.
    return md.fence("\n".join(lines), "diff", limit=md.LONG * 10)


def names_of_fields(changes: Sequence[FieldChange]) -> str:
    """The paths alone, for where there is no room."""
    shown = ", ".join(md.code(change.path) for change in changes[:_NAMED])
    return shown + (f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else "")


def _lines(change: FieldChange) -> list[str]:
    path = md.cut(change.path, md.SHORT)
    why = ["! forces the replacement:"] if change.replaces else []
    if "\n" in (change.before or "") or "\n" in (change.after or ""):
        return [*why, f"  {path}:", *_lines_of_text(change.before or "", change.after or "")]
    found = list(why)
    if change.before is not None:
        found.append(f"- {path}: {md.cut(change.before, md.SHORT)}")
    if change.after is not None:
        found.append(f"+ {path}: {md.cut(change.after, md.SHORT)}")
    return found


def _lines_of_text(before: str, after: str) -> list[str]:
    """A unified diff without its file names: the file here is one field."""
    compared = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    lines = [md.cut(line, md.SHORT) for line in compared if not line.startswith(("---", "+++"))]
    if len(lines) > _LINES:
        return [*lines[:_LINES], f"# and {len(lines) - _LINES} more lines"]
    return lines
