"""The command line: from a file and from a preview that it runs, with exit codes that CI can act on.

The engine here is a program that writes an event log and prints like one. What the real one writes is
shown by test_golden.
"""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ci.preview_comment import running
from ci.preview_comment.__main__ import app

SUMMARY = '{"sequence":0,"timestamp":0,"summaryEvent":{"resourceChanges":{"same":3}}}\n'
FAILURE = '{"sequence":0,"timestamp":0,"diagnosticEvent":{"severity":"error","message":"error: it broke"}}\n'

ENGINE = """#!/bin/sh
printf '%s\\n' "$@" > "{record}"
printf '%s\\n' "$PULUMI_DEBUG_COMMANDS" >> "{record}"
while [ "$1" != --event-log ]; do shift; done
{log}
echo "printed by the engine" >&2
exit {code}
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(running.Session, "load", lambda: None)
    return folder / "pulumi"


def write_engine(engine: Path, log: str, code: int) -> Path:
    record = engine.parent / "arguments"
    events = engine.parent / "events"
    events.write_text(log)
    copy = f'cat "{events}" > "$2"' if log else ":"
    engine.write_text(ENGINE.format(record=record, log=copy, code=code))
    engine.chmod(engine.stat().st_mode | stat.S_IXUSR)
    return record


def test_from_an_event_log(tmp_path: Path) -> None:
    log, out = tmp_path / "events.jsonl", tmp_path / "comment.md"
    log.write_text(SUMMARY)
    done = CliRunner().invoke(app, ["--stack", "dev", "--event-log", str(log), "--output", str(out)])
    assert done.exit_code == 0
    assert out.read_text().startswith("<!-- echorator-preview: dev -->\n")
    log.write_text(FAILURE)
    done = CliRunner().invoke(app, ["--event-log", str(log)])
    assert done.exit_code == 1
    assert "it broke" in done.stdout


def test_from_a_json_document(tmp_path: Path) -> None:
    file = tmp_path / "preview.json"
    file.write_text(json.dumps({"changeSummary": {"same": 3}}))
    for option in ("--json", "--event-log"):
        assert CliRunner().invoke(app, [option, str(file)]).exit_code == 0


def test_a_search_for_drift_has_a_marker_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    log.write_text(SUMMARY)
    text = CliRunner().invoke(app, ["--kind", "drift", "--event-log", str(log)]).stdout
    assert text.startswith("<!-- echorator-drift: dev -->\n### Drift of `dev`")


def test_a_preview_is_run_with_the_further_arguments(engine: Path) -> None:
    record = write_engine(engine, SUMMARY, 0)
    done = CliRunner().invoke(app, ["--stack", "org/echorator/dev", "--", "--diff", "--policy-pack", "policies"])
    assert done.exit_code == 0, done.output
    *arguments, debug = record.read_text().splitlines()
    assert arguments[:3] == ["preview", "-s", "org/echorator/dev"]
    assert arguments[-3:] == ["--diff", "--policy-pack", "policies"]
    assert debug == "true"


@pytest.mark.parametrize(("log", "shown"), [(FAILURE, "it broke"), ("", "printed by the engine")])
def test_a_preview_that_fails_gives_a_comment(engine: Path, log: str, shown: str) -> None:
    write_engine(engine, log, 255)
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 1
    assert "would not go through" in done.stdout
    assert shown in done.stdout


@pytest.mark.usefixtures("engine")
def test_without_an_engine_there_is_no_comment() -> None:
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 2
    assert "`pulumi` is not on PATH. Fix:" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--event-log", "no/such/file"], "cannot be read: No such file"),
        (["--event-log", "a", "--json", "b"], "leave one out"),
        (["--prices", "no/such/file", "--event-log", "a"], "no/such/file cannot be read"),
    ],
)
def test_faults_of_the_command_line(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert message in done.stderr
