"""Every service of ours that is scraped, as a process, tells metrics by TLS 1.3 under its name, and in no other way.

A renewed certificate is taken by the next connection, and a bad one is not.
Not shown: that Prometheus has the authority, and that the kubelet brings the files; tests/drill/test_stack.py does.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from components import certificates
from components.certificates import Pair
from tests.support.processes import Server, free_port

NAME = "metrics.team-models.svc"
SERVICES = ("replica_agent", "model_store", "echo", "responder")
METRIC = {
    "replica_agent": "replica_models",
    "model_store": "model_store_blobs_stored",
    "echo": "echo_",
    "responder": "responder_acts",
}
AUTHORITY = certificates.authority("team monitoring", dt.datetime.now(tz=dt.UTC))


def give(folder: Path, signer: Pair = AUTHORITY, name: str = NAME) -> str:
    """Put a new certificate there as the kubelet does, all files at once; returns it."""
    made = certificates.issue(signer, [name], dt.datetime.now(tz=dt.UTC))
    fresh = folder / f"..{os.urandom(4).hex()}"
    fresh.mkdir(parents=True)
    (fresh / "tls.crt").write_text(made.certificate)
    (fresh / "tls.key").write_text(made.key)
    link(folder, fresh)
    return made.certificate


def link(folder: Path, fresh: Path) -> None:
    """Have the folder's files be those of another one."""
    (folder / "new").symlink_to(fresh.name)
    (folder / "new").rename(folder / "..data")
    for name in ("tls.crt", "tls.key"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


class Told:
    """One service, its folder with the certificate, and the port on which it tells by TLS."""

    def __init__(self, service: str, folder: Path) -> None:
        self.service, self.certificates = service, folder / "tls"
        self.port, plain = free_port(), free_port()
        self.plain = f"http://127.0.0.1:{plain}"
        tls = {"listen": f"127.0.0.1:{self.port}", "folder": str(self.certificates)}
        account = folder / "account"
        account.mkdir()
        (account / "token").write_text("none\n")
        documents: dict[str, dict[str, Any]] = {
            "replica_agent": {
                "server": "chat",
                "ollamaUrl": f"http://127.0.0.1:{free_port()}",
                "gateListen": "127.0.0.1:0",
                "agentListen": f"127.0.0.1:{plain}",
                "wantedFile": str(folder / "wanted.json"),
                "ledgerFile": str(folder / "ledger.json"),
                "metricsTls": tls,
            },
            "model_store": {
                "root": str(folder / "data"),
                "listen": f"127.0.0.1:{plain}",
                "upstreams": [{"host": "r.example", "alias": "r", "endpoints": ["http://127.0.0.1:9"]}],
                "metricsTls": tls,
            },
            "echo": {
                "listen": {"main": "127.0.0.1:0", "ollama": "127.0.0.1:0", "internal": f"127.0.0.1:{plain}"},
                "servers": [],
                "metricsTls": tls,
            },
            "responder": {
                "listen": f"127.0.0.1:{self.port}",
                "namespace": "team-models",
                "url": "http://127.0.0.1:9",
                "account": str(account),
                "tlsFolder": str(self.certificates),
            },
        }
        (folder / "config.json").write_text(json.dumps(documents[service]))
        # All of the responder is by TLS, so its probes are too, which check no certificate.
        self.probed = f"https://127.0.0.1:{self.port}" if service == "responder" else self.plain
        self.server = Server(
            [sys.executable, "-m", service, "--config", str(folder / "config.json")],
            ready=f"{self.probed}/healthz",
            log=folder / "log",
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "POD_NAMESPACE": "team-models",
                "POD_NAME": "chat-0",
            },
            verify=False,
        )

    def shake(self, context: ssl.SSLContext, name: str | None = NAME) -> tuple[str, str | None]:
        """A new connection: the certificate that is shown, as PEM, and the version."""
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=60) as wire,
            context.wrap_socket(wire, server_hostname=name) as tls,
        ):
            # Of TLS 1.3 a handshake is over before the server has said that it refuses.
            tls.sendall(b"GET /metrics HTTP/1.1\r\nHost: metrics\r\nConnection: close\r\n\r\n")
            assert tls.recv(12) == b"HTTP/1.1 200"
            shown = tls.getpeercert(binary_form=True)
            assert shown is not None
            return ssl.DER_cert_to_PEM_cert(shown), tls.version()


@pytest.fixture(scope="module", params=SERVICES)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp(request.param)
    one = Told(request.param, folder)
    give(one.certificates)
    with one.server:
        yield one


def trusting() -> ssl.SSLContext:
    """As Prometheus asks: this authority alone, and the name."""
    return ssl.create_default_context(cadata=AUTHORITY.certificate)


def anybody() -> ssl.SSLContext:
    """As the kubelet's probes ask."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_metrics_are_told_by_tls_under_the_name(told: Told) -> None:
    with httpx.Client(verify=trusting(), trust_env=False, timeout=60) as client:
        url = f"https://127.0.0.1:{told.port}/metrics"
        found = client.get(url, headers={"Host": NAME}, extensions={"sni_hostname": NAME})
    assert found.status_code == 200
    assert METRIC[told.service] in found.text
    assert told.shake(trusting())[1] == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        told.shake(trusting(), "metrics.other.svc")


def test_they_are_told_in_no_other_way(told: Told) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{told.port}/metrics", trust_env=False, timeout=60)
    old = trusting()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        told.shake(old)
    if told.service == "responder":
        return
    assert httpx.get(f"{told.plain}/metrics", trust_env=False, timeout=60).status_code == 404
    assert httpx.get(f"{told.plain}/healthz", trust_env=False, timeout=60).status_code == 200
    nothing_else = httpx.get(f"https://127.0.0.1:{told.port}/healthz", verify=anybody(), trust_env=False, timeout=60)
    assert nothing_else.status_code == 404


def test_a_renewed_certificate_is_taken_without_a_restart(told: Told) -> None:
    pid, first = told.server.pid, told.shake(trusting())[0]
    second = give(told.certificates)
    assert told.shake(trusting())[0] == second != first
    # Whoever says no name gets it too.
    assert told.shake(anybody(), None)[0] == second
    # A key that is another one's: what was there goes on, and the log says so.
    wrong = told.certificates / "..wrong"
    wrong.mkdir()
    (wrong / "tls.crt").write_text(certificates.issue(AUTHORITY, [NAME], dt.datetime.now(tz=dt.UTC)).certificate)
    (wrong / "tls.key").write_text((told.certificates / "tls.key").read_text())
    link(told.certificates, wrong)
    assert told.shake(trusting())[0] == second
    assert "certificate_bad" in told.server.log.read_text()
    assert told.shake(anybody(), None)[0] == second
    third = give(told.certificates)
    assert told.shake(trusting())[0] == third
    assert told.server.pid == pid
    assert httpx.get(f"{told.probed}/healthz", verify=anybody(), trust_env=False, timeout=60).status_code == 200


@pytest.mark.parametrize("service", SERVICES)
def test_without_its_certificate_a_service_does_not_start(service: str, tmp_path: Path) -> None:
    """It says so, rather than to tell nobody anything."""
    one = Told(service, tmp_path)
    with pytest.raises(RuntimeError, match=r"cannot start: .*tls\.crt"), one.server:
        pass
