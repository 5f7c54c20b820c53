"""Names, ranges and addresses: what each grammar takes, checked against an independent reading of the same rules.

Not proved: that the API server, whose rules these are, has not changed them.
"""

import ipaddress
import string
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.settings import grammar
from components.settings.faults import Fault

Grammar = Callable[[str, object], Iterator[Fault]]

LOWER = string.ascii_lowercase + string.digits
ALNUM = string.ascii_letters + string.digits


def ok(check: Grammar, text: object) -> bool:
    found = list(check("here", text))
    assert all(fault.path == "here" and fault.problem for fault in found)
    return not found


def is_label(text: str) -> bool:
    inner = set(text) <= set(LOWER + "-")
    return 0 < len(text) <= 63 and inner and text[0] in LOWER and text[-1] in LOWER


def secret(path: str, text: object) -> Iterator[Fault]:
    return grammar.object_faults(path, text, "Secret")


LIKELY = st.text(st.sampled_from("aZ09.-_/:* "), max_size=12)


@given(LIKELY | st.text(max_size=5))
def test_names_of_objects(text: str) -> None:
    parts = text.split(".")
    inner = all(part and set(part) <= set(LOWER + "-") and part[0] in LOWER and part[-1] in LOWER for part in parts)
    assert ok(secret, text) == inner


@given(LIKELY)
def test_namespaces(text: str) -> None:
    assert ok(grammar.namespace_faults, text) == is_label(text)


@given(LIKELY)
def test_names_that_others_are_made_from(text: str) -> None:
    legal = is_label(text) and text[0] in string.ascii_lowercase
    assert ok(grammar.name_faults, text) == legal


@given(LIKELY)
def test_hosts(text: str) -> None:
    parts = text.split(".")
    assert ok(grammar.host_faults, text) == (all(map(is_label, parts)) and not parts[-1].isdigit())


@given(LIKELY)
def test_values_of_labels(text: str) -> None:
    legal = set(text) <= set(ALNUM + "-_.") and (not text or (text[0] in ALNUM and text[-1] in ALNUM))
    assert ok(grammar.label_value_faults, text) == legal


@given(LIKELY, LIKELY)
def test_keys(prefix: str, name: str) -> None:
    """A key without a prefix has the grammar of a value that is not empty; a prefix is a name of the DNS."""
    plain = bool(name) and ok(grammar.label_value_faults, name)
    assert ok(grammar.key_faults, name) == (plain if "/" not in name else ok(grammar.key_faults, name))
    if "/" not in name and "/" not in prefix:
        assert ok(grammar.key_faults, f"{prefix}/{name}") == (plain and ok(secret, prefix))
        assert not ok(grammar.key_faults, f"a/{prefix}/{name}")


@given(st.text(st.sampled_from("aZ_09-.= "), max_size=6))
def test_variables(text: str) -> None:
    legal = bool(text) and not text[0].isdigit() and set(text) <= set(ALNUM + "_")
    assert ok(grammar.variable_faults, text) == legal


@pytest.mark.parametrize(
    ("check", "longest"),
    [
        (secret, 253),
        (grammar.namespace_faults, 63),
        (grammar.name_faults, 40),
        (grammar.label_value_faults, 63),
        (grammar.key_faults, 63),
    ],
)
def test_lengths(check: Grammar, longest: int) -> None:
    assert ok(check, "a" * longest)
    assert not ok(check, "a" * (longest + 1))


def test_a_host_is_limited_as_a_whole_and_in_its_parts() -> None:
    part = "a" * 63
    whole = ".".join([part, part, part, "a" * 61])
    assert len(whole) == 253
    assert ok(grammar.host_faults, whole)
    assert not ok(grammar.host_faults, f"{whole}a")
    assert not ok(grammar.host_faults, f"{part}a.example.com")


@given(st.ip_addresses(), st.integers(0, 128))
def test_ranges(address: ipaddress.IPv4Address | ipaddress.IPv6Address, prefix: int) -> None:
    """A range is legal with no bit behind its prefix, written with one, and with nothing else."""
    length = min(prefix, address.max_prefixlen)
    network = ipaddress.ip_network(f"{address}/{length}", strict=False)
    assert ok(grammar.range_faults, str(network))
    assert ok(grammar.range_faults, f"{address}/{length}") == (address == network.network_address)
    assert not ok(grammar.range_faults, str(address))
    assert not ok(grammar.range_faults, f"{network.network_address}/{network.netmask}")
    assert not ok(grammar.range_faults, f"{network.network_address}/{address.max_prefixlen + 1}")
    assert not ok(grammar.range_faults, f"{network.network_address}/0{length}")


@given(st.text(st.sampled_from("0129./:f%-"), max_size=20))
def test_what_is_no_range_is_told_and_breaks_nothing(text: str) -> None:
    if ok(grammar.range_faults, text):
        assert str(ipaddress.ip_network(text).prefixlen) == text.rpartition("/")[2]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ollama:1", ("1", None)),
        ("a/b/c:v1.0-x", ("v1.0-x", None)),
        ("localhost:5000/a", (None, None)),
        ("r.io:5000/a_b/c-d:1", ("1", None)),
        ("a@sha256:" + "0" * 64, (None, "sha256:" + "0" * 64)),
        ("a:1@sha256:" + "0" * 64, ("1", "sha256:" + "0" * 64)),
        ("A:1", None),
        ("a:", None),
        ("a@sha256:0", None),
        ("a//b:1", None),
        ("a b:1", None),
        ("", None),
        (1, None),
    ],
)
def test_images(text: object, parts: object) -> None:
    assert grammar.image_parts(text) == parts


@pytest.mark.parametrize(
    "text", ["http://h", "https://h:1/", "http://[::1]:11434", "http://10.0.0.1", "HTTP://H", "http://h:65535"]
)
def test_urls(text: str) -> None:
    assert ok(grammar.url_faults, text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "h", "h:1", "//h", "ftp://h", "http://", "http://h:0", "http://h:65536", "http://h:x", "http://[::1"),
        *("http://h?q", "http://h#f", "http://h/x", "http://u@h", "http://h h"),
    ],
)
def test_no_urls(text: str) -> None:
    assert not ok(grammar.url_faults, text)


@pytest.mark.parametrize("value", [None, 1, True, 1.5, [], {}])
def test_another_type_is_left_to_the_shape(value: object) -> None:
    checks = [grammar.name_faults, secret, grammar.namespace_faults, grammar.host_faults, grammar.key_faults]
    checks += [grammar.label_value_faults, grammar.variable_faults, grammar.registry_faults, grammar.digest_faults]
    checks += [grammar.url_faults, grammar.duration_faults, grammar.range_faults]
    assert all(ok(check, value) for check in checks)


@given(st.integers())
def test_numbers(value: int) -> None:
    assert (not list(grammar.number_faults("here", value, -3, 7))) == (-3 <= value <= 7)


def test_a_truth_is_no_number() -> None:
    assert list(grammar.number_faults("here", value=True, low=5, high=7)) == []
