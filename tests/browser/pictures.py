"""Takes the pictures of docs/view.md into the folder that is named."""

import sys
from pathlib import Path

from looker import enter, graph_there, visit
from playwright.sync_api import Page, expect

FOLDER = Path(sys.argv[1])
DESKTOP = {"width": 1100, "height": 680}
PHONE = {"width": 390, "height": 780}
# Fonts and colours are drawn; what moves is not waited for by the screenshot.
SETTLED_MS = 1_500


def take(page: Page, name: str) -> None:
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=FOLDER / f"view-{name}.png", animations="disabled")


with visit(viewport=DESKTOP, color_scheme="light") as page:
    enter(page)
    graph_there(page)
    page.locator("#graph").focus()
    page.keyboard.press("n")
    expect(page.get_by_test_id("content")).to_be_visible()
    for _ in range(2):
        page.wait_for_timeout(SETTLED_MS)
        page.get_by_role("button", name="Zoom out").click()
    take(page, "light")
    page.keyboard.press("3")
    page.get_by_role("region", name="Conversations").get_by_role("button", name="know about the violin").click()
    page.get_by_role("group", name="This answer was").get_by_role("button", name="Good").click()
    take(page, "conversation")
with visit(viewport=DESKTOP, color_scheme="dark") as page:
    enter(page, path="#/state")
    expect(page.locator("figure canvas")).to_have_count(4)
    take(page, "dark")
    page.keyboard.press("1")
    graph_there(page)
    take(page, "graph-dark")
with visit(viewport=PHONE, color_scheme="light", has_touch=True, is_mobile=True) as page:
    enter(page)
    graph_there(page)
    take(page, "phone")
