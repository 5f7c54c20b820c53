"""A conversation with its owner, what was recalled and why, what is said of its answer, the way to the memory."""

from looker import enter, visit
from playwright.sync_api import expect

with visit() as page:
    enter(page, path="#/conversations")
    talks = page.get_by_role("region", name="Conversations")
    expect(talks.get_by_role("button")).to_have_count(3)
    # The page's key holds them; one that was kept before conversations had owners is nobody's.
    expect(talks.get_by_role("button", name="violin")).to_contain_text("looker ·")
    expect(talks.get_by_role("button", name="lighthouse")).to_contain_text("nobody ·")
    talks.get_by_role("button", name="violin").click()
    turns = page.locator(".turn")
    expect(turns).to_have_count(2)
    expect(turns.nth(0)).to_contain_text("What do you know about the violin?")
    answer = turns.nth(1).get_by_role("group", name="This answer was")
    for said, other in (("Bad", "Good"), ("Good", "Bad")):
        answer.get_by_role("button", name=said).click()
        expect(answer.get_by_role("button", name=said)).to_have_attribute("aria-pressed", "true")
        expect(answer.get_by_role("button", name=other)).to_have_attribute("aria-pressed", "false")
    recalled = page.locator(".recalled").get_by_role("listitem").filter(has_text="words: ").first
    expect(recalled).to_contain_text("violin")
    text = recalled.get_by_role("button").inner_text()
    recalled.get_by_role("button").click()
    expect(page.get_by_role("region", name="Memory").get_by_test_id("content")).to_have_text(text)
print("ok")
