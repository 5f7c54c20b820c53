"""The graph is searched, filtered, played back, walked by keys, expanded; a memory is forgotten after a preview."""

from looker import enter, graph_there, shown, state, visit
from playwright.sync_api import expect

with visit() as page:
    enter(page)
    count = graph_there(page)
    kinds = state()["memories"]
    assert count == sum(kinds.values()) >= 120, (count, kinds)
    assert shown(page) == count

    page.keyboard.press("/")
    page.keyboard.type("lighthouse")
    page.keyboard.press("Enter")
    hit = page.get_by_role("list", name="Found memories").get_by_role("button").first
    expect(hit).to_contain_text("lighthouse")
    expect(hit).to_contain_text("words")
    hit.click()
    details = page.get_by_role("region", name="Memory")
    expect(details.get_by_test_id("content")).to_contain_text("lighthouse")

    if page.get_by_label("episodic").is_hidden():
        page.get_by_text("Filter and colours").click()
    page.get_by_label("episodic").uncheck()
    expect(page.get_by_test_id("shown")).to_have_text(str(count - kinds["episodic"]))
    page.get_by_label("episodic").check()
    page.get_by_label("follows").uncheck()
    page.get_by_label("Colour by").select_option("valence")

    time = page.get_by_role("slider", name="Time")
    time.fill("250")
    expect(page.get_by_test_id("shown")).not_to_have_text(str(count))
    assert 20 <= shown(page) <= 40, shown(page)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    assert shown(page) >= 20
    time.fill("1000")
    expect(page.get_by_test_id("shown")).to_have_text(str(count))

    page.locator("#graph").focus()
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    page.keyboard.press("n")
    first = details.get_by_test_id("content").inner_text()
    page.keyboard.press("n")
    expect(details.get_by_test_id("content")).not_to_have_text(first)
    page.keyboard.press("p")
    expect(details.get_by_test_id("content")).to_have_text(first)
    for key in ("ArrowLeft", "ArrowDown", "+", "-", "0", "e"):
        page.keyboard.press(key)
    assert details.locator(".neighbours .link").count() > 0

    details.get_by_role("button", name="Forget…").click()
    asked = page.get_by_role("dialog")
    expect(asked.get_by_test_id("preview")).to_have_text("1 would be forgotten:")
    page.keyboard.press("Escape")
    expect(asked).to_be_hidden()
    expect(page.get_by_test_id("loaded")).to_have_text(str(count))
    details.get_by_role("button", name="Forget…").click()
    asked.get_by_role("button", name="Forget 1").click()
    expect(asked).to_be_hidden()
    expect(page.get_by_test_id("loaded")).to_have_text(str(count - 1))
print("ok")
