"""The live view does in a browser what it says, and its files are served as they should be.

Each script of tests/browser is one visit, of one browser, to a real echo service on a real PostgreSQL. Not shown: that
it is fast on a graphics card (tests/bench/test_view.py measures it without one), and how it looks in other browsers.
"""

from __future__ import annotations

import httpx
import pytest

from tests.echo.harness import Echo
from tests.view.place import CLIENT, Place
from toolchain import paths
from toolchain.images import live_view

pytestmark = [pytest.mark.ollama, pytest.mark.timeout(300)]


@pytest.mark.parametrize("script", sorted(path.name for path in CLIENT.glob("page_*.py")))
def test_a_visit(looked_at: Place, script: str) -> None:
    assert looked_at.look(script).splitlines()[-1] == "ok"


def test_the_sources_are_typed() -> None:
    live_view.check_types(paths.CHECKOUT, paths.cache_dir() / "images" / "view", lambda _: None)


def fetch(echo: Echo, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    with httpx.Client(base_url=echo.main, trust_env=False, timeout=60) as http:
        return http.request(method, path, headers=headers)


def test_the_files_need_no_key_and_carry_a_policy(looked_at: Place) -> None:
    page = fetch(looked_at.echo, "/view/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {*policy.values()} == {"'none'", "'self'"}
    assert page.headers["x-content-type-options"] == "nosniff"
    moved = fetch(looked_at.echo, "/view")
    assert (moved.status_code, moved.headers["location"]) == (308, "/view/")
    head = fetch(looked_at.echo, "/view/", "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert fetch(looked_at.echo, "/view/", "POST").status_code == 405
    again = fetch(looked_at.echo, "/view/", **{"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_assets_are_kept_for_ever_and_packed(looked_at: Place) -> None:
    page = fetch(looked_at.echo, "/view/").text
    [script] = [part.split('"')[0] for part in page.split('src="./')[1:]]
    plain = fetch(looked_at.echo, f"/view/{script}", **{"accept-encoding": "identity"})
    packed = fetch(looked_at.echo, f"/view/{script}", **{"accept-encoding": "gzip"})
    assert "immutable" in plain.headers["cache-control"]
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert "://" not in page


@pytest.mark.parametrize("path", ["/view/none", "/view/../echo/__init__.py", "/view/%2e%2e/config.json", "/view//"])
def test_nothing_else_is_a_file(looked_at: Place, path: str) -> None:
    assert fetch(looked_at.echo, path).status_code in (401, 404)


def test_what_the_page_asks_for_needs_a_key(looked_at: Place) -> None:
    for path in ("/echo/graph", "/echo/state", "/echo/conversations", "/viewer", "/admin/replicas"):
        assert fetch(looked_at.echo, path).status_code == 401, path
