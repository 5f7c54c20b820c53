"""What comes in a path cannot leave its folder, for any text."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import InvalidRequestError
from model_store.names import Digest, check_repository, parse_reference, parse_upload_id

TEXT = st.one_of(st.text(max_size=40), st.from_regex(r"[A-Za-z0-9._/@:-]{1,30}", fullmatch=True))


@given(TEXT)
def test_repository_is_a_plain_path_or_refused(text: str) -> None:
    try:
        checked = check_repository(text)
    except InvalidRequestError:
        return
    assert checked == text
    parts = PurePosixPath("/root", checked).parts
    assert parts[:2] == ("/", "root")
    assert not {"..", ".", "", "@tags", "@digests"} & set(text.split("/"))


@given(TEXT)
def test_reference_is_one_file_name_or_refused(text: str) -> None:
    try:
        reference = parse_reference(text)
    except InvalidRequestError:
        return
    assert str(reference) == text
    assert "/" not in text
    assert text not in {".", ".."}


@pytest.mark.parametrize("text", ["library/smollm2", "hf.co/Foo/Bar-GGUF", "a", "_x/y.z"])
def test_repositories_that_ollama_sends(text: str) -> None:
    assert check_repository(text) == text


@pytest.mark.parametrize("text", ["sha256:abc", "sha512:" + "a" * 64, "sha256:" + "A" * 64, "", "a" * 64, "sha256:"])
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="64 lower-case hex"):
        Digest.parse(text)


def test_digest_and_upload_id_round_trip() -> None:
    assert str(Digest.parse("sha256:" + "0f" * 32)) == "sha256:" + "0f" * 32
    assert parse_upload_id("0a" * 16) == "0a" * 16
    with pytest.raises(InvalidRequestError):
        parse_upload_id("../" + "a" * 29)
