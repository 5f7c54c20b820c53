"""By keyboard, in light and dark, on a phone; and what happens in the space arrives without a reload."""

import json
from urllib.request import Request, urlopen

from looker import KEY, URL, enter, graph_there, visit
from playwright.sync_api import expect

PAGES = ("Memory", "State", "Conversations", "Models", "Actions")
GROUND = "getComputedStyle(document.body).backgroundColor"

with visit(color_scheme="light") as page:
    enter(page)
    before = graph_there(page)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    for number, name in enumerate(PAGES, 1):
        page.keyboard.press(str(number))
        expect(page.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")
    light = page.evaluate(GROUND)
    page.get_by_label("Theme").select_option("dark")
    assert page.evaluate(GROUND) != light
    page.get_by_label("Theme").select_option("auto")
    assert page.evaluate(GROUND) == light
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(GROUND) != light

    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("1")
    expect(page.get_by_role("status")).to_have_text("live")
    graph_there(page)
    body = json.dumps({"content": "A heron stood on the jetty."}).encode()
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    with urlopen(Request(f"{URL}/echo/memories", body, headers), timeout=60) as answer:
        made = json.loads(answer.read())["id"]
    expect(page.get_by_test_id("loaded")).to_have_text(str(before + 1))
    with urlopen(Request(f"{URL}/echo/memories/{made}", None, headers, method="DELETE"), timeout=60):
        pass

with visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as page:
    enter(page)
    graph_there(page)
    for name in PAGES:
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", name=name, level=1)).to_have_count(1)
        page.wait_for_load_state("networkidle")
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, (name, wide)
print("ok")
