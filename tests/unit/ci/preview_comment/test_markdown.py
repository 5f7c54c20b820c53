"""Foreign text cannot leave the place that it is put into, and sections keep to their limit."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci.preview_comment import markdown as md
from ci.preview_comment.budget import Item, Section, fit
from tests.unit.ci.preview_comment.rendering import seen

HOSTILE = [
    "`",
    "``",
    "a`b``c",
    "```",
    "```\nout",
    "~~~",
    "|",
    "\\|",
    "a|b\\",
    "\\",
    "<!-- x",
    "-->",
    "</code>",
    "</details>",
    "<script>alert(1)</script>",
    "@everyone",
    "#1",
    "![x](https://example.org/x.png)",
    "[x](https://example.org)",
    "https://example.org",
    "www.example.org",
    "&lt;",
    "&#60;",
    "# head",
    "- item",
    "> quote",
    "\n\n# head",
    "\r\nx",
    "\x00",
    "\u202e",
    "\u2028x",
    "$x$",
    "*x*",
    "_x_",
    "a@b.org",
    "    x",
    "\tx",
    "",
    " ",
]
TEXTS = st.text() | st.lists(st.sampled_from(HOSTILE), max_size=6).map("".join)


@settings(deadline=None)
@given(TEXTS)
def test_code_is_one_cell_with_nothing_in_it_but_text(text: str) -> None:
    table = md.head("a", "b") + md.row((md.code(text), "x"))
    page = seen(table)
    assert page.tags.count("td") == 2
    assert page.tags.count("code") == 1
    assert set(page.tags) == {"table", "thead", "tr", "th", "tbody", "td", "code"}
    assert re.sub(r"\s", "", page.bare) == "abx"


@settings(deadline=None)
@given(TEXTS)
def test_a_summary_has_nothing_in_it_but_text(text: str) -> None:
    page = seen(md.details(md.html(text), "body"))
    assert set(page.tags) == {"details", "summary", "code", "p"}
    assert page.bare.split() == ["body"]


@settings(deadline=None)
@given(TEXTS)
def test_a_fence_holds_what_is_in_it(text: str) -> None:
    page = seen(f"{md.fence(text)}\n\nafter")
    assert page.tags == ["pre", "code", "p"]
    assert page.bare.split() == ["after"]


@settings(deadline=None)
@given(TEXTS)
def test_text_that_can_be_shown_is_shown_as_it_is(text: str) -> None:
    shown = seen(md.fence(text)).whole.removesuffix("\n")
    if not re.search(r"[^ -~\n]|secret|key|token|pass|pwd|auth|dsn|://", text, re.IGNORECASE):
        assert shown.rstrip("\n") == text.rstrip("\n")


def test_what_is_cut_is_said() -> None:
    assert md.cut("abcdef", 3) == "abc… (3 more characters)"
    assert md.cut("abc", 3) == "abc"


@pytest.mark.parametrize("url", ["https://kubernetes.io/docs/concepts/security/#baseline", "https://example.org"])
def test_links(url: str) -> None:
    assert md.is_web_address(url)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://a)b", "http://example.org", "https://a b", ""])
def test_what_is_no_link(url: str) -> None:
    assert not md.is_web_address(url)


ITEMS = st.lists(
    st.lists(st.integers(0, 400), min_size=1, max_size=3).map(lambda s: Item(tuple("x" * n for n in s))), max_size=30
)


def section(title: str, items: list[Item]) -> Section:
    return Section(
        title,
        items,
        left_out=lambda n: f"{n} left out",
        shortened=lambda n: f"{n} shortened",
        head="HEAD\n",
        tail="TAIL",
    )


@settings(deadline=None)
@given(st.lists(ITEMS, min_size=1, max_size=5), st.integers(1_000, 8_000))
def test_sections_fit(listed: list[list[Item]], limit: int) -> None:
    text = fit([section(f"S{number}\n", items) for number, items in enumerate(listed)], limit)
    assert md.size(text) <= limit
    assert all(f"S{number}\n" in text for number in range(len(listed)))


@settings(deadline=None)
@given(ITEMS, st.integers(200, 5_000))
def test_what_is_left_out_is_counted(items: list[Item], limit: int) -> None:
    numbered = [Item(tuple(f"<{form}>" for form in item.forms)) for item in items]
    text = section("", numbered).render(limit)
    missing = re.search(r"_(\d+) left out_", text)
    assert text.count("<") + (int(missing[1]) if missing else 0) == len(items)


def test_all_is_shown_where_there_is_room() -> None:
    text = section("", [Item(("long", "s")), Item(("other", "o"))]).render(1_000)
    assert text == "HEAD\nlongotherTAIL"


def test_the_last_items_become_short_before_any_is_left_out() -> None:
    items = [Item(("a" * 100, "a")), Item(("b" * 100, "b")), Item(("c" * 100, "c"))]
    text = section("", items).render(200)
    assert "a" * 100 in text
    assert "_2 shortened_" in text
    assert "left out" not in text
