"""What a reader would see of a comment, by another implementation of the same Markdown."""

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

_FENCE = re.compile(r"^(`{3,})[a-z]*\n.*?^\1$", re.MULTILINE | re.DOTALL)


class Seen(HTMLParser):
    """The elements of a page, and the text that stands outside `code` and `pre`."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.bare = ""
        self.whole = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)
        if tag not in ("br", "hr", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> ends nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.whole += data
        if not {"code", "pre"} & set(self.open):
            self.bare += data


def seen(markdown: str) -> Seen:
    """Render as GitHub does: tables and HTML allowed."""
    page = Seen()
    page.feed(MarkdownIt("commonmark").enable("table").render(markdown))
    page.close()
    assert page.open == []
    return page


def rows(markdown: str) -> list[list[str]]:
    """The tables' lines, each split at its borders."""
    return [line.strip("|").split("|") for line in _FENCE.sub("", markdown).split("\n") if line.startswith("|")]
