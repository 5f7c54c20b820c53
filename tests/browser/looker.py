"""One visit to the page: a context of its own in the browser that runs, and what went wrong in it."""

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Page, expect, sync_playwright

URL = os.environ["VIEW_URL"]
KEY = os.environ["VIEW_KEY"]
USER_KEY = os.environ["VIEW_USER_KEY"]
LIMIT_MS = 90_000

# On a busy machine a page needs long, and it is never the time that is tested.
expect.set_options(timeout=LIMIT_MS)


@contextmanager
def visit(*, expected: tuple[str, ...] = (), **options: Any) -> Generator[Page]:
    """Open a page.

    Args:
        expected: parts of messages of the console that are no fault here.
        options: of the context, such as its viewport.
    """
    faults: list[str] = []
    with sync_playwright() as play:
        chromium = play.chromium.connect_over_cdp(os.environ["VIEW_DEVTOOLS"], timeout=LIMIT_MS)
        context = chromium.new_context(**{"viewport": {"width": 900, "height": 640}, **options})
        context.set_default_timeout(LIMIT_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("console", lambda said: said.type in ("error", "warning") and faults.append(f"console: {said.text}"))
        page.on(
            "request",
            lambda asked: (
                asked.url.startswith((URL, URL.replace("http", "ws"))) or faults.append(f"asked elsewhere: {asked.url}")
            ),
        )
        try:
            yield page
        finally:
            context.close()
    # Policies that are broken, and scripts that are refused, are told there.
    left = [fault for fault in faults if not any(part in fault for part in expected)]
    assert not left, left


def enter(page: Page, key: str = KEY, space: str = "", path: str = "") -> None:
    """Sign in."""
    page.goto(f"{URL}/view/{path}")
    page.get_by_label("Key").fill(key)
    page.get_by_label("Memory space").fill(space)
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()


def state() -> dict[str, Any]:
    """What the service says of the space that the page shows."""
    with urlopen(Request(f"{URL}/echo/state", headers={"authorization": f"Bearer {KEY}"}), timeout=60) as answer:
        return json.loads(answer.read())


def graph_there(page: Page) -> int:
    """Wait until the graph is loaded and placed; returns how many memories it has."""
    drawn = page.locator("#graph[data-placing=false]:not([data-nodes='0'])")
    expect(drawn).to_be_visible()
    return int(drawn.get_attribute("data-nodes") or 0)


def shown(page: Page) -> int:
    """How many memories are shown."""
    return int(page.get_by_test_id("shown").inner_text())
