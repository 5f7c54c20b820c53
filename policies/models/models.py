"""Models: which, from where, and under which licence. A model is code that reads every prompt."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from policies.check import Facts, Family, Finding, Parameter, Severity, at
from policies.items import Item
from policies.nodes import MISSING, Node

FAMILY = Family("models", "https://github.com/ollama/ollama/blob/main/docs/api.md")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SOURCES = {
    "sources": Parameter(["registry.ollama.ai/library/*"], "Sources that are allowed, as patterns of whole references.")
}


def _is_model(item: Item) -> bool:
    return item.foreign and item.kind == "OllamaModel"


def _entry(item: Item) -> Node:
    """What is wanted: the resource's `entry`, which is JSON."""
    node = item.body.at("entry")
    if node.text is None:
        return node
    try:
        return Node(json.loads(node.text), "entry")
    except (ValueError, RecursionError):
        return Node(MISSING, "entry")


def _created(item: Item) -> bool:
    """Made on the replica out of another model or of files: no registry has it, and so it has no digest there."""
    return _entry(item).at("create").present or item.body.at("create").present


def _sources(item: Item) -> Iterator[Node]:
    """Where it is pulled from."""
    pulled = _entry(item).at("pull", "source")
    if pulled.present:
        yield pulled
    elif not _created(item) and item.body.at("source").present:
        yield item.body.at("source")


def _whole(name: str) -> str:
    """`smollm2` as `registry.ollama.ai/library/smollm2:latest`, as Ollama completes it."""
    head, slash, model = name.rpartition("/")
    if not slash:
        head = "registry.ollama.ai/library"
    elif "/" not in head and "." not in head and ":" not in head:
        head = f"registry.ollama.ai/{head}"
    return f"{head}/{model if ':' in model else f'{model}:latest'}"


def _matches(name: str, pattern: str) -> bool:
    """Whether a source is of a pattern, also by way of the model store, whose services are named after registries."""
    whole = _whole(name)
    if fnmatchcase(whole, pattern):
        return True
    host, _, path = whole.partition("/")
    registry, _, rest = pattern.partition("/")
    inside = host.partition(":")[0].endswith((".svc.cluster.local", ".svc"))
    service = re.sub(r"[^a-z0-9*?]", "-", registry.lower())
    return inside and fnmatchcase(host.partition(".")[0], service) and fnmatchcase(path, rest)


@FAMILY.check(
    "digest",
    Severity.HIGH,
    "A model is pinned by its digest",
    on=_is_model,
    why="A tag of a registry moves; the same deploy then answers with other weights.",
    fix="Set `digest` to what `ollama list` or /api/tags shows.",
    prod_only=True,
)
def digest(item: Item, _: Facts) -> Iterator[Finding]:
    node = item.body.at("digest")
    if node.missing and not _created(item):
        yield at(node, "is not set")


@FAMILY.check(
    "digest-form",
    Severity.HIGH,
    "A model's digest is a whole one",
    on=_is_model,
    why="A cut digest matches nothing, and the deploy stops.",
    fix="Write sha256 and 64 lower-case hexadecimal digits.",
)
def digest_form(item: Item, _: Facts) -> Iterator[Finding]:
    node = item.body.at("digest")
    if node.present and not _DIGEST.fullmatch(node.text or ""):
        yield at(node, "is no whole digest")


@FAMILY.check(
    "source",
    Severity.HIGH,
    "A model is from a source that is allowed",
    on=_is_model,
    why="Weights from anybody carry templates and answers of anybody.",
    fix="Use an allowed source, or add a pattern to `sources`.",
    prod_only=True,
    parameters=_SOURCES,
)
def source(item: Item, facts: Facts) -> Iterator[Finding]:
    for node in _sources(item):
        if node.text is not None and not any(_matches(node.text, one) for one in facts.texts("sources")):
            yield at(node, f"{node} is not allowed")


@FAMILY.check(
    "plain-http",
    Severity.HIGH,
    "A model is not pulled without TLS from outside the cluster",
    on=_is_model,
    why="Somebody on the way gives other weights; a digest would only stop them, not the wait.",
    fix="Pull through the model store, or by https.",
)
def plain_http(item: Item, _: Facts) -> Iterator[Finding]:
    pull = _entry(item).at("pull")
    insecure, pulled = pull.at("insecure"), pull.at("source")
    if not insecure.is_(True) or pulled.text is None:
        return
    host = pulled.text.partition("/")[0]
    host = host.rpartition(":")[0] if ":" in host else host
    if not (host.endswith((".svc.cluster.local", ".svc")) or host == "localhost" or host.startswith("127.")):
        yield at(insecure, f"is true, for {host}")


@FAMILY.check(
    "server-url",
    Severity.HIGH,
    "A server outside the cluster is reached by TLS",
    on=_is_model,
    why="Prompts go there too.",
    fix="Use https://.",
    prod_only=True,
)
def server_url(item: Item, _: Facts) -> Iterator[Finding]:
    node = item.body.at("url")
    text = (node.text or "").lower()
    if text.startswith("http://") and not text.startswith(("http://127.", "http://localhost", "http://[::1]")):
        yield at(node, "is http://")


@FAMILY.check(
    "licence",
    Severity.MEDIUM,
    "A model's licence is allowed",
    on=_is_model,
    why="Some forbid commercial use, some above a number of users, some in some countries.",
    fix="Use another model, or add the licence to `allowed` once somebody has read it.",
    parameters={
        "allowed": Parameter([], "Licences by their SPDX id; an empty list asks for nothing."),
        "licences": Parameter(
            {
                "*/all-minilm:*": "Apache-2.0",
                "*/smollm2:*": "Apache-2.0",
                "*/nomic-embed-text:*": "Apache-2.0",
                "*/qwen2.5:3b*": "LicenseRef-Qwen-Research",
                "*/qwen2.5:72b*": "LicenseRef-Qwen",
                "*/qwen2.5:*": "Apache-2.0",
                "*/mistral:*": "Apache-2.0",
                "*/llama3*:*": "LicenseRef-Llama-3",
                "*/gemma*:*": "LicenseRef-Gemma",
            },
            "Patterns of whole references, to the licence; the first that fits counts. Read the model's own first.",
        ),
    },
)
def licence(item: Item, facts: Facts) -> Iterator[Finding]:
    allowed = facts.texts("allowed")
    for node in _sources(item) if allowed else ():
        name = _whole(node.text) if node.text is not None else None
        table = facts.table("licences")
        found = next((one for pattern, one in table.items() if name is not None and fnmatchcase(name, pattern)), None)
        if name is not None and found is None:
            yield at(node, f"{node}: its licence is in no entry of `licences`")
        elif found is not None and found not in allowed:
            yield at(node, f"{node} is under {found}")
