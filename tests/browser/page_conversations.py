"""A conversation with what was recalled and why, and the way from there to the memory."""

from looker import enter, visit
from playwright.sync_api import expect

with visit() as page:
    enter(page, path="#/conversations")
    talks = page.get_by_role("region", name="Conversations")
    expect(talks.get_by_role("button")).to_have_count(2)
    talks.get_by_role("button", name="violin").click()
    turns = page.locator(".turn")
    expect(turns).to_have_count(2)
    expect(turns.nth(0)).to_contain_text("What do you know about the violin?")
    recalled = page.locator(".recalled").get_by_role("listitem").filter(has_text="words: ").first
    expect(recalled).to_contain_text("violin")
    text = recalled.get_by_role("button").inner_text()
    recalled.get_by_role("button").click()
    expect(page.get_by_role("region", name="Memory").get_by_test_id("content")).to_have_text(text)
print("ok")
