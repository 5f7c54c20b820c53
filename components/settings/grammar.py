"""What a single text or number of the configuration may be: names, ranges, addresses, quantities.

Each function yields nothing for a value of the wrong type: `shape_faults` of `components.settings.faults` reports it.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from components.durations import parse_duration
from components.settings.faults import Fault

_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_DNS_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*")
_QUALIFIED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REGISTRY = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*(?::[0-9]{{1,5}})?")
_IMAGE = re.compile(
    rf"(?:{_REGISTRY.pattern}/)?[a-z0-9]+(?:(?:\.|_{{1,2}}|-+|/)[a-z0-9]+)*"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)

LONGEST_NAME = 40
"""A pod's name and revision label are made from the server's name, and labels end at 63 characters."""

LONGEST_LABEL = 63
LONGEST_SUBDOMAIN = 253


def name_faults(path: str, text: object) -> Iterator[Fault]:
    """Of a name that other names are made from."""
    if isinstance(text, str) and (len(text) > LONGEST_NAME or not _LABEL.fullmatch(text)):
        yield Fault(
            path,
            f"`{text}` is no legal name: at most {LONGEST_NAME} lower-case letters, digits and hyphens, "
            "beginning with a letter and not ending with a hyphen",
        )


def object_faults(path: str, text: object, what: str) -> Iterator[Fault]:
    """Of the name of an object in the cluster, such as a Secret; `what` says of which kind."""
    if isinstance(text, str) and (len(text) > LONGEST_SUBDOMAIN or not _SUBDOMAIN.fullmatch(text)):
        article = "an" if what[0] in "AEIOU" else "a"
        yield Fault(
            path,
            f"`{text}` is no legal name of {article} {what}: at most {LONGEST_SUBDOMAIN} lower-case letters, digits, "
            "hyphens and dots, each part beginning and ending with a letter or digit",
        )


def namespace_faults(path: str, text: object) -> Iterator[Fault]:
    """Of a namespace's name."""
    if isinstance(text, str) and (len(text) > LONGEST_LABEL or not re.fullmatch(_DNS_LABEL, text)):
        yield Fault(
            path,
            f"`{text}` is no legal name of a namespace: at most {LONGEST_LABEL} lower-case letters, digits and "
            "hyphens, beginning and ending with a letter or digit",
        )


def host_faults(path: str, text: object) -> Iterator[Fault]:
    """Of a name in the DNS that clients ask for."""
    if not isinstance(text, str):
        return
    labels = text.split(".")
    fits = len(text) <= LONGEST_SUBDOMAIN and max(map(len, labels)) <= LONGEST_LABEL
    # An Ingress refuses addresses; no domain at the DNS's top is a number, so such a name is one.
    if not fits or not _SUBDOMAIN.fullmatch(text) or labels[-1].isdigit():
        yield Fault(
            path,
            f"`{text}` is no legal host: must be a DNS name in lower case such as chat.example.com, without scheme, "
            "port, path or `*`, and no IP address",
        )


def key_faults(path: str, text: object) -> Iterator[Fault]:
    """Of the key of a label, annotation, node label or taint."""
    if not isinstance(text, str):
        return
    prefix, slash, name = text.rpartition("/")
    legal = len(name) <= LONGEST_LABEL and _QUALIFIED.fullmatch(name)
    if slash:
        legal = legal and len(prefix) <= LONGEST_SUBDOMAIN and _SUBDOMAIN.fullmatch(prefix)
    if not legal:
        yield Fault(
            path,
            f"`{text}` is no legal key: must be [PREFIX/]NAME, the name of at most {LONGEST_LABEL} letters, digits, "
            "`-`, `_` and `.`, beginning and ending with a letter or digit, the prefix a DNS name in lower case",
        )


def label_value_faults(path: str, text: object) -> Iterator[Fault]:
    """Of the value of a label, node label or taint."""
    if isinstance(text, str) and text and (len(text) > LONGEST_LABEL or not _QUALIFIED.fullmatch(text)):
        yield Fault(
            path,
            f"`{text}` is no legal value of a label: at most {LONGEST_LABEL} letters, digits, `-`, `_` and `.`, "
            "beginning and ending with a letter or digit",
        )


def variable_faults(path: str, text: object) -> Iterator[Fault]:
    """Of the name of an environment variable."""
    if isinstance(text, str) and not _VARIABLE.fullmatch(text):
        yield Fault(path, f"`{text}` is no legal name of a variable: letters, digits and `_`, no digit first")


def registry_faults(path: str, text: object) -> Iterator[Fault]:
    """Of a registry's host."""
    if isinstance(text, str) and not _REGISTRY.fullmatch(text):
        yield Fault(path, f"`{text}` is no registry: must be HOST or HOST:PORT in lower case, no scheme, no path")


def digest_faults(path: str, text: object) -> Iterator[Fault]:
    """Of a digest."""
    if isinstance(text, str) and not _DIGEST.fullmatch(text):
        yield Fault(path, f"`{text}` is no digest: must be `sha256:` and 64 lower-case hex digits")


def image_parts(text: object) -> tuple[str | None, str | None] | None:
    """Tag and digest of an image's reference; None where it is none."""
    found = _IMAGE.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else (found["tag"], found["digest"])


def url_faults(path: str, text: object) -> Iterator[Fault]:
    """Of the address of a server, without a path."""
    if not isinstance(text, str):
        return
    if _has_user(text):
        yield Fault(path, "holds a user or password; configuration is stored in clear. Use a URL without credentials")
    elif not is_url(text) or urlsplit(text).path not in ("", "/"):
        yield Fault(path, f"`{text}` is no legal URL: must be `http://HOST[:PORT]` or `https://HOST[:PORT]`, no path")


def is_url(text: str) -> bool:
    """Whether `text` is an http or https URL without user, query and fragment."""
    try:
        parts = urlsplit(text)
        legal = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return legal and not (parts.query or parts.fragment or "@" in parts.netloc or re.search(r"\s", text))


def _has_user(text: str) -> bool:
    try:
        return "@" in urlsplit(text).netloc
    except ValueError:
        return False


def quantity_faults(path: str, text: object, parse: Callable[[str], object]) -> Iterator[Fault]:
    """Of a Kubernetes quantity."""
    if isinstance(text, str):
        try:
            parse(text)
        except ValueError as error:
            yield Fault(path, f"`{text}` is no legal quantity: {error}")


def duration_faults(path: str, text: object) -> Iterator[Fault]:
    """Of a duration as Ollama reads it."""
    if isinstance(text, str):
        try:
            parse_duration(text)
        except ValueError as error:
            yield Fault(path, f"`{text}` is no legal duration: {error}")


def range_faults(path: str, text: object) -> Iterator[Fault]:
    """Of an address range, as a network policy takes it: Python alone would take `10.0.0.1` and netmasks too."""
    if not isinstance(text, str):
        return
    address, slash, prefix = text.partition("/")
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        yield Fault(path, f"must be an address range such as 10.0.0.0/24: {error}")
        return
    if not slash or prefix != str(network.prefixlen) or "%" in address:
        yield Fault(path, f"must be an address range such as 10.0.0.0/24: `{text}` has no plain prefix length")


def number_faults(path: str, value: object, low: int, high: int) -> Iterator[Fault]:
    """Of a whole number from `low` to `high`."""
    if isinstance(value, int) and not isinstance(value, bool) and not low <= value <= high:
        yield Fault(path, f"must be from {low} to {high}, not {value}")
