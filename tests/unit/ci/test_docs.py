"""The page about pull requests shows a comment that the tool makes, and the workflows that there are."""

import re

from components.versions import ROOT
from toolchain.licences import section

PAGE = (ROOT / "docs" / "pull-requests.md").read_text()


def test_the_comment_on_the_page_is_one_that_is_made() -> None:
    made = ROOT / "tests" / "unit" / "ci" / "preview_comment" / "comments" / "policy.md"
    assert section(PAGE, "comment") == made.read_text(), f"copy {made} between the marks"


def test_every_workflow_is_described() -> None:
    named = set(re.findall(r"^\| `([\w-]+\.yml)` \|", PAGE, re.MULTILINE))
    assert named == {file.name for file in (ROOT / ".github" / "workflows").glob("*.yml")}


def test_variables_on_the_page_are_those_of_the_workflows() -> None:
    used = {
        name
        for file in (ROOT / ".github" / "workflows").glob("*.yml")
        for name in re.findall(r"vars\.(\w+)", file.read_text())
    }
    assert {name for name in used if f"`{name}`" not in PAGE} == set()


def test_examples_are_linked() -> None:
    comments = {file.name for file in (ROOT / "tests" / "unit" / "ci" / "preview_comment" / "comments").glob("*.md")}
    assert comments - set(re.findall(r"comments/([\w-]+\.md)", PAGE)) == {"policy.md"}
