"""State, emotion, learning and coherence over time; the self-image; patterns."""

from looker import enter, visit
from playwright.sync_api import expect

with visit() as page:
    enter(page, path="#/state")
    now = page.get_by_role("region", name="Now")
    expect(now.locator(".tile", has_text="Experiences").locator("dd")).to_have_text("2")
    expect(now.locator(".tile", has_text="episodic")).to_be_visible()
    for title in ("Cognitive state", "Emotion", "Learning progress", "Learning rate"):
        chart = page.locator("figure", has_text=title)
        expect(chart.locator("canvas")).to_be_visible()
        expect(chart).not_to_have_attribute("data-points", "0")
    page.get_by_role("button", name="1 hour").click()
    expect(page.get_by_role("button", name="1 hour")).to_have_attribute("aria-pressed", "true")
    image = page.get_by_role("region", name="Self-image")
    for layer in ("identity", "functional", "contextual", "dynamic"):
        expect(image.get_by_role("heading", name=layer)).to_be_visible()
    expect(page.get_by_role("region", name="Patterns")).to_contain_text("asks in the evening")
print("ok")
