"""Writes docs/policies.md: `python -m policies.docs`. With `--check` it only says whether the page is up to date."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from policies.catalog import CHECKS, FAMILIES
from policies.check import Check
from policies.remedies import REMEDIES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "policies.md"
BEGIN = "<!-- made by `python -m policies.docs` -->"

_FAMILIES = {
    "rbac": "Who may do what, alone and with all bindings added up.",
    "encryption": "Volumes, backups, traffic, and secrets in clear.",
    "workload": "Pod Security Standards of Kubernetes 1.34, baseline and restricted, and what keeps pods running.",
    "network": "What pods talk to, and what is reached from outside.",
    "supply_chain": "Where images and charts come from.",
    "models": "Which models, from where, under which licence.",
    "exceptions": "The exceptions themselves.",
}


def table() -> str:
    """Everything below the marker: a section for each family, then parameters and fixes."""
    parts: list[str] = [BEGIN, ""]
    for family in FAMILIES:
        checks = [check for check in CHECKS if check.family == family]
        parts += [f"## {family}", "", f"{_FAMILIES[family]} {len(checks)} checks.", ""]
        parts += ["| Check | Severity | What is asked for | Why | Fix |", "| --- | --- | --- | --- | --- |"]
        parts += [_row(check) for check in checks]
        parts.append("")
    parts += ["## Parameters", "", "| Check | Parameter | Meaning | Default |", "| --- | --- | --- | --- |"]
    for check in CHECKS:
        for name, one in check.parameters.items():
            default = _cell(json.dumps(one.default))
            parts.append(f"| `{check.id}` | `{name}` | {_cell(one.about)} | `{default}` |")
    parts += ["", "## Fixes", "", "| Fix | What it does | Satisfies |", "| --- | --- | --- |"]
    for remedy in REMEDIES:
        satisfied = ", ".join(f"`{one}`" for one in remedy.fixes)
        parts.append(f"| `{remedy.id}` | {_cell(remedy.title)} | {satisfied} |")
    return "\n".join(parts) + "\n"


def _row(check: Check) -> str:
    notes = [note for note, holds in (("prod", check.prod_only), (check.level, check.level != "mandatory")) if holds]
    severity = f"{check.severity}" + (f" ({', '.join(notes)})" if notes else "")
    cells = (f"[`{check.id}`]({check.link})", severity, _cell(check.title), _cell(check.why), _cell(check.fix))
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def page(old: str) -> str:
    """The page with its table made anew; what stands above the marker is kept."""
    head = old.partition(BEGIN)[0]
    return head + table()


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` only compare it. Returns the exit code."""
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    new = page(old)
    if "--check" in arguments:
        if old != new:
            sys.stderr.write("docs/policies.md is not up to date: run `python -m policies.docs`\n")
        return int(old != new)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
