"""Certificates: what OpenSSL makes of them, when they are renewed, and that what holds is kept.

Not proved: that a service reads a renewed one, which is up to the service.
"""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic import CreateResult, UpdateResult

from components import certificates, certificates_provider
from components.certificates_provider import CertificatesProvider

NOW = dt.datetime(2027, 3, 1, 12, tzinfo=dt.UTC)
HOSTS = {"redis": ["redis.example.svc", "localhost"], "backups": ["backups.example.svc"]}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[dt.datetime]:
    now = [NOW]
    monkeypatch.setattr(certificates_provider, "_now", lambda: now[0])
    return now


def outs(result: CreateResult | UpdateResult) -> dict[str, Any]:
    assert result.outs is not None
    return dict(result.outs)


def props(**changes: Any) -> dict[str, Any]:
    return {"authority": "team memory", "hosts": HOSTS, **changes}


@pytest.mark.parametrize(("host", "trusted"), [("localhost", True), ("redis.example.svc", True), ("other.svc", False)])
def test_a_client_verifies_the_name(tmp_path: Path, host: str, trusted: bool) -> None:
    now = dt.datetime.now(tz=dt.UTC)
    authority = certificates.authority("team memory", now)
    pair = certificates.issue(authority, HOSTS["redis"], now)
    (tmp_path / "crt").write_text(pair.certificate)
    (tmp_path / "key").write_text(pair.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    client = ssl.create_default_context(cadata=authority.certificate)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    one, other = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(one, server_side=True).close()
        except (ssl.SSLError, OSError):
            one.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        if trusted:
            client.wrap_socket(other, server_hostname=host).close()
        else:
            with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
                client.wrap_socket(other, server_hostname=host)
    finally:
        other.close()
        thread.join()
        one.close()


def test_nothing_changes_while_all_hold(clock: list[dt.datetime]) -> None:
    provider = CertificatesProvider()
    made = outs(provider.create(props()))
    assert provider.diff("id", made, props()).changes is False
    clock[0] += dt.timedelta(days=certificates.LEAF_DAYS - certificates.RENEW_DAYS - 1)
    assert provider.diff("id", made, props()).changes is False
    clock[0] += dt.timedelta(days=2)
    assert provider.diff("id", made, props()).changes is True


def test_a_renewal_keeps_the_authority_and_what_still_holds(clock: list[dt.datetime]) -> None:
    provider = CertificatesProvider()
    made = outs(provider.create(props(hosts={"redis": HOSTS["redis"]})))
    clock[0] += dt.timedelta(days=200)
    both = outs(provider.update("id", made, props()))
    assert both["trust"] == made["trust"]
    assert both["keys"]["redis"] == made["keys"]["redis"]
    clock[0] += dt.timedelta(days=110)
    renewed = outs(provider.update("id", both, props()))
    assert renewed["trust"] == made["trust"]
    assert renewed["keys"]["redis"] != both["keys"]["redis"]
    assert renewed["keys"]["backups"] == both["keys"]["backups"]


def test_an_authority_that_ends_takes_all_with_it(clock: list[dt.datetime]) -> None:
    provider = CertificatesProvider()
    made = outs(provider.create(props()))
    clock[0] += dt.timedelta(days=certificates.AUTHORITY_DAYS - 10)
    renewed = outs(provider.update("id", made, props()))
    assert renewed["trust"] != made["trust"]
    assert not set(renewed["certificates"].values()) & set(made["certificates"].values())


def test_a_certificate_for_nobody_is_refused() -> None:
    failures = CertificatesProvider().check({}, props(hosts={"redis": []})).failures
    assert [failure.property for failure in failures] == ["hosts"]
