"""The live view's files come from memory and from nowhere else; without them the answer says why.

Not shown: the page itself, which tests/view opens in a browser.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from echo.api.view import View, is_view


def fetch(folder: Path, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def one() -> httpx.Response:
        transport = httpx.ASGITransport(View(folder))
        async with httpx.AsyncClient(transport=transport, base_url="http://echo") as http:
            return await http.request(method, path, headers=headers)

    return asyncio.run(one())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "built" / "assets").mkdir(parents=True)
    (tmp_path / "built" / "index.html").write_text("<!doctype html>")
    (tmp_path / "built" / "assets" / "a-1.js").write_text("export {};")
    (tmp_path / "secret").write_text("no")
    return tmp_path / "built"


def test_paths_of_the_page() -> None:
    assert [is_view(path) for path in ("/view", "/view/", "/view/a", "/viewer", "/", "/echo/view")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


def test_the_page_and_its_assets(folder: Path) -> None:
    page, script = fetch(folder, "/view/"), fetch(folder, "/view/assets/a-1.js")
    assert (page.status_code, page.text) == (200, "<!doctype html>")
    assert page.headers["cache-control"] == "no-cache"
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    assert fetch(folder, "/view/assets/a-1.js", **{"if-none-match": script.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/view/../secret", "/view/%2e%2e/secret", "/view/assets", "/view/index.html/"])
def test_no_path_leaves_the_folder(folder: Path, path: str) -> None:
    assert fetch(folder, path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_it_is_only_read(folder: Path, method: str) -> None:
    refused = fetch(folder, "/view/", method)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


def test_without_files_it_says_why(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        answer = fetch(folder, "/view/")
        assert answer.status_code == 404
        assert "built without its live view" in answer.text
        assert "content-security-policy" in answer.headers
