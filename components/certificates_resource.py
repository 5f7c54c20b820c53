"""Certificates: an authority and the certificates of the stack's own services, renewed by a deploy."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi.dynamic import Resource

from components import certificates
from components.certificates_provider import SECRET, CertificatesProvider


class Certificates(Resource, module="echorator", name="Certificates"):
    """One authority and a certificate for each of `hosts`; keys are secrets in the state and in outputs."""

    trust: pulumi.Output[str]
    """PEM; clients trust it."""
    certificates: pulumi.Output[Mapping[str, str]]
    keys: pulumi.Output[Mapping[str, str]]

    def __init__(
        self,
        name: str,
        *,
        authority: str,
        hosts: Mapping[str, Sequence[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Registers it.

        Args:
            name: of the resource.
            authority: name in the authority's certificate.
            hosts: name of a certificate to the DNS names that it is for.
            opts: options.
        """
        super().__init__(
            CertificatesProvider(),
            name,
            {
                "authority": authority,
                "hosts": {one: list(named) for one, named in hosts.items()},
                "trust": None,
                "authorityKey": None,
                "certificates": None,
                "keys": None,
                "ends": None,
            },
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(additional_secret_outputs=list(SECRET)), opts),
        )

    @property
    def ends(self) -> pulumi.Output[int]:
        """When the first of them ends, or the authority; seconds since 1970."""
        return pulumi.Output.all(self.trust, self.certificates).apply(
            lambda found: int(min(certificates.ends(one) for one in (found[0], *found[1].values())).timestamp())
        )

    def secret(self, name: str, *, certificate: str = "tls.crt", key: str = "tls.key") -> pulumi.Output[dict[str, str]]:
        """Data of a Secret that holds one certificate, its key, and whom to trust."""
        return pulumi.Output.secret(
            pulumi.Output.all(self.trust, self.certificates, self.keys).apply(
                lambda found: {"ca.crt": found[0], certificate: found[1][name], key: found[2][name]}
            )
        )
