"""A wrong key is told, a good one is kept in this tab alone, and gone when one leaves."""

from looker import KEY, URL, enter, visit
from playwright.sync_api import expect

with visit(expected=("401",)) as page:
    page.goto(f"{URL}/view/")
    page.get_by_label("Key").fill("ek-wrong")
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    enter(page)
    expect(page.get_by_role("status")).to_have_text("live")
    assert KEY in page.evaluate("JSON.stringify(sessionStorage)")
    assert KEY not in page.evaluate("JSON.stringify(localStorage) + document.cookie + location.href")
    page.reload()
    expect(page.get_by_role("status")).to_have_text("live")
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_label("Key")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    page.reload()
    expect(page.get_by_label("Key")).to_be_visible()
print("ok")
