"""Checks of how replicas follow the load."""

from collections.abc import Iterator

from components.settings.checks.servers import MOST_REPLICAS
from components.settings.faults import Fault
from components.settings.grammar import duration_faults, number_faults, url_faults
from components.settings.raw import Raw, ServerCheck, mapping

_MOST_PER_CENT = 1000
_SIGNALS = ("cpu", "memory", "queue", "responseSeconds", "gpu")
_DEFAULTS = ("cpu", "memory", "queue", "responseSeconds")


def _scaling(path: str, server: Raw) -> Iterator[Fault]:
    if server.get("scaling") is None:
        return
    scaling = mapping(server["scaling"])
    here = f"{path}.scaling"
    keda = scaling.get("by") == "keda"
    low, high = scaling.get("min", 1), scaling.get("max", 10)
    yield from number_faults(f"{here}.min", low, 0, MOST_REPLICAS)
    yield from number_faults(f"{here}.max", high, 1, MOST_REPLICAS)
    if type(low) is int and type(high) is int and low > high:
        yield Fault(f"{here}.min", f"is {low}, more than `max` ({high})")
    if low == 0 and not keda:
        yield Fault(f"{here}.min", "is 0, which a HorizontalPodAutoscaler does not go down to. Set `by: keda`, or 1")
    for key in ("cpu", "memory"):
        yield from number_faults(f"{here}.{key}", scaling.get(key), 1, _MOST_PER_CENT)
    yield from number_faults(f"{here}.gpu", scaling.get("gpu"), 1, 100)
    yield from number_faults(f"{here}.queue", scaling.get("queue"), 1, 2**31 - 1)
    yield from _response(f"{here}.responseSeconds", scaling.get("responseSeconds"))
    yield from duration_faults(f"{here}.cooldown", scaling.get("cooldown"))
    if "replicas" in server:
        yield Fault(
            f"{path}.replicas", "is the autoscaler's beside `scaling`. Leave it out; `scaling.min` is the least"
        )
    if all(scaling.get(key, 1 if key in _DEFAULTS else None) is None for key in _SIGNALS):
        yield Fault(here, "has no signal left. Leave one of `cpu`, `memory`, `queue`, `responseSeconds`, `gpu`")
    if mapping(server.get("volume")).get("accessMode") == "ReadWriteOnce" and (
        mapping(server.get("volume")).get("mode") == "shared"
    ):
        yield Fault(
            f"{path}.volume.accessMode", "is `ReadWriteOnce`, which pods on one node alone can use, but replicas grow"
        )
    yield from _keda(here, scaling, keda=keda)


def _keda(here: str, scaling: Raw, *, keda: bool) -> Iterator[Fault]:
    url = scaling.get("prometheus")
    low_is_none = keda and scaling.get("min", 1) == 0
    asks = any(
        scaling.get(key, 1 if key in _DEFAULTS else None) is not None for key in ("queue", "responseSeconds", "gpu")
    )
    if url is not None:
        yield from url_faults(f"{here}.prometheus", url)
    if url is not None and not keda:
        yield Fault(f"{here}.prometheus", "is asked by KEDA alone. Set `by: keda`, or leave it out")
    if keda and asks and url is None:
        yield Fault(
            f"{here}.prometheus",
            "is needed for `queue`, `responseSeconds` and `gpu`, such as http://prometheus.monitoring.svc:9090. "
            "Add it, or set those three to null",
        )
    if low_is_none and not isinstance(scaling.get("wake"), str):
        yield Fault(
            f"{here}.wake",
            "is needed with `min: 0`: a server without replicas counts no requests, so something before it must, such "
            "as an ingress controller. Add a PromQL query that is above 0 while somebody waits",
        )
    if scaling.get("wake") is not None and not low_is_none:
        yield Fault(f"{here}.wake", "has an effect with `min: 0` and `by: keda` alone. Leave it out")
    if scaling.get("wake") is not None and low_is_none and url is None:
        yield Fault(f"{here}.prometheus", "is needed for `wake`, such as http://prometheus.monitoring.svc:9090")


def _response(path: str, seconds: object) -> Iterator[Fault]:
    if seconds is None or isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return
    if not 0 < seconds <= 3600:  # noqa: PLR2004
        yield Fault(path, f"must be more than 0 and at most 3600 seconds, not {seconds}")


SERVER_CHECKS: tuple[ServerCheck, ...] = (_scaling,)
