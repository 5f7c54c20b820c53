"""Takes out what must not be read: Pulumi's own marks, values of fields that are named for secrets, and their shapes.

The engine masks what it knows to be a secret. This is for what it does not know: a password that somebody wrote into
plain configuration is most often noticed in a pull request, and the comment must not be what spreads it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

MASK = "[secret]"
"""As the engine writes it."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Key that marks an object of Pulumi's wire format as something else than an object."""
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a public constant of Pulumi's wire format

_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|secrets?|tokens?|api[_-]?keys?|access[_-]?keys?(?:[_-]?id)?|private[_-]?keys?|"
    r"encryption[_-]?keys?|signing[_-]?keys?|credentials?|connection[_-]?strings?|dsn|auth|authorization|kubeconfig|"
    r"client[_-]?key[_-]?data"
)
# The word is the whole name or its end: `dbPassword`, `DB_PASSWORD`. `secretName` and `tokenPath` only point to one.
_NAME = re.compile(rf"(?:.*[_\-.\s]|^)(?:{_WORDS})(?:[_-]?\d+)?$", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_SHAPES = (
    re.compile(
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\Z)", re.DOTALL
    ),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),
    re.compile(r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}\b"),
    re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})"),
    re.compile(r"\b(?:xox[abeprs]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{20,}|pul-[0-9a-f]{20,})"),
    re.compile(r"\bAIza[A-Za-z0-9_-]{30,}"),
    re.compile(r"\bAGE-SECRET-KEY-1[A-Z0-9]{20,}"),
)
_USERINFO = re.compile(r"(?<=://)([^\s/@:]*):([^\s/@]+)(?=@)")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9+/._~=-]{8,}", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"(?P<name>(?<!automountServiceAccount)(?:{_WORDS})(?P<quote>[\"']?)\s*[:=]\s*)(?!\[secret\])(?P<value>\"[^\"\n]*\"?|'[^'\n]*'?|[^\s,;&}}\]\"'][^\s,;&}}\]]*)",
    re.IGNORECASE,
)
_DENSE = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_DENSE_BITS = 4.0
"""Bits a character from which a long run of letters and digits is taken for a key."""


def is_secret_name(name: str) -> bool:
    """Whether a field or variable of this name holds a secret, rather than the name or place of one."""
    return _NAME.match(_CAMEL.sub("_", name)) is not None


def is_marked(value: object) -> bool:
    """Whether the engine says that it is a secret."""
    if value == MASK:
        return True
    if not isinstance(value, Mapping):
        return False
    return cast("Mapping[str, Any]", value).get(SIGNATURE) == _SECRET_SIGNATURE


def mask_text(text: str) -> str:
    """The text without whatever in it has the shape of a secret, or is assigned to a name of one."""
    for shape in _SHAPES:
        text = shape.sub(MASK, text)
    text = _USERINFO.sub(rf"\1:{MASK}", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _ASSIGNED.sub(_assigned, text)
    return _DENSE.sub(lambda found: MASK if _is_dense(found[0]) else found[0], text)


def _assigned(found: re.Match[str]) -> str:
    bare = found["value"].strip("\"'`.")
    if bare in ("", "null", "true", "false", "None"):
        return found[0]
    return f"{found['name']}{MASK}"


def _is_dense(run: str) -> bool:
    """Whether a run of letters and digits is random. Digests, in hex of one case, are public and stay."""
    if _HEX.fullmatch(run) or not (re.search("[a-z]", run) and re.search("[A-Z]", run) and re.search(r"\d", run)):
        return False
    counts = Counter(run)
    bits = -sum(n / len(run) * math.log2(n / len(run)) for n in counts.values())
    return bits >= _DENSE_BITS
