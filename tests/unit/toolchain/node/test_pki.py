"""Proves which certificates are issued when, and with the real openssl that they fit together.

It does not prove that Kubernetes accepts them; a starting node does (tests/integration).
"""

from __future__ import annotations

import json
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.node import pki
from toolchain.node.pki import DAY_S, Certificate

NOW = 1_800_000_000.0
WANTED = pki.wanted("echorator-x")


def issued(days_left: float) -> dict[str, dict[str, object]]:
    return {c.name: {"subject": c.subject, "sans": list(c.sans), "not_after": NOW + days_left * DAY_S} for c in WANTED}


def test_everything_is_due_at_first() -> None:
    assert pki.due(WANTED, {}, {c.name for c in WANTED}, NOW) == list(WANTED)


@settings(deadline=None)
@given(st.floats(min_value=30.001, max_value=4000))
def test_nothing_is_due_while_more_than_thirty_days_are_left(days: float) -> None:
    assert pki.due(WANTED, issued(days), set(), NOW) == []


@settings(deadline=None)
@given(st.floats(min_value=-100, max_value=29.999))
def test_everything_is_due_with_less_than_thirty_days_left(days: float) -> None:
    assert pki.due(WANTED, issued(days), set(), NOW) == list(WANTED)


def test_one_missing_file_renews_one_certificate() -> None:
    assert [c.name for c in pki.due(WANTED, issued(100), {"kubelet"}, NOW)] == ["kubelet"]


def test_a_renewed_authority_renews_all_that_it_signed() -> None:
    assert {c.name for c in pki.due(WANTED, issued(100), {"etcd-ca"}, NOW)} == {"etcd-ca", "etcd", "etcd-client"}


def test_another_name_or_subject_renews() -> None:
    moved = (Certificate("a", "a", "/CN=new"), Certificate("b", "b", "/CN=b", ("DNS:new",)))
    known: dict[str, dict[str, object]] = {
        "a": {"subject": "/CN=old", "sans": [], "not_after": NOW + 100 * DAY_S},
        "b": {"subject": "/CN=b", "sans": ["DNS:old"], "not_after": NOW + 100 * DAY_S},
    }
    assert pki.due(moved, known, set(), NOW) == list(moved)


def test_authorities_come_before_what_they_sign() -> None:
    seen: set[str] = set()
    for certificate in WANTED:
        seen.add(certificate.name)
        assert certificate.issuer in seen


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pki")
    assert set(pki.ensure(made, "echorator-x")) == {c.name for c in WANTED} | {"service-account"}
    return made


def test_second_time_issues_nothing(folder: Path) -> None:
    assert pki.ensure(folder, "echorator-x") == []


def test_renews_in_time_and_keeps_the_authorities(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pki"
    subprocess.run(["cp", "-a", str(folder), str(copy)], check=True)
    before = (copy / "ca.crt").read_bytes()
    renewed = pki.ensure(copy, "echorator-x", time.time() + 340 * DAY_S)
    assert set(renewed) == {c.name for c in WANTED if not c.is_authority}
    assert (copy / "ca.crt").read_bytes() == before


def test_keys_are_for_root_only(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    keys = list(folder.glob("*.key"))
    assert len(keys) == len(WANTED) + 1
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}


@pytest.mark.parametrize("certificate", WANTED, ids=lambda c: c.name)
def test_each_is_signed_by_its_authority_alone(folder: Path, certificate: Certificate) -> None:
    for authority in ("ca", "etcd-ca", "front-proxy-ca"):
        command = [
            "openssl",
            "verify",
            "-CAfile",
            str(folder / f"{authority}.crt"),
            str(folder / f"{certificate.name}.crt"),
        ]
        accepted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        assert accepted == (authority == certificate.issuer)


def test_api_server_is_known_by_every_name_that_clients_use(folder: Path) -> None:
    text = subprocess.run(
        ["openssl", "x509", "-in", str(folder / "apiserver.crt"), "-noout", "-ext", "subjectAltName,basicConstraints"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in ("DNS:kubernetes.default.svc.cluster.local", "127.0.0.1", "10.96.0.1", "10.200.0.1", "CA:FALSE"):
        assert name in text


def test_pairs_load(folder: Path) -> None:
    for certificate in WANTED:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(folder / f"{certificate.name}.crt", folder / f"{certificate.name}.key")


def test_record_holds_no_key(folder: Path) -> None:
    record = json.loads((folder / "issued.json").read_text())
    assert set(record) == {c.name for c in WANTED}
    assert {key for entry in record.values() for key in entry} == {"subject", "sans", "not_after"}
