"""Who is shown credentials, and what of them comes into words: nobody else, and nothing.

That requests carry them so is shown with a real registry in tests/model_store.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from model_store.config import UpstreamConfig
from model_store.credentials import Credentials, CredentialsError, Login, same_origin, shown_to


def upstream(host: str) -> UpstreamConfig:
    return UpstreamConfig.model_validate(
        {"host": host, "alias": "a", "endpoints": ["https://a"], "credentialsFile": "/secret"}
    )


@pytest.mark.parametrize(
    ("host", "endpoint", "shown"),
    [
        ("r.example.com", "https://r.example.com", True),
        ("R.example.com", "https://r.EXAMPLE.com:443", True),
        ("r.example.com:5443", "https://r.example.com:5443", True),
        ("r.example.com", "http://r.example.com", False),
        ("r.example.com", "https://r.example.com:8443", False),
        ("r.example.com", "https://mirror.example.com", False),
        ("r.example.com", "https://r.example.com.evil.test", False),
        ("r.example.com", "http://127.0.0.1", False),
        ("127.0.0.1:5000", "http://127.0.0.1:5000", True),
        ("localhost:5000", "http://localhost:5000", True),
        ("registry.team.svc:5000", "http://registry.team.svc:5000", True),
        ("registry.team.svc.cluster.local", "http://registry.team.svc.cluster.local", True),
        ("registry.team.svc.cluster.local", "http://registry.other.svc.cluster.local", False),
        ("svc.cluster.local.evil.test", "http://svc.cluster.local.evil.test", False),
        ("10.0.0.1", "http://10.0.0.1", False),
    ],
)
def test_who_is_shown_them(host: str, endpoint: str, shown: bool) -> None:
    assert (shown_to(upstream(host), endpoint) is not None) is shown


def test_an_upstream_without_any_shows_none() -> None:
    plain = UpstreamConfig.model_validate({"host": "a", "alias": "a", "endpoints": ["https://a"]})
    assert shown_to(plain, "https://a") is None


def test_pair_or_token(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pass word\n")
    assert Credentials(tmp_path).read().header == "Bearer pass word"
    (tmp_path / "username").write_text("me\r\n")
    assert Credentials(tmp_path).read().header == "Basic bWU6cGFzcyB3b3Jk"


@pytest.mark.parametrize(
    ("username", "password", "words"),
    [
        ("me", None, "password is missing or empty"),
        ("me", "", "password is missing or empty"),
        ("a:b", "secret-1", "no `:`"),
        ("me", "secret\n-1", "one line each"),
        (None, "secret-ü", "no header can carry"),
    ],
)
def test_faults_hold_nothing_of_what_is_in_the_files(
    username: str | None, password: str | None, words: str, tmp_path: Path
) -> None:
    for name, text in (("username", username), ("password", password)):
        if text is not None:
            (tmp_path / name).write_text(text)
    with pytest.raises(CredentialsError, match=words) as caught:
        Credentials(tmp_path).read()
    assert "secret-" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_folder_in_place_of_a_file_and_no_text(tmp_path: Path) -> None:
    (tmp_path / "password").mkdir()
    with pytest.raises(CredentialsError, match="directory"):
        Credentials(tmp_path).read()
    (tmp_path / "password").rmdir()
    (tmp_path / "password").write_bytes(b"\xff\xfe")
    with pytest.raises(CredentialsError, match="UTF-8"):
        Credentials(tmp_path).read()


def test_a_login_is_not_printed() -> None:
    assert "s3cret" not in repr(Login("me", "s3cret"))
    assert "me" not in repr(Login("me", "s3cret"))


def test_origin() -> None:
    assert same_origin("https://a/v2/x?y=1", "https://A:443")
    assert not same_origin("http://a/", "https://a")
    assert not same_origin("https://a:1/", "https://a")
