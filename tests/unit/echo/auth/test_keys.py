"""Keys are found by their hash, and signatures of the `ollama` command by their key, time and path.

Not shown: that the command signs so; tests/echo has the real one.
"""

from __future__ import annotations

import base64
import json
import struct
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from echo.auth.keys import SKEW_S, KeyEntry, Keys, digest, load, parse_public_key
from echo.auth.principal import AuthError
from replica_agent.fields import ConfigError


class Signer:
    """Signs as the `ollama` command does."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        raw = self._key.public_key().public_bytes_raw()
        kind = b"ssh-ed25519"
        blob = struct.pack(">I", len(kind)) + kind + struct.pack(">I", len(raw)) + raw
        self.public = base64.b64encode(blob).decode()

    def sign(self, method: str, path: str, at: int) -> str:
        signature = self._key.sign(f"{method},{path}?ts={at}".encode())
        return f"{self.public}:{base64.b64encode(signature).decode()}"


def entry(**fields: object) -> KeyEntry:
    return KeyEntry.model_validate({"name": "laptop", **fields})


def reason_of(error: pytest.ExceptionInfo[AuthError]) -> str:
    return error.value.reason


@given(st.text(), st.text())
def test_a_key_is_found_by_itself_alone(one: str, other: str) -> None:
    keys = Keys([KeyEntry(name="a", sha256=digest(one))])
    assert keys.of_key(one).name == "a"
    if one != other:
        with pytest.raises(AuthError):
            keys.of_key(other)


def test_the_hash_is_no_key() -> None:
    keys = Keys([KeyEntry(name="a", sha256=digest("secret"))])
    with pytest.raises(AuthError) as found:
        keys.of_key(digest("secret"))
    assert reason_of(found) == "unknown_key"


def test_roles_and_limits_come_with_the_key() -> None:
    found_in = KeyEntry.model_validate(
        {"name": "a", "sha256": digest("k"), "roles": ["operator"], "requestsPerMinute": 3.0, "concurrent": 2}
    )
    found = Keys([found_in]).of_key("k")
    assert (found.roles, found.requests_per_minute, found.concurrent) == ({"operator"}, 3.0, 2)


def test_a_signature_lets_in() -> None:
    signer, now = Signer(), int(time.time())
    keys = Keys([entry(publicKey=f"ssh-ed25519 {signer.public} me@laptop")])
    assert keys.of_signature(signer.sign("POST", "/api/chat", now), "POST", "/api/chat", str(now)).name == "laptop"


@pytest.mark.parametrize(
    ("method", "path", "shift", "reason"),
    [
        ("GET", "/api/chat", 0, "bad_signature"),
        ("POST", "/api/generate", 0, "bad_signature"),
        ("POST", "/api/chat", 1, "bad_signature"),
        ("POST", "/api/chat", SKEW_S + 5, "expired"),
        ("POST", "/api/chat", -SKEW_S - 5, "expired"),
    ],
)
def test_a_signature_of_another_request_does_not(method: str, path: str, shift: int, reason: str) -> None:
    signer, now = Signer(), int(time.time())
    keys = Keys([entry(publicKey=f"ssh-ed25519 {signer.public}")])
    signed = signer.sign("POST", "/api/chat", now)
    with pytest.raises(AuthError) as found:
        keys.of_signature(signed, method, path, str(now + shift))
    assert reason_of(found) == reason


def test_an_old_signature_is_refused_though_it_fits() -> None:
    signer, then = Signer(), int(time.time()) - SKEW_S - 5
    keys = Keys([entry(publicKey=f"ssh-ed25519 {signer.public}")])
    with pytest.raises(AuthError) as found:
        keys.of_signature(signer.sign("POST", "/api/chat", then), "POST", "/api/chat", str(then))
    assert reason_of(found) == "expired"


def test_a_stranger_signs_in_vain() -> None:
    now = int(time.time())
    keys = Keys([entry(publicKey=f"ssh-ed25519 {Signer().public}")])
    with pytest.raises(AuthError) as found:
        keys.of_signature(Signer().sign("POST", "/api/chat", now), "POST", "/api/chat", str(now))
    assert reason_of(found) == "unknown_key"


@given(st.text(max_size=300), st.text(max_size=20))
def test_nonsense_is_refused_and_nothing_else_happens(credentials: str, at: str) -> None:
    keys = Keys([entry(publicKey=f"ssh-ed25519 {Signer().public}")])
    with pytest.raises(AuthError):
        keys.of_signature(credentials, "POST", "/api/chat", at)


@pytest.mark.parametrize("text", ["", "ssh-rsa AAAA", "ssh-ed25519", "ssh-ed25519 ####", "ssh-ed25519 AAAA"])
def test_what_is_no_public_key(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be the line|is no public key"):
        parse_public_key(text)


def test_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [{"name": "a", "sha256": digest("k")}]}))
    assert load(file).of_key("k").roles == {"user"}
    assert load(None).principals == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"keys": [{"name": "a"}]}, "either `sha256` or `publicKey`"),
        ({"keys": [{"name": "a", "sha256": "x"}]}, "keys.0.sha256"),
        ({"keys": [{"name": "A b", "sha256": digest("k")}]}, "keys.0.name"),
        ({"keys": [{"name": "a", "sha256": digest("k"), "roles": ["root"]}]}, "keys.0.roles"),
        ({"keys": [{"name": "a", "sha256": digest("k")}] * 2}, "more than once: a"),
        ({"clés": []}, "clés"),
    ],
)
def test_a_wrong_file_is_refused_without_its_content(tmp_path: Path, content: object, told: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=told) as found:
        load(file)
    assert digest("k") not in str(found.value)
