"""How the answers of several endpoints become one: the registry itself decides."""

from __future__ import annotations

import errno
import json

import pytest

from model_store.errors import (
    Attempt,
    InsufficientStorageError,
    ManifestUnknownError,
    UpstreamFailedError,
    UpstreamRefusedError,
    VolumeError,
    verdict,
    volume_error,
)

DOWN = Attempt("http://mirror", "cannot connect: Connection refused")


def answered(status: int) -> Attempt:
    return Attempt("https://registry", f"HTTP {status}", status)


def test_registry_without_it_is_a_404_even_when_the_mirror_is_down() -> None:
    error = verdict("manifest a/b:c", [DOWN, answered(404)], ManifestUnknownError)
    assert isinstance(error, ManifestUnknownError)
    assert error.status == 404


def test_mirror_without_it_proves_nothing() -> None:
    error = verdict("manifest a/b:c", [answered(404), DOWN], ManifestUnknownError)
    assert isinstance(error, UpstreamFailedError)
    assert error.status == 502


@pytest.mark.parametrize(("status", "passed"), [(401, 403), (403, 403), (412, 412), (400, 400)])
def test_refusal_is_passed_on_but_never_as_401(status: int, passed: int) -> None:
    error = verdict("manifest a/b:c", [answered(status)], ManifestUnknownError)
    assert isinstance(error, UpstreamRefusedError)
    assert error.status == passed


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_overload_is_no_answer(status: int) -> None:
    assert isinstance(verdict("x", [answered(status)], ManifestUnknownError), UpstreamFailedError)


def test_body_names_every_endpoint_and_why() -> None:
    document = json.loads(verdict("manifest a/b:c", [DOWN, answered(503)], ManifestUnknownError).body())
    error = document["errors"][0]
    assert error["code"] == "UPSTREAM_UNAVAILABLE"
    assert "http://mirror: cannot connect: Connection refused; https://registry: HTTP 503" in error["message"]
    assert [e["status"] for e in error["detail"]["endpoints"]] == [None, 503]


def test_full_volume_is_told_from_a_broken_one() -> None:
    assert isinstance(volume_error("x", OSError(errno.ENOSPC, "No space left")), InsufficientStorageError)
    assert isinstance(volume_error("x", OSError(errno.EIO, "I/O error")), VolumeError)
