"""Models and replicas with their load; a key that is no operator's is told so."""

from looker import USER_KEY, enter, visit
from playwright.sync_api import expect

with visit() as page:
    enter(page, path="#/models")
    replica = page.get_by_role("region", name="Replicas").locator(".card")
    expect(replica).to_have_count(1)
    expect(replica).to_contain_text("0 of 1 slots")
    expect(replica.locator(".badge")).to_have_text("up")
    expect(page.get_by_role("region", name="Models").get_by_role("row", name="talker:1")).to_contain_text("iB")
with visit(expected=("403",)) as page:
    enter(page, USER_KEY, path="#/models")
    expect(page.get_by_role("region", name="Replicas").get_by_role("alert")).to_contain_text("operator")
    expect(page.get_by_role("region", name="Models").get_by_role("row", name="talker:1")).to_be_visible()
print("ok")
