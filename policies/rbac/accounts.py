"""Checks of service accounts and their tokens."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

from collections.abc import Iterator

from policies.check import Facts, Family, Finding, Severity, at, has_pods, kinds
from policies.items import Item

FAMILY = Family("rbac", "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/")


@FAMILY.check(
    "account-token",
    Severity.MEDIUM,
    "A ServiceAccount does not mount its token into every pod",
    on=kinds("", "ServiceAccount"),
    why="A pod that does not use the API carries a key to it anyway.",
    fix="Set `automountServiceAccountToken: false`; mount a projected token where the API is used.",
)
def account_token(account: Item, _: Facts) -> Iterator[Finding]:
    node = account.body.at("automountServiceAccountToken")
    if not node.unknown and not node.is_(False):
        yield at(node, "must be false")


@FAMILY.check(
    "pod-token",
    Severity.MEDIUM,
    "A pod does not mount a service account token by itself",
    on=has_pods,
    why="The pod's own setting wins over its account's, and unset it means yes; every container then has it.",
    fix="Set `automountServiceAccountToken: false`, and give a projected token to the container that uses the API.",
)
def pod_token(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        node = pod.spec.at("automountServiceAccountToken")
        if not node.unknown and not node.is_(False):
            yield at(node, "must be false")


@FAMILY.check(
    "pod-account",
    Severity.LOW,
    "A pod runs as a service account of its own",
    on=has_pods,
    why="Rights that somebody grants the namespace's default account later reach this pod too.",
    fix="Make a ServiceAccount and name it in `serviceAccountName`.",
)
def pod_account(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        node = pod.spec.at("serviceAccountName")
        old = pod.spec.at("serviceAccount")
        if pod.operated or node.unknown or (node.missing and (old.unknown or (old.present and old.text != "default"))):
            continue
        if node.missing or node.text in ("", "default"):
            yield at(node, "is the namespace's default account")


@FAMILY.check(
    "token-secret",
    Severity.HIGH,
    "No Secret holds a service account's token",
    on=kinds("", "Secret"),
    why="Such a token never expires, and whoever reads Secrets has it.",
    fix="Use a projected token, which the kubelet renews, or `kubectl create token`.",
)
def token_secret(secret: Item, _: Facts) -> Iterator[Finding]:
    if secret.body.at("type").text == "kubernetes.io/service-account-token":
        yield at(secret.body.at("type"), "is a token that never expires")
