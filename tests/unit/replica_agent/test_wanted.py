"""Reading the wanted list's text, and the waits between tries to follow it.

Not shown: the following itself; tests/replica_agent/test_list.py shows that with a running agent.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama.document import Pull, WantedDocument, WantedEntry, dump, revision
from replica_agent.wanted import ListError, read_list, wait_s

TEXT = dump(WantedDocument(models=(WantedEntry(name="a:1", pull=Pull(source="store/library/a:1")),)))


def test_a_list_and_its_revision() -> None:
    found = read_list(TEXT, "the list")
    assert [entry.name for entry in found.document.models] == ["a:1"]
    assert found.revision == revision(TEXT)
    assert read_list("{}", "the list").document.models == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "(the document)"),
        ("[]", "(the document)"),
        ('{"version": 2}', "version"),
        ('{"models": [{}]}', "models.0.name"),
        ('{"models": [{"name": "a", "colour": 1}]}', "models.0.colour"),
    ],
)
def test_what_is_no_list_is_named(text: str, said: str) -> None:
    with pytest.raises(ListError) as caught:
        read_list(text, "the list")
    assert str(caught.value).startswith("the list is not a wanted list: ")
    assert said in str(caught.value)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read_list(text, "the list")
    except ListError:
        return
    assert found.revision == revision(text)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_grow_and_are_bounded(failures: int, jitter: float) -> None:
    assert 0.25 <= wait_s(failures, jitter) <= 30
    assert wait_s(failures, 0) <= wait_s(failures + 1, 0)
