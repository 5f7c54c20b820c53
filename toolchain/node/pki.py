"""The node's own certificate authorities and certificates, made with the openssl command.

Three authorities: one for the cluster, one for etcd (else every client of the API server could
read etcd), one for the aggregation layer's front proxy (else every client could claim to be another).
"""

from __future__ import annotations

import json
import secrets
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from toolchain.node.errors import NodeError
from toolchain.node.layout import API_PORT, CLUSTER_DOMAIN, KUBERNETES_SERVICE, NODE_ADDRESS

DAY_S = 86400
RENEW_BEFORE_DAYS = 30
LEAF_DAYS = 365
AUTHORITY_DAYS = 3650
_RECORD = "issued.json"


@dataclass(frozen=True)
class Certificate:
    """A certificate to have.

    Attributes:
        name: File name without its ending.
        issuer: Name of the authority; its own name for an authority.
        subject: In openssl's form, ``/O=group/CN=user``.
        sans: Subject alternative names, ``DNS:x`` or ``IP:x``.
    """

    name: str
    issuer: str
    subject: str
    sans: tuple[str, ...] = ()

    @property
    def is_authority(self) -> bool:
        """Whether it signs itself and others."""
        return self.name == self.issuer


_LOCAL = ("DNS:localhost", "IP:127.0.0.1")


def wanted(node_name: str) -> tuple[Certificate, ...]:
    """Every certificate of a node, authorities first."""
    kubernetes = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    names = (*kubernetes, f"kubernetes.default.svc.{CLUSTER_DOMAIN}")
    api_sans = (*(f"DNS:{n}" for n in names), *_LOCAL, f"IP:{KUBERNETES_SERVICE}", f"IP:{NODE_ADDRESS}")
    return (
        Certificate("ca", "ca", "/CN=echorator-local"),
        Certificate("etcd-ca", "etcd-ca", "/CN=echorator-local-etcd"),
        Certificate("front-proxy-ca", "front-proxy-ca", "/CN=echorator-local-front-proxy"),
        Certificate("etcd", "etcd-ca", "/CN=etcd", _LOCAL),
        Certificate("etcd-client", "etcd-ca", "/CN=kube-apiserver"),
        Certificate("front-proxy-client", "front-proxy-ca", "/CN=front-proxy-client"),
        Certificate("apiserver", "ca", "/CN=kube-apiserver", api_sans),
        Certificate("apiserver-kubelet-client", "ca", "/CN=kube-apiserver-kubelet-client"),
        Certificate("admin", "ca", "/O=system:masters/CN=admin"),
        Certificate("controller-manager", "ca", "/CN=system:kube-controller-manager", _LOCAL),
        Certificate("scheduler", "ca", "/CN=system:kube-scheduler", _LOCAL),
        Certificate("proxy", "ca", "/CN=system:kube-proxy"),
        Certificate("router", "ca", "/CN=echorator:kube-router"),
        Certificate(
            "kubelet",
            "ca",
            f"/O=system:nodes/CN=system:node:{node_name}",
            (f"DNS:{node_name}", f"IP:{NODE_ADDRESS}", *_LOCAL),
        ),
    )


def due(
    certificates: tuple[Certificate, ...], issued: dict[str, dict[str, object]], missing: set[str], now: float
) -> list[Certificate]:
    """Which certificates must be issued.

    A certificate is due when it is missing, when its subject or names changed, when less than
    ``RENEW_BEFORE_DAYS`` are left, or when its authority is due.

    Args:
        certificates: All that are wanted, authorities first.
        issued: What was issued, by name: ``subject``, ``sans``, ``not_after`` (seconds since 1970).
        missing: Names whose files are not there.
        now: Seconds since 1970.
    """
    result: list[Certificate] = []
    for certificate in certificates:
        known = issued.get(certificate.name, {})
        not_after = known.get("not_after", 0.0)
        left_s = (not_after if isinstance(not_after, int | float) else 0.0) - now
        if (
            certificate.name in missing
            or known.get("subject") != certificate.subject
            or known.get("sans") != list(certificate.sans)
            or left_s < RENEW_BEFORE_DAYS * DAY_S
            or any(authority.name == certificate.issuer for authority in result)
        ):
            result.append(certificate)
    return result


def ensure(folder: Path, node_name: str, now: float | None = None) -> list[str]:
    """Issues what is due, and the service account keys if they are missing.

    Returns:
        Names of what was issued; empty when nothing changed.

    Raises:
        NodeError: openssl is missing or refused.
    """
    now = time.time() if now is None else now
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    record = folder / _RECORD
    issued: dict[str, dict[str, object]] = json.loads(record.read_text()) if record.exists() else {}
    certificates = wanted(node_name)
    missing = {c.name for c in certificates if not all((folder / f"{c.name}.{end}").exists() for end in ("crt", "key"))}
    todo = due(certificates, issued, missing, now)
    for certificate in todo:
        _issue(folder, certificate)
        days = AUTHORITY_DAYS if certificate.is_authority else LEAF_DAYS
        issued[certificate.name] = {
            "subject": certificate.subject,
            "sans": list(certificate.sans),
            "not_after": now + days * DAY_S,
        }
        _write(record, json.dumps(issued, indent=1))
    done = [certificate.name for certificate in todo]
    if not (folder / "service-account.pub").exists():
        _service_account_keys(folder)
        done.append("service-account")
    return done


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.touch(mode=0o600)
    part.write_text(text)
    part.rename(path)


def _openssl(*arguments: str) -> None:
    try:
        done = subprocess.run(
            ["openssl", *arguments], capture_output=True, text=True, check=False, umask=0o077, timeout=60
        )
    except FileNotFoundError as error:
        raise NodeError("the command `openssl` is missing", "install it: apt-get install openssl") from error
    if done.returncode != 0:
        raise NodeError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def _extensions(certificate: Certificate) -> str:
    lines = ["[req]", "distinguished_name=dn", "x509_extensions=ext", "prompt=no", "[dn]", "[ext]"]
    lines += ["subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid:always"]
    if certificate.is_authority:
        lines += ["basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"]
    else:
        lines += ["basicConstraints=critical,CA:false", "keyUsage=critical,digitalSignature"]
        lines += ["extendedKeyUsage=serverAuth,clientAuth" if certificate.sans else "extendedKeyUsage=clientAuth"]
    if certificate.sans:
        lines.append("subjectAltName=" + ",".join(certificate.sans))
    return "\n".join(lines) + "\n"


def _issue(folder: Path, certificate: Certificate) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        config = Path(scratch, "openssl.cnf")
        config.write_text(_extensions(certificate))
        key, crt = Path(scratch, "key"), Path(scratch, "crt")
        arguments = ["req", "-x509", "-new", "-config", str(config), "-subj", certificate.subject, "-sha256"]
        arguments += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-set_serial"]
        arguments += [str(secrets.randbits(127)), "-keyout", str(key), "-out", str(crt), "-days"]
        if certificate.is_authority:
            arguments.append(str(AUTHORITY_DAYS))
        else:
            arguments += [str(LEAF_DAYS), "-CA", str(folder / f"{certificate.issuer}.crt")]
            arguments += ["-CAkey", str(folder / f"{certificate.issuer}.key")]
        _openssl(*arguments)
        key.chmod(0o600)
        key.rename(folder / f"{certificate.name}.key")
        crt.rename(folder / f"{certificate.name}.crt")


def _service_account_keys(folder: Path) -> None:
    key, public = folder / "service-account.key", folder / "service-account.pub"
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{key}.part")
    part = Path(f"{key}.part")
    part.chmod(0o600)
    part.rename(key)
    _openssl("pkey", "-in", str(key), "-pubout", "-out", f"{public}.part")
    Path(f"{public}.part").rename(public)


def api_url(port: int = API_PORT) -> str:
    """URL of the API server on a loopback address."""
    return f"https://127.0.0.1:{port}"
