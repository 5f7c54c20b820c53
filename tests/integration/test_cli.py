"""The command line on the real engine and cluster: what a command says is what the cluster and the file have.

One stack goes through the tests in their order. Not shown: the bars on a terminal, which tests/unit/cli draws.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest

from cli.exits import Exit
from tests.integration.chat import MINILM, SMOLLM2, store
from tests.integration.mirror import Mirror
from tests.support.cli_stack import CliStack
from tests.support.kube import Kube, Replica, wait_for
from tests.support.stack import Engine

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

SIZE = ("--cpu", "250m", "--memory", "1Gi", "--storage", "1Gi")
WRONG = f"sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def cli(engine: Engine, run_name: str, mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliStack]:
    name = f"{run_name}-cli"
    stack = CliStack(engine, tmp_path_factory.mktemp(name, numbered=False), name)
    settings = json.dumps(store(mirror))
    stack.begin(
        "# Changed by commands.\n"
        "config:\n"
        '  pulumi:disable-default-providers: ["kubernetes"]\n'
        f"  echorator:namespace: {name}   # as the stack\n"
        f"  echorator:modelStore: {settings}\n"
    )
    yield stack
    stack.end()


def test_a_first_deploy_makes_store_server_and_model(cli: CliStack, kube: Kube) -> None:
    before = cli.text
    done = cli.run("deploy", SMOLLM2, *SIZE, "--yes", "--json")
    assert done.code == Exit.DONE, done.stderr
    found = done.document
    assert (found["server"], found["model"], found["changed"]) == ("chat", SMOLLM2, True)
    model = found["servers"][0]["models"][0]
    digest = Replica(kube, cli.namespace, "chat-0").digests()[SMOLLM2]
    assert model["replicas"] == [{"name": "chat-0", "phase": "Ready", "digest": digest}]
    assert model["sizeBytes"] > 50_000_000
    assert "OllamaModel" in done.stderr
    assert all(line in cli.text.splitlines() for line in before.splitlines())
    assert "# as the stack" in cli.text


def test_the_same_again_is_nothing_to_do(cli: CliStack) -> None:
    before = cli.text
    done = cli.run("deploy", SMOLLM2, "--json")
    assert done.code == Exit.DONE, done.stderr
    assert done.document["changed"] is False
    assert cli.text == before


def test_status_and_list_say_what_there_is(cli: CliStack) -> None:
    state = cli.run("status", "--json")
    assert state.code == Exit.DONE, state.stdout
    server = state.document["servers"][0]
    assert (server["phase"], server["ready"], server["wanted"]) == ("Ready", 1, 1)
    assert server["replicas"][0]["ollamaVersion"]
    listed = cli.run("list")
    assert listed.code == Exit.DONE
    assert SMOLLM2 in listed.stdout
    assert "1/1" in listed.stdout


def test_what_would_not_work_is_refused_with_nothing_changed(cli: CliStack) -> None:
    before = cli.text
    assert cli.run("deploy", MINILM, "--digest", "short", "--yes").code == Exit.REFUSED
    assert cli.run("expose", "chat", "--type", "NodePort", "--yes").code == Exit.REFUSED
    assert cli.run("undeploy", MINILM, "--yes").code == Exit.USAGE
    assert cli.text == before


def test_a_dry_run_shows_the_plan_of_the_engine(cli: CliStack) -> None:
    before, resources = cli.text, cli.resources()
    done = cli.run("deploy", MINILM, "--dry-run", "--json")
    assert done.code == Exit.DONE, done.stderr
    assert done.document["changes"]["create"] >= 1
    assert cli.text == before
    assert cli.resources() == resources


def test_a_wrong_digest_fails_is_named_and_is_taken_back(cli: CliStack) -> None:
    before = cli.text
    failed = cli.run("deploy", MINILM, "--digest", WRONG, "--yes", "--skip-preview", "--json")
    assert failed.code == Exit.FAILED, failed.stderr
    error = failed.document["error"]
    assert WRONG in error["message"]
    assert "chat-0" in error["message"]
    assert cli.run("status").code in (Exit.FAILED, Exit.NOT_READY)
    back = cli.run("undeploy", MINILM, "--yes", "--skip-preview")
    assert back.code == Exit.DONE, back.stderr
    assert cli.text == before


def test_ctrl_c_stops_the_engine_and_the_same_command_goes_on(cli: CliStack, kube: Kube) -> None:
    command = ("deploy", MINILM, "--replicas", "2", "--pin", "--yes", "--skip-preview")
    process = cli.start(*command)
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if "update   StatefulSet chat" in line or "waiting" in line or "downloading" in line:
            break
    # To the whole group, as a terminal does it.
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED, seen + stdout + stderr
    assert "goes on from there" in stderr
    assert MINILM in cli.text
    assert "pending_operations" not in cli.state() or not json.loads(cli.state())["deployment"]["pending_operations"]
    done = cli.run(*command)
    assert done.code == Exit.DONE, done.stderr
    digests = {Replica(kube, cli.namespace, f"chat-{at}").digests()[MINILM] for at in range(2)}
    assert len(digests) == 1
    assert f"digest: {digests.pop()}" in cli.text


def test_exposing_and_taking_it_back(cli: CliStack, kube: Kube) -> None:
    before = cli.text
    done = cli.run("expose", "chat", "--type", "NodePort", "--source-range", "10.0.0.0/8", "--yes", "--skip-preview")
    assert done.code == Exit.DONE, done.stderr
    service = kube.get(f"/api/v1/namespaces/{cli.namespace}/services/chat")
    assert service is not None
    assert service["spec"]["type"] == "NodePort"
    assert cli.run("expose", "chat", "--none", "--yes", "--skip-preview").code == Exit.DONE
    service = kube.get(f"/api/v1/namespaces/{cli.namespace}/services/chat")
    assert service is not None
    assert service["spec"]["type"] == "ClusterIP"
    assert cli.text == before


def test_a_model_that_is_kept_stays_on_the_replicas(cli: CliStack, kube: Kube) -> None:
    done = cli.run("undeploy", MINILM, "--keep-model", "--yes", "--skip-preview")
    assert done.code == Exit.DONE, done.stderr
    assert MINILM not in cli.text
    assert all(MINILM in Replica(kube, cli.namespace, f"chat-{at}").digests() for at in range(2))


def test_a_server_goes_with_its_volumes_and_the_file_is_as_it_was(cli: CliStack, kube: Kube) -> None:
    done = cli.run("undeploy", "--server", "chat", "--yes", "--skip-preview")
    assert done.code == Exit.DONE, done.stderr
    assert "echorator:servers" not in cli.text
    claims = f"/api/v1/namespaces/{cli.namespace}/persistentvolumeclaims"

    def gone() -> bool:
        return not [one for one in kube.items(claims) if "chat" in one["metadata"]["name"]]

    wait_for("the volumes of chat are gone", gone, 60)
    assert cli.run("status").code == Exit.DONE
