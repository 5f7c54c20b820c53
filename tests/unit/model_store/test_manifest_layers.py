"""Reading the blobs out of a manifest: Ollama's own shapes pass, a login page does not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import InvalidRequestError
from model_store.manifests import layers_of
from model_store.names import Digest

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def test_layers_and_config() -> None:
    body = {"schemaVersion": 2, "config": {"digest": A, "size": 5}, "layers": [{"digest": B, "size": 7}]}
    assert layers_of(json.dumps(body).encode()) == {Digest.parse(A): 5, Digest.parse(B): 7}


def test_empty_config_as_ollama_writes_it() -> None:
    body: dict[str, object] = {"schemaVersion": 2, "config": {"digest": "", "mediaType": "", "size": 0}, "layers": []}
    assert layers_of(json.dumps(body).encode()) == {}


@pytest.mark.parametrize(
    "body",
    [b"<html>log in</html>", b"[]", b"{}", b'{"schemaVersion": 1, "layers": []}', b'{"schemaVersion": 2}',
     b'{"schemaVersion": 2, "layers": [{"digest": "", "size": 1}]}',
     b'{"schemaVersion": 2, "layers": [{"digest": "x", "size": -1}]}', b"\xff\xfe"],
)  # fmt: skip
def test_what_is_no_manifest(body: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        layers_of(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        layers = layers_of(body)
    except InvalidRequestError:
        return
    assert all(size >= 0 for size in layers.values())
