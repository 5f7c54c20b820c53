"""Each command's exit code, what it leaves in the stack's file, and that `--json` is alone on standard output."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import CommandError, CommandResult

from cli.engine import InterruptedByUserError
from cli.engine_events import Said, Step
from cli.exits import Exit
from components.versions import ROOT
from tests.unit.cli import objects
from tests.unit.cli.conftest import CONFIG, Cli, changing

CREATE = Step("done", "create", "OllamaModel", "chat-m:3")
FAILED = CommandError(CommandResult(stdout="out", stderr="err", code=255))
BOTH = objects.report(objects.model("m:1"), objects.model("m:2"))
THREE = objects.report(objects.model("m:1"), objects.model("m:2"), objects.model("m:3"))


def said(text: str, name: str = "") -> Said:
    return Said("error", text, name)


def document(result: Any) -> dict[str, Any]:
    """Standard output as JSON: it fails if there is anything else on it."""
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_deploy_shows_the_change_deploys_it_and_shows_the_model(cli: Cli) -> None:
    cli.engine.planned = cli.engine.happens = changing(CREATE)
    cli.api.serve_chat(THREE)
    result = cli("deploy", "m:3", "--yes")
    assert result.exit_code == Exit.DONE, result.output
    assert "+        - name: m:3" in result.output
    assert "Preview: 1 to create." in result.output
    assert "+ create   OllamaModel chat-m:3" in result.output
    assert "98.0 MB" in result.output
    assert cli.text == f"{CONFIG}        - name: m:3\n"
    assert cli.engine.deployed == [cli.text]


def test_a_deploy_for_programs(cli: Cli) -> None:
    cli.engine.planned = cli.engine.happens = changing(CREATE)
    cli.api.serve_chat(THREE)
    result = cli("deploy", "m:3", "--yes", "--json")
    assert result.exit_code == Exit.DONE
    found = document(result)
    assert {key: found[key] for key in ("server", "model", "stack", "dryRun", "changed", "changes")} == {
        "server": "chat",
        "model": "m:3",
        "stack": "t",
        "dryRun": False,
        "changed": True,
        "changes": {"create": 1},
    }
    assert found["servers"][0]["models"][2]["replicas"] == [
        {"name": "chat-0", "phase": "Ready", "digest": f"sha256:{'3' * 64}"}
    ]


def test_what_is_deployed_already_is_nothing_to_do(cli: Cli) -> None:
    cli.engine.planned = changing()
    cli.api.serve_chat(BOTH)
    result = cli("deploy", "m:1", "--json")
    assert result.exit_code == Exit.DONE
    assert document(result)["changed"] is False
    assert cli.engine.deployed == []
    assert cli.text == CONFIG


def test_a_dry_run_changes_nothing(cli: Cli) -> None:
    cli.engine.planned = changing(CREATE)
    result = cli("deploy", "m:3", "--dry-run", "--json")
    assert result.exit_code == Exit.DONE
    assert document(result)["changes"] == {"create": 1}
    assert cli.text == CONFIG
    assert cli.engine.previewed == [f"{CONFIG}        - name: m:3\n"]
    assert cli.engine.deployed == []


def test_settings_that_would_have_faults_are_refused_before_anything(cli: Cli) -> None:
    result = cli("deploy", "other.example/a/m:3", "--digest", "short", "--json")
    assert result.exit_code == Exit.REFUSED
    error = document(result)["error"]
    assert (error["code"], error["kind"]) == (3, "refused")
    paths = [fault["path"] for fault in error["faults"]]
    assert paths == ["servers[0].models[2].digest", "servers[0].models[2].name"]
    assert "servers[0].models[2].digest" in result.stderr
    assert cli.text == CONFIG
    assert cli.api.requests == []
    assert cli.engine.previewed == []


def test_a_cluster_that_does_not_answer(cli: Cli) -> None:
    cli.api.close()
    for arguments in (["deploy", "m:3", "--yes"], ["list"], ["status"], ["undeploy", "m:1", "--yes"]):
        result = cli(*arguments, "--json")
        assert result.exit_code == Exit.UNREACHABLE, arguments
        assert document(result)["error"]["kind"] == "unreachable"
    assert cli.text == CONFIG


def test_a_context_that_is_not_there(cli: Cli) -> None:
    cli.config.write_text(f"{CONFIG}  echorator:cluster: {{context: elsewhere}}\n")
    result = cli("list")
    assert result.exit_code == Exit.UNREACHABLE
    assert "no context `elsewhere`" in result.stderr


def test_a_preview_that_fails_changes_nothing(cli: Cli) -> None:
    cli.engine.planned = [said("boom: no such class", "chat")]
    cli.engine.preview_error = FAILED
    result = cli("deploy", "m:3", "--yes")
    assert result.exit_code == Exit.FAILED
    assert "chat: boom: no such class" in result.stderr
    assert "nothing was changed" in result.stderr
    assert cli.text == CONFIG


def test_a_deploy_that_fails_keeps_the_wish_and_says_how_to_go_on(cli: Cli) -> None:
    cli.engine.planned = changing(CREATE)
    cli.engine.happens = [said("update failed"), said("m:3: wrong digest\n  fix: choose another", "chat-m:3")]
    cli.engine.up_error = FAILED
    result = cli("deploy", "m:3", "--yes", "--json")
    assert result.exit_code == Exit.FAILED
    error = document(result)["error"]
    assert "wrong digest" in error["message"]
    assert "update failed" not in error["message"]
    assert "echorator undeploy m:3 --server chat" in error["hint"]
    assert cli.text != CONFIG


def test_an_interrupted_deploy(cli: Cli) -> None:
    cli.engine.planned = changing(CREATE)
    cli.engine.happens = [CREATE]
    cli.engine.up_error = InterruptedByUserError()
    result = cli("deploy", "m:3", "--yes", "--json")
    assert result.exit_code == Exit.INTERRUPTED
    assert "1 changes were finished" in document(result)["error"]["message"]
    assert "goes on from there" in document(result)["error"]["hint"]


def test_nobody_to_ask_is_no_yes(cli: Cli) -> None:
    cli.engine.planned = changing(CREATE)
    result = cli("deploy", "m:3", answer="y\n")
    assert result.exit_code == Exit.USAGE
    assert "--yes" in result.stderr
    assert cli.text == CONFIG


@pytest.mark.parametrize(("answer", "code"), [("n\n", Exit.INTERRUPTED), ("\n", Exit.INTERRUPTED), ("y\n", Exit.DONE)])
def test_a_deletion_is_asked_for_and_no_is_the_default(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr("cli.change.on_terminal", lambda: True)
    cli.engine.planned = cli.engine.happens = changing(Step("done", "delete", "OllamaModel", "chat-m:2"))
    result = cli("undeploy", "m:2", answer=answer)
    assert result.exit_code == code, result.output
    assert "Delete m:2 from every replica of chat?" in result.output
    assert ("m:2" in cli.text) == bool(code)


def test_keeping_a_model_tells_the_replicas_first(cli: Cli) -> None:
    cli.engine.planned = cli.engine.happens = changing(Step("done", "update", "OllamaModel", "chat-m:2"))
    result = cli("undeploy", "m:2", "--keep-model", "--yes")
    assert result.exit_code == Exit.DONE, result.output
    first, second = cli.engine.deployed
    assert "retain: true" in first
    assert second == CONFIG.replace("        - name: m:2\n", "") == cli.text


def test_a_server_goes_as_a_whole(cli: Cli) -> None:
    cli.engine.planned = cli.engine.happens = changing(Step("done", "delete", "StatefulSet", "chat"))
    assert cli("undeploy", "--server", "chat", "--yes").exit_code == Exit.DONE
    assert cli.text == "# A stack of a test.\nconfig:\n  echorator:namespace: t   # apart from all others\n"


def test_exposing(cli: Cli) -> None:
    cli.engine.planned = cli.engine.happens = changing(Step("done", "update", "Service", "chat"))
    assert cli("expose", "chat", "--type", "NodePort", "--yes").exit_code == Exit.REFUSED
    assert cli.text == CONFIG
    result = cli("expose", "chat", "--type", "NodePort", "--source-range", "10.0.0.0/8", "--yes")
    assert result.exit_code == Exit.DONE, result.output
    assert "expose: {type: NodePort, sourceRanges: [10.0.0.0/8]}" in cli.text
    assert cli("expose", "chat", "--none", "--yes").exit_code == Exit.DONE
    assert cli.text == CONFIG


def test_pinning_takes_the_digest_that_all_replicas_have(cli: Cli) -> None:
    cli.engine.planned = cli.engine.happens = changing(CREATE)
    cli.api.serve_chat(THREE, THREE, wanted=2)
    assert cli("deploy", "m:3", "--replicas", "2", "--pin", "--yes").exit_code == Exit.DONE
    assert f"        - name: m:3\n          digest: sha256:{'3' * 64}\n" in cli.text
    assert len(cli.engine.deployed) == 2


def test_replicas_that_differ_are_not_pinned(cli: Cli) -> None:
    cli.engine.planned = cli.engine.happens = changing(CREATE)
    other = objects.report(objects.model("m:3", digest=f"sha256:{'4' * 64}"))
    cli.api.serve_chat(THREE, other, wanted=2)
    result = cli("deploy", "m:3", "--replicas", "2", "--pin", "--yes")
    assert result.exit_code == Exit.FAILED
    assert "not pinned" in result.stderr
    assert "digest" not in cli.text


@pytest.mark.parametrize(
    "arguments",
    [
        ["deploy"],
        ["deploy", "m:3", "--replicas", "-1"],
        ["deploy", "m:3", "--class", "huge"],
        ["deploy", "m:3", "--digest", "sha256:0", "--pin"],
        ["deploy", "m:3", "--class", "small", "--cpu", "1"],
        ["deploy", "no name"],
        ["expose", "chat"],
        ["expose", "chat", "--none", "--type", "NodePort"],
        ["expose", "nobody", "--type", "ClusterIP"],
        ["undeploy"],
        ["undeploy", "m:9"],
        ["undeploy", "--server", "chat", "--keep-model"],
        ["dance"],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(cli: Cli, arguments: list[str]) -> None:
    result = cli(*arguments)
    assert result.exit_code == Exit.USAGE, result.output
    assert cli.text == CONFIG
    assert cli.engine.previewed == []


def test_a_stack_without_a_file(cli: Cli) -> None:
    cli.config.unlink()
    for arguments in (["list"], ["status"], ["undeploy", "m:1"], ["expose", "chat", "--none"]):
        assert cli(*arguments).exit_code == Exit.USAGE
    assert not cli.config.exists()


def test_list_for_programs(cli: Cli) -> None:
    cli.api.serve_chat(objects.report(objects.model("m:1"), objects.model("m:2", "Pulling")))
    result = cli("list", "--json")
    assert result.exit_code == Exit.DONE
    models = document(result)["servers"][0]["models"]
    assert [(one["name"], one["phase"], one["sizeBytes"]) for one in models] == [
        ("m:1", "Ready", 98_000_000),
        ("m:2", "Pulling", 0),
    ]
    assert models[1]["replicas"] == [{"name": "chat-0", "phase": "Pulling", "digest": None}]


FAILURE = {"kind": "resource", "message": "no room on the disk", "hint": "raise storage"}
STATES = [
    (BOTH, Exit.DONE, "Ready"),
    (objects.report(objects.model("m:1"), objects.model("m:2", "Pulling")), Exit.NOT_READY, "ModelDeploying"),
    (objects.report(objects.model("m:1"), objects.model("m:2", "Failed", failure=FAILURE)), Exit.FAILED, "Failed"),
]


@pytest.mark.parametrize(("report", "code", "phase"), STATES, ids=[row[2] for row in STATES])
def test_status_tells_ready_from_not_yet_from_wrong(cli: Cli, report: dict[str, Any], code: int, phase: str) -> None:
    cli.api.serve_chat(report)
    result = cli("status", "--json")
    assert result.exit_code == code
    found = document(result)
    assert found["servers"][0]["phase"] == phase
    assert bool(found["problems"]) == (code == Exit.FAILED)
    shown = cli("status")
    assert shown.exit_code == code
    assert phase in shown.output
    if code == Exit.FAILED:
        assert "to do: raise storage" in shown.output


def test_status_before_the_first_deploy(cli: Cli) -> None:
    result = cli("status", "--json")
    assert result.exit_code == Exit.NOT_READY
    assert document(result)["servers"][0]["phase"] == "Pending"


def test_uploads_go_only_to_a_store_that_takes_them(cli: Cli, tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    refused = cli("upload", str(model), "team/m:1", "--json")
    assert refused.exit_code == Exit.REFUSED
    assert "takes no uploads" in document(refused)["error"]["message"]
    cli.config.write_text(f"{CONFIG}  echorator:modelStore: {{uploads: true}}\n")
    assert cli("upload", str(model), "team/m:1").exit_code == Exit.FAILED
    assert cli.api.requests == ["/api/v1/namespaces/t-models/secrets/model-store-upload"]


@pytest.mark.parametrize("name", ["a b", "ghcr.io/team/m:1"])
def test_what_is_no_name_in_the_store(cli: Cli, tmp_path: Path, name: str) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    assert cli("upload", str(model), name).exit_code == Exit.USAGE
    assert cli("upload", str(tmp_path / "nowhere"), "m:1").exit_code == Exit.USAGE


def test_help_is_there_at_once() -> None:
    """And imports neither the engine nor the cluster's client; the bound is wide, since tests run beside others."""
    code = "import cli.__main__, sys; print([name for name in ('pulumi', 'pydantic', 'httpx') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "cli", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert time.monotonic() - begun < 2
    assert all(name in done.stdout for name in ("deploy", "expose", "undeploy", "list", "status"))


# In a process of its own, since the signal would end the tests; no session, as in the others.
WITHOUT_SESSION = """
from toolchain.session import Session
Session.load = classmethod(lambda _: None)
from cli.__main__ import main
main()
"""


def test_watching_ends_with_ctrl_c_and_the_last_state_s_code(cli: Cli) -> None:
    cli.api.serve_chat(BOTH)
    options = ["status", "--watch", "--json", "--stack", "t", "--config-file", str(cli.config)]
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_SESSION, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["servers"][0]["phase"] == "Ready"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == Exit.DONE
    finally:
        process.kill()
        process.communicate()
