"""A comment on a pull request, or an issue, by GitHub's REST API (version 2022-11-28)."""

from __future__ import annotations

from typing import Any

import httpx

from ci.forge import Api, ForgeError, Posted

API = "https://api.github.com"
ACTIONS = "github-actions[bot]"
"""Who comments with the token of a workflow."""
_HINT = "the job needs `permissions: pull-requests: write` (`issues: write` for issues), and not be one of a fork"
_CREATE_TRIES = 3


def client(token: str, api: str = API) -> httpx.Client:
    """A client with the token; GitHub Enterprise has another address."""
    return httpx.Client(
        base_url=api,
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "echorator-preview-comment",
        },
    )


class PullRequestComment:
    """The comment of one stack on one pull request.

    Args:
        api: from `forge_api`.
        repository: ``owner/name``.
        number: of the pull request.
        author: login that the comment is written by; a comment of anybody else is never edited, whatever is in it.
    """

    def __init__(self, api: Api, repository: str, number: int, author: str = ACTIONS) -> None:
        self._api = api
        self._path = f"/repos/{repository}/issues/{number}/comments"
        self._one = f"/repos/{repository}/issues/comments"
        self._author = author

    def upsert(self, marker: str, body: str) -> Posted:
        """Edit our comment with this marker in its first line, or make one.

        Raises:
            ForgeError: GitHub did not take it.
        """
        problem: ForgeError | None = None
        for _ in range(_CREATE_TRIES):
            found = self._find(marker)
            if found is not None:
                return self._edit(found, body)
            try:
                made = self._api.send("POST", self._path, body={"body": body}, tries=1)
            except ForgeError as error:
                # It may have been made all the same: look before it is made a second time.
                problem = error
                continue
            return Posted("created", str(made.json().get("html_url", "")))
        raise problem or ForgeError("no comment was made")

    def _edit(self, found: dict[str, Any], body: str) -> Posted:
        url = str(found.get("html_url", ""))
        if found.get("body") == body:
            return Posted("unchanged", url)
        self._api.send("PATCH", f"{self._one}/{found['id']}", body={"body": body})
        return Posted("edited", url)

    def _find(self, marker: str) -> dict[str, Any] | None:
        for entry in self._api.pages(self._path, {}):
            if _is_ours(entry, marker, self._author):
                return entry
        return None


class DriftIssue:
    """The open issue about one stack's drift: made, edited, and closed once there is none.

    Args:
        api: from `forge_api`.
        repository: ``owner/name``.
        title: of a new issue.
        author: login that the issue is written by.
    """

    def __init__(self, api: Api, repository: str, title: str, author: str = ACTIONS) -> None:
        self._api = api
        self._path = f"/repos/{repository}/issues"
        self._title = title
        self._author = author

    def upsert(self, marker: str, body: str) -> Posted:
        """Edit the open issue with this marker, or make one.

        Raises:
            ForgeError: GitHub did not take it.
        """
        found = self._find(marker)
        if found is None:
            made = self._api.send("POST", self._path, body={"title": self._title, "body": body}, tries=1).json()
            return Posted("created", str(made.get("html_url", "")))
        if found.get("body") != body:
            self._api.send("PATCH", f"{self._path}/{found['number']}", body={"body": body})
            return Posted("edited", str(found.get("html_url", "")))
        return Posted("unchanged", str(found.get("html_url", "")))

    def close(self, marker: str) -> Posted | None:
        """Close the open issue with this marker; None where there is none.

        Raises:
            ForgeError: GitHub did not take it.
        """
        found = self._find(marker)
        if found is None:
            return None
        self._api.send(
            "PATCH", f"{self._path}/{found['number']}", body={"state": "closed", "state_reason": "completed"}
        )
        return Posted("closed", str(found.get("html_url", "")))

    def _find(self, marker: str) -> dict[str, Any] | None:
        for entry in self._api.pages(self._path, {"state": "open"}):
            if "pull_request" not in entry and _is_ours(entry, marker, self._author):
                return entry
        return None


def _is_ours(entry: dict[str, Any], marker: str, author: str) -> bool:
    """By marker and by author: anybody can write the marker into a comment of their own."""
    user: dict[str, Any] = entry.get("user") or {}
    login = str(user.get("login", ""))
    return login == author and str(entry.get("body") or "").startswith(marker)


def forge_api(http: httpx.Client) -> Api:
    """GitHub's API with its hint."""
    return Api(http, _HINT)
