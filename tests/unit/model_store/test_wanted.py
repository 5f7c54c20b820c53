"""The list of wanted models: its grammar, what it matches, and when it is read again.

That nothing is collected without it is shown on a running store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.metrics import Metrics
from model_store.wanted import Wanted, WantedFile, WantedListError, WantedModel, parse

DIGEST = "sha256:" + "a" * 64
ONE = {"host": "hf.co", "repository": "bartowski/Llama-3.2-1B-Instruct-GGUF", "reference": "Q4_K_M", "digest": DIGEST}


def wanted(*models: Mapping[str, object]) -> Wanted:
    found = parse(json.dumps({"models": list(models)}), "w").models
    return Wanted.of(found, {"hf.co": "hf-co"})


def test_by_tag_or_digest_without_regard_to_case() -> None:
    found = wanted(ONE)
    assert found.has("hf-co", "BARTOWSKI/llama-3.2-1b-instruct-gguf", ["q4_k_m"])
    assert found.has("hf-co", "bartowski/Llama-3.2-1B-Instruct-GGUF", ["other", DIGEST])
    assert not found.has("hf-co", "bartowski/Llama-3.2-1B-Instruct-GGUF", ["Q8_0"])
    assert not found.has("other", "bartowski/Llama-3.2-1B-Instruct-GGUF", ["Q4_K_M"])


def test_alias_in_place_of_host_and_a_host_that_is_no_upstream() -> None:
    found = wanted(
        {"alias": "x", "repository": "a/b", "reference": "1"},
        {"host": "gone.test", "repository": "a/b", "reference": "1"},
    )
    assert found.count == 2
    assert found.references == {("x", "a/b", "1")}


def test_all_faults_come_together() -> None:
    bad = {
        "version": 2,
        "models": [
            {"repository": "../x", "reference": "a b", "digest": "md5:1"},
            {"host": "a", "alias": "a", "repository": "a", "reference": "1"},
        ],
    }
    with pytest.raises(WantedListError) as caught:
        parse(json.dumps(bad), "wanted.json")
    for words in (
        "wanted.json has 5 fault(s)", "version", "models.0.repository", "models.0.reference", "models.0.digest",
        "exactly one of `host` and `alias`",
    ):  # fmt: skip
        assert words in str(caught.value)


@given(st.text() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_whatever_is_no_list_is_a_fault_and_nothing_else(text: str) -> None:
    with pytest.raises(WantedListError):
        parse(text, "w")


def test_read_again_when_it_changes_and_none_while_it_is_broken(tmp_path: Path) -> None:
    path, metrics = tmp_path / "wanted.json", Metrics()
    file = WantedFile(path, {"HF.co": "hf-co"}, metrics)
    assert file.current() is None
    assert "cannot read" in str(file.fault)
    path.write_text(json.dumps({"models": [ONE]}))
    first = file.current()
    assert first is not None
    assert first is file.current(), "an unchanged file is not read again"
    new = tmp_path / "new"
    new.write_text(json.dumps({"models": []}))
    new.replace(path)
    second = file.current()
    assert second is not None
    assert second.references == frozenset()
    path.write_text("{")
    assert file.current() is None, "the last good list must not outlive a broken one"
    assert metrics.wanted_ok.collect()
    path.write_text(json.dumps({"models": [ONE]}))
    assert file.current() == first


def test_a_model_has_one_registry() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        WantedModel(repository="a", reference="1")
