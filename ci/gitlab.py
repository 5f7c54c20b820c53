"""A note on a merge request, by GitLab's REST API (v4)."""

from __future__ import annotations

from urllib.parse import quote

import httpx

from ci.forge import Api, ForgeError, Posted

API = "https://gitlab.com/api/v4"
_HINT = "the token needs the scope `api` and the role Reporter or more in the project; CI_JOB_TOKEN cannot write notes"
_CREATE_TRIES = 3


def client(token: str, api: str = API) -> httpx.Client:
    """A client with a project access token."""
    return httpx.Client(base_url=api, headers={"PRIVATE-TOKEN": token, "User-Agent": "echorator-preview-comment"})


class MergeRequestNote:
    """The note of one stack on one merge request.

    Args:
        api: from `forge_api`.
        project: number of the project, or its path.
        number: the merge request's, as it is in its address (`iid`).
    """

    def __init__(self, api: Api, project: str, number: int) -> None:
        self._api = api
        self._path = f"/projects/{quote(project, safe='')}/merge_requests/{number}/notes"
        self._author: int | None = None

    def upsert(self, marker: str, body: str) -> Posted:
        """Edit our note with this marker in its first line, or make one. Only notes of the token's own user are edited.

        Raises:
            ForgeError: GitLab did not take it.
        """
        me = self._me()
        problem: ForgeError | None = None
        for _ in range(_CREATE_TRIES):
            for note in self._api.pages(self._path, {"sort": "asc"}):
                if (note.get("author") or {}).get("id") == me and str(note.get("body") or "").startswith(marker):
                    if note.get("body") == body:
                        return Posted("unchanged", "")
                    self._api.send("PUT", f"{self._path}/{note['id']}", body={"body": body})
                    return Posted("edited", "")
            try:
                self._api.send("POST", self._path, body={"body": body}, tries=1)
            except ForgeError as error:
                problem = error
                continue
            return Posted("created", "")
        raise problem or ForgeError("no note was made")

    def _me(self) -> int:
        if self._author is None:
            self._author = int(self._api.send("GET", "/user").json()["id"])
        return self._author


def forge_api(http: httpx.Client) -> Api:
    """GitLab's API with its hint."""
    return Api(http, _HINT)
