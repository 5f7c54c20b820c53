"""Every check there is, in the order of the documentation."""

from __future__ import annotations

from policies import exceptions
from policies.check import Check
from policies.encryption import secrets_in_clear, storage, transport
from policies.models import models
from policies.network import exposure
from policies.network import policies as network_policies
from policies.rbac import accounts, bindings, roles, subjects
from policies.supply_chain import images
from policies.workload import baseline, operation, restricted

FILES = (
    roles, bindings, accounts, subjects,
    storage, transport, secrets_in_clear,
    baseline, restricted, operation,
    network_policies, exposure,
    images,
    models,
    exceptions,
)  # fmt: skip

CHECKS: tuple[Check, ...] = tuple(check for file in FILES for check in file.FAMILY.checks)
BY_ID = {check.id: check for check in CHECKS}
FAMILIES = ("rbac", "encryption", "workload", "network", "supply_chain", "models", "exceptions")


def misnamed(names: list[str]) -> list[str]:
    """Those that are no check and no fix; the engine passes over them without a word."""
    from policies.remedies import REMEDIES  # noqa: PLC0415 - they are checks' companions, not the other way round

    known = {*BY_ID, *(remedy.id for remedy in REMEDIES), "all"}
    return sorted(set(names) - known)
