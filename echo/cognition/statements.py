"""Facts that somebody states about themselves, found by rule: few, and only what the words say."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MOST = 8
_LONGEST = 300
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
_END = r"(?=[,;.!]|$| and | but | because | since )"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"\bmy (?P<attribute>[a-z]+(?: [a-z]+){0,2}?) (?:is|are) (?P<value>.{1,80}?)" + _END, re.IGNORECASE),
        "",
    ),
    (re.compile(r"\bi(?:'m| am) called (?P<value>.{1,60}?)" + _END, re.IGNORECASE), "name"),
    (re.compile(r"\bi (?:now )?live in (?P<value>.{1,60}?)" + _END, re.IGNORECASE), "home"),
    (re.compile(r"\bi(?:'ve| have)? moved to (?P<value>.{1,60}?)" + _END, re.IGNORECASE), "home"),
    (re.compile(r"\bi (?:now )?work (?:at|for|as) (?P<value>.{1,60}?)" + _END, re.IGNORECASE), "work"),
    (re.compile(r"\bi(?:'m| am) allergic to (?P<value>.{1,60}?)" + _END, re.IGNORECASE), "allergy"),
    (re.compile(r"\bi (?P<verb>love|like|prefer|hate|dislike) (?P<value>.{1,60}?)" + _END, re.IGNORECASE), "taste"),
)
_LIKED = {"love": "yes", "like": "yes", "prefer": "yes", "hate": "no", "dislike": "no"}
_WEAK = frozenset({"question", "point", "problem", "guess", "understanding", "turn"})
"""What "my ... is ..." often names without telling of the speaker."""
_SECRET = frozenset({"password", "passphrase", "passcode", "pin", "token", "secret", "key", "code"})
"""Left in the episode where it was said: a fact would bring it up by itself."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that somebody said of themselves."""

    text: str
    """The sentence, as it was said."""
    attribute: str
    value: str


def facts_in(text: str) -> list[Fact]:
    """The facts about the speaker in a text, in their order; questions tell none.

    An attribute has one value at a time, so that a later one contradicts it; each liked thing is an attribute of its
    own. English.
    """
    found: dict[tuple[str, str], Fact] = {}
    for sentence in _SENTENCE.findall(text.replace("\u2019", "'")):
        said = " ".join(sentence.split())
        if said.endswith("?") or len(said) > _LONGEST:
            continue
        for rule, name in _RULES:
            for match in rule.finditer(said):
                fact = _fact(said, match, name)
                if fact is not None:
                    found.setdefault((fact.attribute, fact.value), fact)
    return list(found.values())[:_MOST]


def _fact(said: str, match: re.Match[str], name: str) -> Fact | None:
    value = match["value"].strip(" '\"")
    if not value:
        return None
    if name == "taste":
        return Fact(text=said, attribute=f"likes {value.lower()}", value=_LIKED[match["verb"].lower()])
    attribute = name or match["attribute"].lower()
    if attribute.split()[-1] in _WEAK | _SECRET:
        return None
    return Fact(text=said, attribute=attribute, value=value)
