"""The workflows keep to the rules that actionlint does not know: pinned, least rights, nothing for forks.

Versions in them are those of the toolchain. Not shown: a run on GitHub's or GitLab's machines.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.stack import validate
from components.versions import ROOT
from toolchain import catalog

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
TEXTS = {file.stem: file.read_text() for file in FILES}
# The key `on` is a boolean in YAML 1.1.
WORKFLOWS: dict[str, dict[Any, Any]] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = [(name, job, found) for name, one in WORKFLOWS.items() for job, found in one["jobs"].items()]
STEPS = [(name, step) for name, _, job in JOBS for step in job["steps"]]
GITLAB = ROOT / "ci" / "gitlab-ci.example.yml"
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"

jobs = pytest.mark.parametrize(
    ("workflow", "name", "job"), JOBS, ids=lambda value: value if isinstance(value, str) else ""
)


def test_all_are_here() -> None:
    assert set(WORKFLOWS) == {"drift", "preview", "review", "test"}


def test_actions_are_pinned_by_commit_and_say_their_version() -> None:
    used = re.findall(r"uses: (.*)", "\n".join(TEXTS.values()))
    assert len(used) > 10
    assert [one for one in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []


def test_an_action_has_one_version_in_all_workflows() -> None:
    used = set(re.findall(r"uses: ([\w/-]+)@(\w+)", "\n".join(TEXTS.values())))
    assert len(used) == len({action for action, _ in used})


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_is_allowed_that_a_job_does_not_ask_for(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {}
    assert "pull_request_target" not in TEXTS[name], "it runs a fork's code with this repository's secrets"
    assert "secrets." not in TEXTS[name], "credentials come by OIDC"


@jobs
def test_jobs_have_a_limit_and_their_own_rights(workflow: str, name: str, job: dict[str, Any]) -> None:
    assert 0 < job["timeout-minutes"] <= 45, (workflow, name)
    assert job["permissions"]["contents"] == "read"
    writes = {right for right, level in job["permissions"].items() if level == "write"}
    assert writes <= {"id-token", "pull-requests", "issues"}


@jobs
def test_jobs_with_rights_are_not_for_forks(workflow: str, name: str, job: dict[str, Any]) -> None:
    if "write" in job["permissions"].values() and workflow != "drift":
        assert SAME_REPOSITORY in job["if"], (workflow, name)


@jobs
def test_only_one_at_a_time(workflow: str, name: str, job: dict[str, Any]) -> None:
    group = job.get("concurrency") or WORKFLOWS[workflow]["concurrency"]
    assert group["group"], name
    if workflow in ("drift", "review"):
        assert group["cancel-in-progress"] is False, "a command that is cut off leaves the stack locked"


def test_scripts_take_foreign_values_from_the_environment_alone() -> None:
    """A branch called `$(…)` in the text of a script would be run."""
    assert [step["run"] for _, step in STEPS if "${{" in step.get("run", "")] == []


def test_credentials_of_the_checkout_are_not_kept() -> None:
    checkouts = [step for _, step in STEPS if str(step.get("uses", "")).startswith("actions/checkout@")]
    assert len(checkouts) == len(JOBS)
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_the_comment_is_posted_also_after_a_failure() -> None:
    (step,) = [step for name, step in STEPS if name == "preview" and "ci.post_comment" in step.get("run", "")]
    assert "!cancelled()" in step["if"]


def test_versions_are_those_of_the_toolchain() -> None:
    everything = "\n".join([*TEXTS.values(), GITLAB.read_text()])
    bootstrap = re.search(r"^UV_VERSION=(\S+)$", (ROOT / "toolchain" / "bootstrap.sh").read_text(), re.MULTILINE)
    assert bootstrap is not None
    pulumi = re.findall(r"pulumi-version: (\S+)|--version (\S+)", everything)
    assert {one or other for one, other in pulumi} == {catalog.PULUMI}
    uv = re.findall(r"version: (\S+) # as in toolchain/bootstrap\.sh|uv==(\S+)", everything)
    assert {one or other for one, other in uv} == {bootstrap[1]}
    assert len(uv) == len(JOBS) + 1


def test_files_that_are_named_exist() -> None:
    everything = "\n".join([*TEXTS.values(), GITLAB.read_text()])
    modules = set(re.findall(r"python -m ([\w.]+)", everything))
    assert modules == {"ci.preview_comment", "ci.post_comment"}
    for stack in ("dev", "prod"):
        assert (ROOT / "policies" / "config" / f"{stack}.json").is_file()
        assert (ROOT / f"Pulumi.{stack}.yaml").is_file()


def test_the_stack_of_a_pull_request_is_legal() -> None:
    config: dict[str, Any] = yaml.safe_load((ROOT / "ci" / "review-stack.yaml").read_text())["config"]
    ours = {key.removeprefix("echorator:"): value for key, value in config.items() if key.startswith("echorator:")}
    validate({**ours, "namespace": "echorator-pr-123", "cluster": {"context": "review"}})


def test_gitlab_posts_the_note_also_after_a_failure() -> None:
    job = yaml.safe_load(GITLAB.read_text())["preview"]
    assert "ci.post_comment" in job["after_script"][-1]
    assert "$PULUMI_ORGANIZATION" in job["rules"][0]["if"]


# -- Renovate ------------------------------------------------------------------------------------

RENOVATE: dict[str, Any] = json.loads((ROOT / "renovate.json").read_text())


def managed(pattern: str) -> list[Path]:
    if pattern.startswith("/"):
        return [
            file for file in FILES if re.search(pattern.strip("/").replace("\\/", "/"), str(file.relative_to(ROOT)))
        ]
    return [ROOT / pattern]


@pytest.mark.parametrize("manager", RENOVATE["customManagers"], ids=lambda manager: manager["description"])
def test_renovate_finds_the_versions(manager: dict[str, Any]) -> None:
    """Every pattern matches somewhere, and in every file one does: else a moved line is never renewed again."""
    patterns = [re.compile(text.replace("(?<", "(?P<")) for text in manager["matchStrings"]]
    files = [file for pattern in manager["managerFilePatterns"] for file in managed(pattern)]
    texts = {file: file.read_text() for file in files if file.stem != "test" or "uv" in manager["description"]}
    assert texts
    for pattern in patterns:
        assert any(pattern.search(text) for text in texts.values()), pattern.pattern
    for file, text in texts.items():
        found = [match["currentValue"] for pattern in patterns for match in pattern.finditer(text)]
        assert found, file
        assert all(re.fullmatch(r"v?\d[\w.+-]*", version) for version in found), found


def test_renovate_knows_every_image_of_a_local_cluster() -> None:
    (manager,) = [one for one in RENOVATE["customManagers"] if one["description"] == "Images of a local cluster"]
    pattern = re.compile(manager["matchStrings"][0].replace("(?<", "(?P<"))
    text = (ROOT / "components" / "versions.py").read_text()
    assert {match["depName"] for match in pattern.finditer(text)} >= {
        "registry.k8s.io/pause",
        "docker.io/library/busybox",
    }
