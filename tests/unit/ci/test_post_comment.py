"""Comments are made once and then edited, on GitHub and GitLab, whatever the forge answers in between.

Over real HTTP, to a double on the loopback interface that keeps what it is given. Not shown: the forges themselves.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ci import github, gitlab
from ci.forge import Api, ForgeError
from ci.post_comment import TargetError, app, post
from tests.unit.ci.forge_double import Double, forge

MARKER = "<!-- echorator-preview: dev -->"
BODY = f"{MARKER}\n### Preview"
COMMENTS = "/repos/echorator/echorator/issues/5/comments"
ISSUES = "/repos/echorator/echorator/issues"
NOTES = "/projects/42/merge_requests/5/notes"
TOKEN = "t0ken"


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    waits: list[float] = []
    monkeypatch.setattr("ci.forge.pause", waits.append)
    with forge() as found:
        yield found


def environment(double: Double, **more: str) -> dict[str, str]:
    return {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "echorator/echorator", "GITHUB_API_URL": double.url, **more}


def posted(double: Double, body: str = BODY) -> str:
    found = post(body, MARKER, environment(double), number=5)
    assert found is not None
    return found.action


def entry(body: str, login: str = "github-actions[bot]", number: int = 1) -> dict[str, object]:
    return {"id": number, "number": number, "user": {"login": login}, "author": {"id": 7}, "body": body}


def test_made_then_edited_then_left_alone(double: Double) -> None:
    assert [posted(double), posted(double, BODY + "2"), posted(double, BODY + "2")] == [
        "created",
        "edited",
        "unchanged",
    ]
    assert [one["body"] for one in double.entries[COMMENTS]] == [BODY + "2"]
    assert set(double.tokens) == {f"Bearer {TOKEN}"}


def test_a_stack_of_another_name_has_its_own(double: Double) -> None:
    double.entries[COMMENTS] = [entry("<!-- echorator-preview: dev2 -->\nx")]
    assert posted(double) == "created"


def test_comments_of_others_are_never_edited(double: Double) -> None:
    double.entries[COMMENTS] = [entry(BODY, "somebody"), entry(f"> {MARKER}")]
    assert posted(double) == "created"
    assert double.did("PATCH") == []


def test_it_is_found_on_a_later_page(double: Double) -> None:
    double.entries[COMMENTS] = [entry(f"hello {number}", "somebody", number) for number in range(250)]
    double.entries[COMMENTS].append(entry(MARKER, number=777))
    assert posted(double) == "edited"
    assert double.did("PATCH") == ["/repos/echorator/echorator/issues/comments/777"]


@pytest.mark.parametrize("failure", [(502, {}), (429, {"Retry-After": "1"}), (403, {"x-ratelimit-remaining": "0"})])
def test_what_passes_is_tried_again(double: Double, failure: tuple[int, dict[str, str]]) -> None:
    double.failures = [failure]
    assert posted(double) == "created"


def test_a_comment_that_was_made_although_the_answer_was_an_error_is_not_made_twice(double: Double) -> None:
    double.failures, double.keeps_failed = [None, (502, {})], True
    assert posted(double) == "unchanged"
    assert len(double.entries[COMMENTS]) == 1


def test_a_refusal_is_said_with_its_fix_and_without_the_token(double: Double) -> None:
    double.failures = [(403, {})]
    with pytest.raises(
        ForgeError, match=r"GET .*comments: HTTP 403 no such luck\. Fix: the job needs `permissions"
    ) as error:
        posted(double)
    assert TOKEN not in str(error.value)
    assert len(double.requests) == 1


@pytest.mark.usefixtures("double")
def test_a_forge_that_is_gone_is_said() -> None:
    with github.client(TOKEN, "http://127.0.0.1:9") as http, pytest.raises(ForgeError, match="ConnectError"):
        github.PullRequestComment(Api(http, "look"), "a/b", 1).upsert(MARKER, BODY)


def test_the_number_comes_from_the_event(double: Double, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 5}}))
    assert post(BODY, MARKER, environment(double, GITHUB_EVENT_PATH=str(event))) is not None
    assert len(double.entries[COMMENTS]) == 1


@pytest.mark.parametrize("event", ["{}", "[]", "", '{"pull_request": null}'])
def test_no_pull_request(double: Double, tmp_path: Path, event: str) -> None:
    file = tmp_path / "event.json"
    file.write_text(event)
    with pytest.raises(TargetError, match="no run for a pull request"):
        post(BODY, MARKER, environment(double, GITHUB_EVENT_PATH=str(file)))


def test_a_missing_token_is_named(double: Double) -> None:
    with pytest.raises(TargetError, match="GITHUB_TOKEN is not set"):
        post(BODY, MARKER, environment(double, GITHUB_TOKEN=""), number=5)


def test_an_issue_about_drift_is_made_edited_and_closed(double: Double) -> None:
    marker = "<!-- echorator-drift: dev -->"
    double.entries[ISSUES] = [{**entry(marker), "pull_request": {}}]

    def issue(body: str = "", *, close: bool = False) -> str | None:
        found = post(marker + body, marker, environment(double), issue="Drift of dev", close=close)
        return None if found is None else found.action

    actions = [issue(close=True), issue("1"), issue("2"), issue("2"), issue(close=True), issue(close=True), issue("3")]
    assert actions == [None, "created", "edited", "unchanged", "closed", None, "created"]
    assert [one.get("state", "open") for one in double.entries[ISSUES]] == ["open", "closed", "open"]


def test_gitlab(double: Double) -> None:
    variables = {
        "GITLAB_CI": "true",
        "GITLAB_TOKEN": TOKEN,
        "CI_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_IID": "5",
        "CI_API_V4_URL": double.url,
    }
    double.entries[NOTES] = [{"id": 1, "author": {"id": 8}, "body": BODY}]
    actions = [found.action for body in (BODY, BODY + "2", BODY + "2") if (found := post(body, MARKER, variables))]
    assert actions == ["created", "edited", "unchanged"]
    assert [one["body"] for one in double.entries[NOTES]] == [BODY, BODY + "2"]
    assert set(double.tokens) == {TOKEN}


def test_gitlab_by_path(double: Double) -> None:
    with gitlab.client(TOKEN, double.url) as http:
        gitlab.MergeRequestNote(gitlab.forge_api(http), "group/project", 5).upsert(MARKER, BODY)
    assert double.did("POST") == ["/projects/group%2Fproject/merge_requests/5/notes"]


def test_the_command_line(double: Double, tmp_path: Path) -> None:
    file = tmp_path / "comment.md"
    file.write_text(BODY)
    run = CliRunner(env=environment(double, GITLAB_CI=""))
    done = run.invoke(app, ["--file", str(file), "--number", "5"])
    assert (done.exit_code, done.stdout) == (0, "created https://forge.example/1000\n")
    file.write_text("no marker")
    assert run.invoke(app, ["--file", str(file), "--number", "5"]).exit_code == 2
    double.failures = [(404, {})]
    file.write_text(BODY)
    failed = run.invoke(app, ["--file", str(file), "--number", "5"])
    assert failed.exit_code == 1
    assert "HTTP 404" in failed.stderr
