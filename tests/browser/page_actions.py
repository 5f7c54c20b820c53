"""Goals are added and closed; consolidation and forgetting show first what they would do."""

from looker import enter, visit
from playwright.sync_api import expect

with visit() as page:
    enter(page, space="care", path="#/actions")
    goals = page.get_by_role("region", name="Goals")
    expect(goals.locator(".goal", has_text="Know the garden by heart")).to_be_visible()
    goals.get_by_label("New goal").fill("Oil the clock")
    goals.get_by_label("Priority").fill("0.9")
    goals.get_by_role("button", name="Add goal").click()
    added = goals.locator(".goal", has_text="Oil the clock")
    expect(added).to_contain_text("priority 0.9")
    added.get_by_role("button", name="Done").click()
    expect(added).to_contain_text("done")

    care = page.get_by_role("region", name="Consolidate")
    run = care.get_by_role("button", name="Consolidate", exact=True)
    expect(run).to_be_disabled()
    care.get_by_role("button", name="Preview").click()
    expect(care.get_by_test_id("consolidated")).to_contain_text("Would merge")
    run.click()
    expect(care.get_by_test_id("consolidated")).to_contain_text("Merged")
    expect(run).to_be_disabled()

    forget = page.get_by_role("region", name="Forget")
    forget.get_by_label("With tags").fill("old")
    forget.get_by_role("button", name="Preview…").click()
    asked = page.get_by_role("dialog")
    expect(asked.get_by_test_id("preview")).to_contain_text("would be forgotten")
    expect(asked.get_by_role("listitem").first).to_contain_text("tagged old")
    asked.get_by_role("button", name="Cancel").click()
    expect(asked).to_be_hidden()
print("ok")
