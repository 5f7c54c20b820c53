"""Names and digests.

Proves: what is legal by the grammar and limits of Ollama 0.17.4, and the message of each refusal. Does not
prove that a running server agrees; tests/ollama compares case there.
"""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ollama import ConfigurationError, ModelName, parse_digest

FIRST = string.ascii_letters + string.digits + "_"


def part(more: str, limit: int = 80) -> st.SearchStrategy[str]:
    rest = st.text(FIRST + more, max_size=limit - 1)
    return st.tuples(st.sampled_from(FIRST), rest).map("".join)


HOSTS, NAMESPACES, MODELS = part("-.:", 350), part("-"), part("-.")


@pytest.mark.parametrize(
    ("text", "full", "short"),
    [
        ("smollm2", "registry.ollama.ai/library/smollm2:latest", "smollm2:latest"),
        ("smollm2:135m", "registry.ollama.ai/library/smollm2:135m", "smollm2:135m"),
        ("me/mine", "registry.ollama.ai/me/mine:latest", "me/mine:latest"),
        ("hf.co/a/b:Q4_K_M", "hf.co/a/b:Q4_K_M", "hf.co/a/b:Q4_K_M"),
        ("127.0.0.1:5000/library/x:1", "127.0.0.1:5000/library/x:1", "127.0.0.1:5000/library/x:1"),
        ("https://registry.ollama.ai/library/x", "registry.ollama.ai/library/x:latest", "x:latest"),
        ("Registry.Ollama.AI/Library/X:Y", "Registry.Ollama.AI/Library/X:Y", "X:Y"),
        ("_m.-_:_.-", "registry.ollama.ai/library/_m.-_:_.-", "_m.-_:_.-"),
    ],
)
def test_forms(text: str, full: str, short: str) -> None:
    name = ModelName.parse(text)
    assert (name.full, name.short, str(name)) == (full, short, short)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the model is empty"),
        ("a:", "the tag is empty"),
        (":a", "the model is empty"),
        ("/a", "the namespace is empty"),
        ("a/", "the model is empty"),
        ("//a", "the host is empty"),
        ("https://a", "the namespace is empty"),
        ("a b", "the model `a b` has characters"),
        ("-a", "the model `-a` has characters"),
        (".a", "the model `.a` has characters"),
        ("größe", "the model `größe` has characters"),
        ("a\n", "the model `a\n` has characters"),
        ("a:b:c", "the model `a:b` has characters"),
        ("a/b/c/d", "the host `a/b` has characters"),
        ("a.b/c", "a host needs a namespace after it, as in `a.b/library/c`"),
        ("host:5000/model", "a host needs a namespace after it, as in `host:5000/library/model`"),
        ("[::1]:5000/library/x", "the host `[::1]:5000` has characters"),
        ("a" * 81, "the model has 81 bytes, at most 80 are legal"),
        ("a:" + "b" * 81, "the tag has 81 bytes"),
        ("n" * 81 + "/a", "the namespace has 81 bytes"),
        ("h" * 351 + "/n/a", "the host has 351 bytes, at most 350"),
        ("-:-", "the model `-` has characters that are not legal there; the tag `-` has"),
    ],
)
def test_refusals_name_the_part_and_the_grammar(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ModelName.parse(text)
    assert says in caught.value.message
    assert "[host/][namespace/]model[:tag]" in caught.value.hint


def test_the_longest_parts_are_legal() -> None:
    text = f"{'h' * 350}/{'n' * 80}/{'m' * 80}:{'t' * 80}"
    assert ModelName.parse(text).full == text
    assert ModelName.parse(f"{'h' * 344}:65535/n/m:t").host.endswith(":65535")


def test_a_digest_in_a_name_is_sent_to_its_field() -> None:
    with pytest.raises(ConfigurationError) as caught:
        ModelName.parse("smollm2@sha256:abc")
    assert "cannot pull by digest" in caught.value.message
    assert "leave `@sha256:abc` out of the name and set it as the model's `digest`" in caught.value.hint


@given(HOSTS, NAMESPACES, MODELS, MODELS)
def test_every_whole_name_is_read_back(host: str, namespace: str, model: str, tag: str) -> None:
    name = ModelName.parse(f"{host}/{namespace}/{model}:{tag}")
    assert (name.host, name.namespace, name.model, name.tag) == (host, namespace, model, tag)
    assert ModelName.parse(name.full) == name
    assert ModelName.parse(name.short).key == name.key
    assert ModelName.parse(f"http://{name.full}") == name


@given(MODELS, MODELS)
def test_case_does_not_count(model: str, tag: str) -> None:
    text = f"{model}:{tag}"
    assert ModelName.parse(text.upper()).key == ModelName.parse(text.lower()).key
    assert ModelName.parse(text).full.endswith(f"/{text}")


@given(st.text(max_size=400))
def test_any_text_is_a_legal_name_or_refused(text: str) -> None:
    try:
        name = ModelName.parse(text)
    except ConfigurationError:
        return
    assert name.full.isascii()
    assert ModelName.parse(name.full) == name


@pytest.mark.parametrize(
    ("text", "remote"), [("a:cloud", True), ("a:120b-Cloud", True), ("a:clouds", False), ("cloud:1", False)]
)
def test_remote_tags(text: str, remote: bool) -> None:
    assert ModelName.parse(text).remote is remote


HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(HEX)
def test_digests(digits: str) -> None:
    assert parse_digest(digits) == parse_digest(f"sha256:{digits}") == f"sha256:{digits}"


@given(st.text(max_size=80))
def test_no_other_text_is_a_digest(text: str) -> None:
    assume(len(text.removeprefix("sha256:").removeprefix("sha256-")) != 64)
    with pytest.raises(ConfigurationError, match="64 lower-case hex digits"):
        parse_digest(text)


@pytest.mark.parametrize("text", ["A" * 64, "sha512:" + "0" * 64, "0" * 12, "0" * 65, ""])
def test_near_digests_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a digest"):
        parse_digest(text)
