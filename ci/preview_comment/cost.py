"""What the GPUs of the stack cost an hour, before and after, where prices are configured."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ci.preview_comment.preview import Resource

HOURS_OF_A_MONTH = 730
"""365 * 24 / 12: what cloud price lists count a month as."""

ANY_GPU = "nvidia.com/gpu"

_GPU = re.compile(r"^(nvidia\.com/(gpu|mig-.+)|amd\.com/gpu|gpu\.intel\.com/.+)$")
_WORKLOADS = {
    "Deployment": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "Pod": ("spec",),
}


class PricesError(Exception):
    """The file of prices cannot be used; says which line and what it takes."""


class Prices(BaseModel):
    """The file of prices.

    Attributes:
        currency: shown beside each sum, such as ``EUR``.
        accelerators: price of one for an hour, by the name of the resource (``nvidia.com/gpu``) or, before that, by a
            value of the pod's node selector or node affinity (``NVIDIA-L4``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    accelerators: dict[str, Annotated[Decimal, Field(ge=0, le=100_000)]]


def load_prices(file: Path) -> Prices:
    """Read a file of prices.

    Raises:
        PricesError: it is not there, is no YAML, or has other fields than `Prices`.
    """
    try:
        content: object = yaml.safe_load(file.read_text(encoding="utf-8"))
        return Prices.model_validate(content)
    except OSError as error:
        raise PricesError(f"{file} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise PricesError(f"{file} is no YAML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'the file'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise PricesError(
            f"{file}: {faults}. It takes `currency` (three capitals) and `accelerators` (name to price an hour)"
        ) from error


@dataclass(frozen=True)
class Gpus:
    """Accelerators of one kind that one workload asks for in all its replicas."""

    workload: str
    kind: str
    count: int


@dataclass(frozen=True)
class Cost:
    """The GPUs of the stack, before and after.

    Attributes:
        before: accelerator to how many.
        after: likewise.
        per_hour: both sums, or None where a price is missing or none are configured.
        unpriced: accelerators that have no price.
    """

    before: Mapping[str, int]
    after: Mapping[str, int]
    per_hour: tuple[Decimal, Decimal] | None
    unpriced: tuple[str, ...]


def cost(resources: Iterable[Resource], prices: Prices | None) -> Cost | None:
    """Count and price the GPUs; None where the stack has none, before or after."""
    listed = list(resources)
    before = _count(gpus for one in listed for gpus in gpus_of(one, one.before, prices))
    after = _count(gpus for one in listed for gpus in gpus_of(one, one.after, prices))
    if not before and not after:
        return None
    known: Mapping[str, Decimal] = {} if prices is None else prices.accelerators
    unpriced = tuple(sorted(kind for kind in {*before, *after} if kind not in known))
    sums = None if unpriced else (_sum(before, known), _sum(after, known))
    return Cost(before, after, sums, unpriced)


def gpus_of(resource: Resource, properties: Mapping[str, Any], prices: Prices | None) -> Iterator[Gpus]:
    """What a workload asks for; nothing for what is none. A pod's init containers run before its others."""
    path = _WORKLOADS.get(resource.kind)
    if path is None or not resource.type.startswith("kubernetes:") or not properties:
        return
    pod: object = properties
    for key in path:
        pod = _mapping(pod).get(key)
    spec = _mapping(pod)
    # Only what is left out means one: zero replicas cost nothing.
    replicas = _number(_mapping(properties.get("spec")).get("replicas", 1)) if resource.kind != "Pod" else 1
    together = _limits(spec.get("containers"))
    alone = _limits(spec.get("initContainers"), largest=True)
    for name in sorted({*together, *alone}):
        count = max(together[name], alone[name]) * replicas
        if count:
            yield Gpus(resource.name, _kind(name, spec, prices), count)


def _limits(containers: object, *, largest: bool = False) -> Counter[str]:
    found: Counter[str] = Counter()
    for container in cast("list[object]", containers) if isinstance(containers, list) else []:
        limits = _mapping(_mapping(_mapping(container).get("resources")).get("limits"))
        for name, value in limits.items():
            if _GPU.match(name):
                amount = _number(value)
                found[name] = max(found[name], amount) if largest else found[name] + amount
    return found


def _kind(resource: str, spec: Mapping[str, Any], prices: Prices | None) -> str:
    """The name that has a price: that of the nodes which the pod asks for, before that of the resource."""
    known: Mapping[str, Decimal] = {} if prices is None else prices.accelerators
    return next((value for value in _wanted_nodes(spec) if value in known), resource)


def _wanted_nodes(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(value) for value in _mapping(spec.get("nodeSelector")).values())
    affinity = _mapping(_mapping(spec.get("affinity")).get("nodeAffinity"))
    required = _mapping(affinity.get("requiredDuringSchedulingIgnoredDuringExecution"))
    for term in _list(required.get("nodeSelectorTerms")):
        for expression in _list(_mapping(term).get("matchExpressions")):
            wanted = _mapping(expression)
            if wanted.get("operator") == "In":
                yield from (str(value) for value in _list(wanted.get("values")))


def _count(found: Iterable[Gpus]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for one in found:
        counts[one.kind] += one.count
    return dict(sorted(counts.items()))


def _sum(counts: Mapping[str, int], prices: Mapping[str, Decimal]) -> Decimal:
    return sum((prices[kind] * count for kind, count in counts.items()), Decimal(0))


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _number(value: object) -> int:
    """A count that Kubernetes writes as number or text; what a preview cannot know counts as nothing."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, int | float):
        return max(int(value), 0)
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else 0
