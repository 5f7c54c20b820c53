"""Every alert fires where it should and stays silent where it should not, says promtool; each has a runbook.

The series are made up; tests/drill/test_stack.py asks a real Prometheus for those that exist.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.versions import ROOT
from tests.monitoring import cases
from tests.monitoring.cases import Case, Series
from tests.monitoring.cases_echo import ECHO_CASES, MEMORY_CASES, OBJECT_CASES
from tests.monitoring.cases_mind import MIND_CASES
from tests.monitoring.rule_files import alerts, groups, write
from tests.support.prepared import prepared

_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
CASES = {**cases.CASES, **ECHO_CASES, **MEMORY_CASES, **OBJECT_CASES, **MIND_CASES}
SEVERITIES = {"critical", "warning", "info", "none"}


def promtool(*arguments: str) -> None:
    done = subprocess.run([prepared("ECHORATOR_PROMTOOL"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def expected(rule: Mapping[str, Any], case: Case) -> dict[str, Any]:
    """The alert as promtool describes it: the rule's labels, and annotations with their labels put in."""
    labels = {**case.labels, **rule["labels"]}
    said = {key: _LABEL.sub(lambda found: labels.get(found[1], ""), text) for key, text in rule["annotations"].items()}
    return {"exp_labels": labels, "exp_annotations": said}


def test_of(alert: str, case: Case, series: Series, wanted: list[dict[str, Any]]) -> dict[str, Any]:
    # Days by the minute would take minutes.
    return {
        "name": alert,
        "interval": f"{case.step}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"alertname": alert, "eval_time": f"{case.at}m", "exp_alerts": wanted}],
    }


test_of.__test__ = False  # type: ignore[attr-defined]


def test_the_rules_are_legal(tmp_path: Path) -> None:
    promtool("check", "rules", str(write(tmp_path)))


@pytest.mark.parametrize("alert", sorted(CASES))
def test_an_alert_fires_and_stays_silent(alert: str, tmp_path: Path) -> None:
    case, rule = CASES[alert], alerts(groups(tmp_path))[alert]
    tests = [test_of(alert, case, case.firing, [expected(rule, case)])]
    tests += [test_of(alert, case, series, []) for series in case.silent.values()]
    file = tmp_path / "test.yaml"
    content = {"rule_files": [str(write(tmp_path, alert))], "evaluation_interval": f"{case.step}m", "tests": tests}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    promtool("test", "rules", str(file))


def test_every_alert_has_cases_a_severity_and_a_runbook(tmp_path: Path) -> None:
    found = alerts(groups(tmp_path))
    assert set(CASES) == set(found)
    # These two have no series: the one fires always, of the other's two exceptions one ends and one does not.
    assert {name for name, case in CASES.items() if not case.silent} == {"Watchdog", "PolicyExceptionEnds"}
    for name, rule in found.items():
        assert rule["labels"]["severity"] in SEVERITIES, name
        assert rule["annotations"]["summary"], name
        page = ROOT / rule["annotations"]["runbook_url"]
        assert page.is_file(), page
        text = page.read_text()
        assert text.startswith(f"# {name}\n"), page
        for heading in ("## What it means", "## Look", "## Do"):
            assert heading in text, f"{page} lacks {heading!r}"


def test_no_runbook_without_an_alert(tmp_path: Path) -> None:
    pages = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")} - {"README"}
    assert pages == set(alerts(groups(tmp_path)))


def test_summaries_name_only_labels_that_the_alert_has(tmp_path: Path) -> None:
    for name, rule in alerts(groups(tmp_path)).items():
        named = set(_LABEL.findall(rule["annotations"]["summary"]))
        assert named <= {*CASES[name].labels, *rule["labels"]}, name
