"""Secrets where everybody reads them: values of variables, ConfigMaps, annotations, arguments, outputs, settings."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from policies.check import Facts, Family, Finding, Parameter, Severity, Stack, at, has_pods, kinds
from policies.encryption.sensitive import literal, named, shape
from policies.items import Item
from policies.nodes import Node

FAMILY = Family("encryption", "https://kubernetes.io/docs/concepts/security/secrets-good-practices/")
_ARGUMENT = ("command", "args")


def _allowed(facts: Facts, name: str) -> bool:
    return name in facts.texts("allowNames")


_ALLOW = {"allowNames": Parameter([], "Names that look like a secret's and hold none.")}


@FAMILY.check(
    "secret-in-env",
    Severity.HIGH,
    "A variable does not hold a secret",
    on=has_pods,
    why="A value in a pod's spec is shown to everybody who may look at pods, and is in clear in the stack's state.",
    fix="Put it into a Secret and use `valueFrom.secretKeyRef`, or mount it as a file.",
    parameters=_ALLOW,
)
def in_env(item: Item, facts: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        lists = [container.node.at("env") for container in pod.containers()]
        for variable in (one for node in [*lists, pod.spec.at("env")] for one in node.each()):
            name = variable.at("name").text or ""
            value = variable.at("value")
            what = _secret_in(value)
            if what is None and named(name) and not _allowed(facts, name) and value.text and literal(value.text):
                what = f"the value of `{name}`"
            if what is not None:
                yield at(value, f"holds {what}")


@FAMILY.check(
    "secret-in-arguments",
    Severity.HIGH,
    "A command line does not hold a secret",
    on=has_pods,
    why="Arguments are in the pod's spec, in the list of processes, and in every crash report.",
    fix="Pass a file's path, or `$(NAME)` of a variable that comes from a Secret.",
    parameters=_ALLOW,
)
def in_arguments(item: Item, facts: Facts) -> Iterator[Finding]:
    for container in (one for pod in item.pods for one in pod.containers()):
        for key in _ARGUMENT:
            before = ""
            for node in container.node.at(key).each():
                what = _secret_in(node)
                flag, equals, value = (node.text or "").partition("=")
                if not equals:
                    flag, value = before, node.text or ""
                name = flag.lstrip("-")
                if what is None and flag.startswith("-") and named(name) and not _allowed(facts, name):
                    known = value and literal(value) and not value.startswith(("-", "/"))
                    what = f"the value of `{flag}`" if known else None
                if what is not None:
                    yield at(node, f"holds {what}")
                before = node.text or ""


@FAMILY.check(
    "secret-in-config-map",
    Severity.HIGH,
    "A ConfigMap does not hold a secret",
    on=kinds("", "ConfigMap"),
    why="ConfigMaps are not encrypted at rest, and roles that read them are given to many.",
    fix="Move it into a Secret.",
    parameters=_ALLOW,
)
def in_config_map(item: Item, facts: Facts) -> Iterator[Finding]:
    for name, node in item.body.at("data").fields():
        what = _secret_in(node)
        if what is None and named(name) and not _allowed(facts, name) and node.text and literal(node.text):
            what = f"the value of `{name}`"
        if what is None and node.text:
            inner = next((key for key in _keys_with_values(node.text) if not _allowed(facts, key)), None)
            what = f"the value of `{inner}`" if inner else None
        if what is not None:
            yield at(node, f"holds {what}")


@FAMILY.check(
    "secret-in-metadata",
    Severity.HIGH,
    "Annotations and labels do not hold a secret",
    on=lambda item: not item.foreign and item.key != ("", "Secret"),
    why="Metadata is copied into events, metrics and logs.",
    fix="Refer to a Secret by its name.",
    parameters=_ALLOW,
)
def in_metadata(item: Item, facts: Facts) -> Iterator[Finding]:
    metadata = [item.body.at("metadata"), *(pod.metadata for pod in item.pods)]
    for node in metadata:
        for part in ("annotations", "labels"):
            for name, value in node.at(part).fields():
                what = _secret_in(value)
                last = name.rpartition("/")[2]
                if what is None and part == "annotations" and named(last) and not _allowed(facts, last):
                    what = f"the value of `{name}`" if value.text and literal(value.text) else None
                if what is not None:
                    yield at(value, f"holds {what}")


@FAMILY.check(
    "secret-in-custom-object",
    Severity.HIGH,
    "An object of a kind that is no Secret does not hold a secret",
    on=lambda item: not item.foreign and item.key not in {("", "Secret"), ("", "ConfigMap")} and not item.pods,
    why="Only Secrets are encrypted at rest and kept from most roles.",
    fix="Refer to a Secret by its name.",
)
def in_custom_object(item: Item, _: Facts) -> Iterator[Finding]:
    for key, node in item.body.fields():
        if key in ("metadata", "status"):
            continue
        for leaf in node.leaves():
            what = shape(leaf.value)
            if what is not None:
                yield at(leaf, f"holds {what}")


@FAMILY.stack_check(
    "secret-in-output",
    Severity.HIGH,
    "A stack output that is a secret is marked as one",
    why="`pulumi stack output` prints it, the state holds it in clear, and other stacks copy it.",
    fix="Export `pulumi.Output.secret(value)`.",
    # The name of the Secret that services sign in by.
    parameters={"allowNames": Parameter(["memory-secret"], _ALLOW["allowNames"].about)},
)
def in_output(stack: Stack, facts: Facts) -> Iterator[Finding]:
    for resource in stack.resources:
        if resource.type != "pulumi:pulumi:Stack":
            continue
        for name, node in Node(resource.inputs).fields():
            for leaf in node.leaves():
                if leaf.secret:
                    continue
                what = shape(leaf.value)
                own = leaf.path.rpartition(".")[2]
                if what is None and (named(name) or named(own)) and literal(leaf.value) and not _allowed(facts, name):
                    what = "what its name calls a secret"
                if what is not None:
                    yield Finding(f"output {leaf.path}", f"holds {what} in clear", resource.urn)


@FAMILY.stack_check(
    "secret-in-settings",
    Severity.HIGH,
    "A secret in the stack's configuration is set with --secret",
    link="https://www.pulumi.com/docs/iac/concepts/secrets/",
    why="Pulumi.<stack>.yaml is in version control.",
    fix="Set it again by `pulumi config set --secret KEY`, and renew it: whoever has the repository read it.",
    parameters={
        # Settings of ours that name a Secret in the cluster.
        "allowNames": Parameter(["credentialsSecret", "secret", "tlsSecret"], _ALLOW["allowNames"].about)
    },
)
def in_settings(_: Stack, facts: Facts) -> Iterator[Finding]:
    for key, text in facts.context.config.items():
        if key in facts.context.secret_keys:
            continue
        what = shape(text)
        last = key.rpartition(":")[2]
        if (
            what is None
            and named(last)
            and not _allowed(facts, last)
            and literal(text)
            and not text.startswith(("{", "["))
        ):
            what = "what its name calls a secret"
        if what is None:
            inner = next((name for name in _keys_with_values(text) if not _allowed(facts, name)), None)
            what = f"the value of `{inner}`" if inner else None
        if what is not None:
            yield Finding(f"configuration {key}", f"holds {what} in clear")


def _secret_in(node: Node) -> str | None:
    if node.secret:
        return "what the stack holds as a secret"
    return shape(node.value) if isinstance(node.value, str) else None


def _keys_with_values(text: str) -> Iterator[str]:
    """Keys of JSON in the text whose names call their values secret."""
    if not text.lstrip().startswith(("{", "[")):
        return
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError):
        return
    stack = [Node(content)]
    while stack:
        node = stack.pop()
        for key, below in node.fields():
            if below.text and named(key) and literal(below.text):
                yield key
            stack.append(below)
        stack += node.each()
