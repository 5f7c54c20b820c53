"""A server's certificate from an authority that speaks ACME: what cert-manager is asked for, and what lets it prove.

The proof is a pod of cert-manager's in the server's own namespace, which answers the authority through the ingress
controller. A ClusterIssuer as most guides have it would fail there: its Service is a NodePort, which the namespace's
quota refuses, and its pod is behind the default-deny policy.
"""

from collections.abc import Sequence
from typing import Any

from components import workload
from components.settings.server import AcmeSettings, IngressSettings

_SOLVER = {"acme.cert-manager.io/http01-solver": "true"}
"""Label that cert-manager gives the pods that prove."""

_SOLVER_PORT = 8089


def name_of(server: str) -> str:
    """Of the Issuer."""
    return f"{server}-acme"


def annotation(server: str, ingress: IngressSettings) -> dict[str, str]:
    """By which the Ingress names the Issuer."""
    return {} if ingress.acme is None else {"cert-manager.io/issuer": name_of(server)}


def issuer(server: str, ingress: IngressSettings, acme: AcmeSettings) -> dict[str, Any]:
    """Spec of the Issuer (cert-manager.io/v1)."""
    solver: dict[str, Any] = {"serviceType": "ClusterIP"}
    if ingress.class_name is not None:
        solver["ingressClassName"] = ingress.class_name
    found: dict[str, Any] = {
        "server": acme.server,
        "privateKeySecretRef": {"name": f"{name_of(server)}-account"},
        "solvers": [{"http01": {"ingress": solver}}],
    }
    if acme.email is not None:
        found["email"] = acme.email
    return {"acme": found}


def solver_policy(peers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Spec of the NetworkPolicy that lets the ingress controller reach the proof.

    Args:
        peers: who may reach the server; at least one.
    """
    return {
        "podSelector": {"matchLabels": _SOLVER},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": list(peers), "ports": workload.tcp(_SOLVER_PORT)}],
    }
