"""Makes what was remembered safe to put into a prompt: quoted data that cannot pose as anything else.

After Spotlighting (Hines and others, 2024): data is delimited and marked, and cannot contain its delimiters.
"""

from __future__ import annotations

import unicodedata

_REPLACED = str.maketrans({
    # The marks that open and close parts of a prompt, and the control tokens of chat templates (`<|im_start|>`,
    # `</s>`, `[INST]`), which a tokenizer would take for the real thing wherever they stand.
    "<": "\u2039", ">": "\u203a", "[": "(", "]": ")",
    # What ends the quotation.
    '"': "'", "\u201c": "'", "\u201d": "'", "\u201e": "'", "`": "'",
    # Halves of `<|` and the full-width forms that some templates use.
    "|": "/", "\uff1c": "\u2039", "\uff1e": "\u203a", "\uff5c": "/", "\uff3b": "(", "\uff3d": ")", "\u2581": "_",
})  # fmt: skip
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control, format (which hides text or turns its direction), surrogate, private, unassigned, line and paragraph."""
_CUT = " \u2026"


def quoted(text: str, most: int) -> str:
    """A text as one line in double quotes, of at most so many characters, the quotes included.

    Words and their order stay. Line breaks become spaces, so no line can begin within; characters that hide text,
    delimit parts of the prompt or open a template's control tokens are taken out or replaced by others that look like
    them. A text that is too long is cut after a word.
    """
    room = most - 2
    # A text of some megabytes must not be walked through to be cut.
    plain = "".join(_visible(one) for one in text[: 8 * max(0, room)])
    line = " ".join(plain.translate(_REPLACED).split())
    if len(line) > room:
        short = line[: max(0, room - len(_CUT))]
        head, space, _ = short.rpartition(" ")
        line = (head if space else short) + _CUT
    return f'"{line[: max(0, room)]}"'


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in _HIDDEN else character
