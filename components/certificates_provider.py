"""The dynamic provider of Certificates: an authority and its certificates, kept in the state, the keys as secrets.

Pulumi stores a reference to this module and class with each resource, and looks it up there at `refresh` and
`destroy`. Whoever moves or renames either leaves a shim behind.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ResourceProvider, UpdateResult

from components import certificates
from components.certificates import Pair

Props = dict[str, Any]

SECRET = ("authorityKey", "keys")
"""Outputs that the engine encrypts in the state."""


class CertificatesProvider(ResourceProvider):
    """Check, diff, create and update; deleting is forgetting."""

    serialize_as_secret_always = False

    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Each certificate has a name to be made for."""
        failures = [
            CheckFailure("hosts", f"`{name}` must have one DNS name or more")
            for name, hosts in dict(news.get("hosts") or {}).items()
            if not hosts
        ]
        return CheckResult(news, failures)

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        """Other names, and what ends soon, change it."""
        return DiffResult(changes=bool(_stale(olds, news, _now())), replaces=[], delete_before_replace=False)

    def create(self, props: Props) -> CreateResult:
        """Make the authority and all certificates."""
        made = certificates.authority(str(props["authority"]), _now())
        return CreateResult(f"certificates-{uuid.uuid4()}", _outputs(props, made, {}, _now()))

    def update(self, _id: str, olds: Props, news: Props) -> UpdateResult:
        """Make anew what is stale; the rest stays, so that nothing restarts for it."""
        now = _now()
        kept = {
            name: Pair(str(olds["certificates"][name]), str(olds["keys"][name]))
            for name in olds["certificates"]
            if name not in _stale(olds, news, now)
        }
        signer = Pair(str(olds["trust"]), str(olds["authorityKey"]))
        if certificates.expiring(signer.certificate, now):
            signer, kept = certificates.authority(str(news["authority"]), now), {}
        return UpdateResult(_outputs(news, signer, kept, now))


def _stale(olds: Props, news: Props, now: dt.datetime) -> set[str]:
    """Certificates that are missing, for other names, too many, or end soon; all of them with the authority."""
    had, wanted = _hosts(olds), _hosts(news)
    if certificates.expiring(str(olds["trust"]), now):
        return {*had, *wanted, "authority"}
    changed = {name for name in {*had, *wanted} if had.get(name) != wanted.get(name)}
    ending = {name for name, one in dict(olds["certificates"]).items() if certificates.expiring(str(one), now)}
    return changed | ending


def _hosts(props: Props) -> dict[str, list[str]]:
    return {str(name): [str(host) for host in hosts] for name, hosts in dict(props["hosts"]).items()}


def _outputs(props: Props, signer: Pair, kept: Mapping[str, Pair], now: dt.datetime) -> Props:
    hosts = _hosts(props)
    pairs = {name: kept.get(name) or certificates.issue(signer, names, now) for name, names in hosts.items()}
    return {
        "authority": props["authority"],
        "hosts": hosts,
        "trust": signer.certificate,
        "authorityKey": signer.key,
        "certificates": {name: pair.certificate for name, pair in pairs.items()},
        "keys": {name: pair.key for name, pair in pairs.items()},
        "ends": min(certificates.ends(pair.certificate) for pair in pairs.values()).isoformat() if pairs else "",
    }


def _now() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)
