"""Markdown that foreign text cannot break out of.

Whatever is not written by this package goes through `code`, `html` or `fence`: all take out secrets, and in none does
GitHub or GitLab see a mention, a link, a heading, an image, HTML or a cell's border.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ci.preview_comment.secrets import mask_text

_PLAIN = re.compile(r"[^A-Za-z0-9 /,=+-]")
_SPACE = re.compile(r"[\t\n\r\v\f\u0085\u2028\u2029]+")
# Control characters, and those that turn the reading direction or show nothing: a reviewer must see what is there.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_TICKS = re.compile(r"`+")
_FENCE = re.compile(r"`{3,}")
_WEB = re.compile(r"https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~/?#=&%+-]*)?")
_LETTER = re.compile(r"[^\W_]")
SHORT = 200
"""Characters of a value inside a sentence or a cell."""
LONG = 2_000
"""Characters of a value in a block of its own."""


def code(text: str, limit: int = SHORT) -> str:
    """Foreign text for a sentence or a cell of a table, as a code span: nothing in one has a meaning."""
    shown = _one_line(text, limit)
    # How a cell's border is escaped inside a code span depends on the backslash before it.
    if "|" in shown or not shown:
        return html(text, limit)
    marks = "`" * (max((len(run) for run in _TICKS.findall(shown)), default=0) + 1)
    padding = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{marks}{padding}{shown}{padding}{marks}"


def html(text: str, limit: int = SHORT) -> str:
    """Foreign text where Markdown is not read, such as in a `<summary>`, with every sign of meaning encoded."""
    return f"<code>{_PLAIN.sub(_entity, _one_line(text, limit)) or '&#8203;'}</code>"


def fence(text: str, language: str = "text", limit: int = LONG) -> str:
    """Foreign text as a block; the fence is longer than any in the text."""
    shown = _UNSEEN.sub("\ufffd", cut(mask_text(text).replace("\r\n", "\n").replace("\r", "\n"), limit))
    longest = max((len(run) for run in _FENCE.findall(shown)), default=2)
    marks = "`" * (longest + 1)
    return f"{marks}{language}\n{shown}\n{marks}"


def cut(text: str, limit: int) -> str:
    """The text, or its beginning and a word about how much is missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit} more characters)"


def row(cells: Iterable[str]) -> str:
    """One row of a table; the cells are Markdown of ours."""
    return f"| {' | '.join(cells)} |\n"


def head(*names: str, right: frozenset[str] = frozenset()) -> str:
    """The two lines that begin a table."""
    return row(names) + row("--:" if name in right else "---" for name in names)


def details(summary: str, body: str, *, opened: bool = False) -> str:
    """A part that folds; the blank lines make GitHub read the body, and what comes after it, as Markdown."""
    return f"<details{' open' if opened else ''}><summary>{summary}</summary>\n\n{body}\n\n</details>\n\n"


def safe_word(text: str) -> str:
    """A stack's name inside a command that the comment shows."""
    return re.sub(r"[^A-Za-z0-9._/-]", "_", text)[:100]


def is_web_address(text: str) -> bool:
    """Whether a text may stand as the target of a link."""
    return _WEB.fullmatch(text) is not None


def size(text: str) -> int:
    """Bytes in UTF-8: never less than the characters, in whichever way a host counts those."""
    return len(text.encode("utf-8", errors="replace"))


def _one_line(text: str, limit: int) -> str:
    return _UNSEEN.sub("\ufffd", _SPACE.sub(" ", cut(mask_text(text), limit))).strip()


def _entity(found: re.Match[str]) -> str:
    sign = found[0]
    # Letters of any language may stay; only what could mean something is encoded.
    return sign if _LETTER.match(sign) else f"&#{ord(sign)};"
