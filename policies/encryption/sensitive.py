"""What looks like a secret: by its name, and by its shape."""

from __future__ import annotations

import re

_NAME = re.compile(
    r"""(^|[_.\-/]|(?<=[a-z0-9])(?=[A-Z]))
    (pass(word|wd|phrase)?|pwd|secret([_\-]?(key|id|access[_\-]?key))?|token|api[_\-]?key|apikey|access[_\-]?key|private[_\-]?key|
    credentials?|client[_\-]?secret|signing[_\-]?key|encryption[_\-]?key|auth[_\-]?key|bearer|dsn|conn(ection)?[_\-]?string|
    htpasswd|dockerconfigjson|pgpass(word)?)
    ($|[_.\-])""",
    re.VERBOSE | re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_POINTERS = re.compile(
    r"([_.\-]|^)(file|path|dir|name|names|ref|refs|url|uri|endpoint|policy|ttl|expiry|days|hours|seconds|minutes|length|count|class|"
    r"enabled|header|type|algorithm|mode|limit|version|hash[_\-]?algorithm|expiration|lifetime|min|max|tokens|mount|store|rotation)$",
    re.IGNORECASE,
)
"""Endings of names that say where a secret is, or how large, rather than hold one."""

_PLACEHOLDER = re.compile(
    r"^\s*(\$\(\w+\)|\$\{[^}]*\}|\{\{.*\}\}|<[^>]*>|\*+|true|false|null|none|\d{1,6}|)\s*$", re.IGNORECASE
)

_WORD = r"\b(?:password|pwd)\s{0,3}=\s{0,3}(?![$\s{<(;])[^\s;]{1,200}"
_PLACE = r"\b(?:host|server|dbname|user(?:\s?id)?)\s{0,3}="

_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")),
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})")),
    ("a GitLab token", re.compile(r"\bglpat-[A-Za-z0-9_\-]{20,}")),
    ("a Slack token", re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}")),
    ("a Slack webhook", re.compile(r"hooks\.slack\.com/services/T\w+/B\w+/\w+")),
    ("a Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{30,}")),
    ("an API key", re.compile(r"\bsk-(?:[a-z]+-)*[A-Za-z0-9_\-]{20,}")),
    ("a Google API key", re.compile(r"\bAIza[0-9A-Za-z_\-]{35}")),
    ("a Pulumi token", re.compile(r"\bpul-[0-9a-f]{40}\b")),
    ("a JSON web token", re.compile(r"\beyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]+")),
    ("a Vault token", re.compile(r"\bhv[sbr]\.[A-Za-z0-9_\-]{20,}")),
    ("an npm token", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b")),
    # Bounded repeats: this runs on every text of every object.
    ("a connection string with a password", re.compile(r"\b[a-z][a-z0-9+.\-]{1,30}://[^\s/@:'\"]{0,200}:[^\s/@'\"${}<>(]{1,200}@[^\s/]")),
    ("a connection string with a password", re.compile(_WORD + r".{0,200}" + _PLACE, re.IGNORECASE)),
    ("a connection string with a password", re.compile(_PLACE + r".{0,200}" + _WORD, re.IGNORECASE)),
    ("an Azure storage key", re.compile(r"AccountKey=[A-Za-z0-9+/=]{40,}")),
    ("a bearer token", re.compile(r"\bbearer\s+[A-Za-z0-9_\-.=]{20,}", re.IGNORECASE)),
)  # fmt: skip
_LONGEST = 200_000


def named(name: str) -> bool:
    """Whether something of this name is expected to be secret: `DB_PASSWORD`, `api-key`; not `PASSWORD_FILE`."""
    spelled = _CAMEL.sub("_", name)
    return bool(_NAME.search(spelled)) and not _POINTERS.search(spelled)


def literal(value: str) -> bool:
    """Whether the text is a value, not a reference, a template, a flag or a small number."""
    return not _PLACEHOLDER.match(value)


def shape(value: str) -> str | None:
    """What secret the text looks like or contains, such as `a private key`."""
    for what, pattern in _SHAPES:
        if pattern.search(value[:_LONGEST]):
            return what
    return None
