"""Names of models, by Ollama's grammar: `[scheme://][host/][namespace/]model[:tag]`.

Limits and defaults are those of Ollama 0.17.4 (types/model/name.go): a host has 1 to 350 bytes, the other
parts 1 to 80; each begins with a letter, digit or `_`. Host, namespace, model and tag are compared without
regard to case, and keep the case they were written in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ollama.errors import ConfigurationError

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"
GRAMMAR = (
    "[host/][namespace/]model[:tag], each part beginning with a letter, digit or `_` and going on with those, "
    "`-` and, except in a namespace, `.`; a host may have a `:port` and up to 350 characters, the others up to 80"
)

_PARTS = {
    "host": (re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*"), 350),
    "namespace": (re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*"), 80),
    "model": (re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*"), 80),
    "tag": (re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*"), 80),
}
_DIGEST = re.compile(r"(?:sha256[:-])?([0-9a-f]{64})")


@dataclass(frozen=True)
class ModelName:
    """A whole name; every part is there and legal.

    Attributes:
        host: registry, with its port if it has one.
        namespace: owner, `library` for Ollama's own.
        model: name of the model.
        tag: variant, `latest` by default.
    """

    host: str
    namespace: str
    model: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """Return the name that Ollama would take `text` for.

        A scheme (`https://`) is read and dropped, as Ollama does: only `insecure` makes it speak plain HTTP.

        Raises:
            ConfigurationError: not a legal name; the message says which part is wrong and what is legal.
        """
        if "@" in text:
            digest = text.split("@", 1)[1]
            raise ConfigurationError(
                None,
                text,
                "Ollama cannot pull by digest, so a name has no `@`",
                f"leave `@{digest}` out of the name and set it as the model's `digest`, which is checked after "
                "the pull",
            )
        tag, rest = DEFAULT_TAG, text
        if rest.rfind(":") > rest.rfind("/"):
            rest, _, tag = rest.rpartition(":")
        before, slash, model = rest.rpartition("/")
        host, namespace = DEFAULT_HOST, DEFAULT_NAMESPACE
        if slash:
            left, slash, namespace = before.rpartition("/")
            if slash:
                host = left.partition("://")[2] if "://" in left else left
        name = cls(host, namespace, model, tag)
        faults = name._faults()
        if faults:
            raise ConfigurationError(None, text, f"not a model's name: {'; '.join(faults)}", f"write {GRAMMAR}")
        return name

    def _faults(self) -> list[str]:
        faults: list[str] = []
        for part, (pattern, limit) in _PARTS.items():
            value: str = getattr(self, part)
            # A lone surrogate, which JSON can carry, has no other length in bytes.
            size = len(value.encode(errors="surrogatepass"))
            if not value:
                faults.append(f"the {part} is empty")
            elif size > limit:
                faults.append(f"the {part} has {size} bytes, at most {limit} are legal")
            elif not pattern.fullmatch(value):
                more = ""
                if part == "namespace" and (":" in value or "." in value):
                    more = f"; a host needs a namespace after it, as in `{value}/{DEFAULT_NAMESPACE}/{self.model}`"
                faults.append(f"the {part} `{value}` has characters that are not legal there{more}")
        return faults

    @property
    def full(self) -> str:
        """All four parts: `registry.ollama.ai/library/smollm2:135m`."""
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"

    @property
    def short(self) -> str:
        """The form that Ollama lists: without host, or host and namespace, when they are the defaults."""
        if self.host.lower() != DEFAULT_HOST:
            return self.full
        if self.namespace.lower() != DEFAULT_NAMESPACE:
            return f"{self.namespace}/{self.model}:{self.tag}"
        return f"{self.model}:{self.tag}"

    @property
    def key(self) -> str:
        """What two names have in common when Ollama takes them for the same model."""
        return self.full.lower()

    @property
    def remote(self) -> bool:
        """Whether the tag means that Ollama's own service, not this server, would run the model."""
        tag = self.tag.lower()
        return tag == "cloud" or tag.endswith("-cloud")

    def __str__(self) -> str:
        return self.short


def parse_digest(text: str) -> str:
    """Return a manifest's digest as `sha256:<64 hex digits>`.

    Args:
        text: 64 lower-case hex digits, with or without `sha256:` before them.

    Raises:
        ConfigurationError: it is not a SHA-256 digest.
    """
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            None,
            None,
            f"not a digest: `{text}`",
            "write `sha256:` and 64 lower-case hex digits, all of them: the DIGEST of the model's manifest as "
            "`GET /api/tags` shows it, not the 12 digits of `ollama list`",
        )
    return f"sha256:{match[1]}"
