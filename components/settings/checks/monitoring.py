"""Checks of the monitoring settings."""

import re
from collections.abc import Iterator

from components.quantity import parse_bytes
from components.settings.faults import Fault, listed
from components.settings.grammar import namespace_faults, object_faults, quantity_faults
from components.settings.raw import Check, Raw, mapping, maps, pairs, texts, twice
from fit.accelerators import ACCELERATORS
from replica_agent.buckets import FIRST_TOKEN_SECONDS, TOKEN_RATES
from responder.config import ACTS

_MOST_REPLICAS = 100
SEVERITIES = ("critical", "warning", "info")

_DURATION = re.compile(r"[1-9][0-9]*(h|d|w|y)")
_SIZE = re.compile(r"[1-9][0-9]*(MB|GB|TB)")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_GRAFANA_KEY = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
_SECRET_KEY = re.compile(r"(password|secret|secret_key|token|private_key)$")
_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


def _prometheus(raw: Raw) -> Iterator[Fault]:
    found = mapping(mapping(raw.get("monitoring")).get("prometheus"))
    path = "monitoring.prometheus"
    for key in ("storage", "memory"):
        yield from quantity_faults(f"{path}.{key}", found.get(key), parse_bytes)
    retention = found.get("retention")
    if isinstance(retention, str) and not _DURATION.fullmatch(retention):
        yield Fault(f"{path}.retention", f"`{retention}` must be a number and h, d, w or y, such as 15d")
    size = found.get("retentionSize")
    if isinstance(size, str) and not _SIZE.fullmatch(size):
        yield Fault(f"{path}.retentionSize", f"`{size}` must be a number and MB, GB or TB, such as 16GB")
    yield from _between(f"{path}.scrapeSeconds", found.get("scrapeSeconds"), 5, 120)
    yield from _between(f"{path}.replicas", found.get("replicas"), 1, 3)


def _remote_write(raw: Raw) -> Iterator[Fault]:
    for path, one in maps(mapping(raw.get("monitoring")).get("remoteWrite"), "monitoring.remoteWrite"):
        yield from _url(f"{path}.url", one.get("url"))
        yield from object_faults(f"{path}.credentialsSecret", one.get("credentialsSecret"), "Secret")


def _alertmanager(raw: Raw) -> Iterator[Fault]:
    found = mapping(mapping(raw.get("monitoring")).get("alertmanager"))
    path = "monitoring.alertmanager"
    yield from quantity_faults(f"{path}.storage", found.get("storage"), parse_bytes)
    yield from _between(f"{path}.replicas", found.get("replicas"), 1, 3)
    yield from _url(f"{path}.deadManUrl", found.get("deadManUrl"))
    quiet = mapping(found.get("quiet"))
    for key in ("start", "end"):
        text = quiet.get(key)
        if isinstance(text, str) and not _CLOCK.fullmatch(text):
            yield Fault(f"{path}.quiet.{key}", f"`{text}` must be HH:MM, such as 22:00")
    receivers = list(maps(found.get("receivers"), f"{path}.receivers"))
    for place, one in receivers:
        yield from _url(f"{place}.url", one.get("url"))
        yield from object_faults(f"{place}.urlSecret", one.get("urlSecret"), "Secret")
        if (one.get("url") is None) == (one.get("urlSecret") is None):
            yield Fault(place, "must have one of `url` and `urlSecret`")
        for where, text in texts(one.get("severities"), f"{place}.severities"):
            if text not in SEVERITIES:
                yield Fault(where, f"`{text}` is no severity. Legal values: {listed(SEVERITIES)}")
    yield from twice(
        ((f"{place}.name", name) for place, one in receivers if isinstance(name := one.get("name"), str)),
        lambda name, first: f"`{name}` is the name of {first} too. Names must differ",
    )


def _objectives(raw: Raw) -> Iterator[Fault]:
    found = mapping(mapping(raw.get("monitoring")).get("objectives"))
    path = "monitoring.objectives"
    for key in ("availability", "firstToken", "tokenRate"):
        share = found.get(key)
        if isinstance(share, int | float) and not isinstance(share, bool) and not 0 < share < 1:
            yield Fault(f"{path}.{key}", f"must be a share between 0 and 1, such as 0.99, not {share}")
    for key, bounds in (("firstTokenSeconds", FIRST_TOKEN_SECONDS), ("tokensPerSecond", TOKEN_RATES)):
        value = found.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and value not in bounds:
            legal = listed(f"{bound:g}" for bound in bounds)
            yield Fault(f"{path}.{key}", f"{value:g} is no bound of the histogram. Legal values: {legal}")


def _mode(raw: Raw) -> Iterator[Fault]:
    found = mapping(raw.get("monitoring"))
    existing = found.get("mode") == "existing"
    yield from namespace_faults("monitoring.scraperNamespace", found.get("scraperNamespace"))
    if existing and found.get("scraperNamespace") is None:
        yield Fault(
            "monitoring.scraperNamespace",
            "is required with `mode: existing`: network policies let its Prometheus in, and nobody else",
        )
    for key in ("prometheus", "alertmanager", "remoteWrite"):
        if existing and key in found:
            yield Fault(f"monitoring.{key}", "is about what `mode: bring` brings. Leave it out with `mode: existing`")
    for key in ("labels", "scraperNamespace", "scraperLabels"):
        if not existing and key in found:
            yield Fault(f"monitoring.{key}", "is only for `mode: existing`. Leave it out")
    runbooks = found.get("runbooks")
    if isinstance(runbooks, str) and (not runbooks or runbooks.endswith("/")):
        yield Fault("monitoring.runbooks", f"`{runbooks}` must be a path or an address without a slash at its end")


def _responder(raw: Raw) -> Iterator[Fault]:
    found = mapping(mapping(raw.get("monitoring")).get("responder"))
    for where, text in texts(found.get("allow"), "monitoring.responder.allow"):
        if text not in ACTS:
            yield Fault(where, f"`{text}` is no act. Legal values: {listed(ACTS)}")
    yield from _between("monitoring.responder.maxReplicas", found.get("maxReplicas"), 1, _MOST_REPLICAS)
    if found.get("enabled") is True and mapping(raw.get("monitoring")).get("mode") == "existing":
        yield Fault("monitoring.responder.enabled", "needs the Alertmanager that `mode: bring` brings. Leave it out")


def _probes(raw: Raw) -> Iterator[Fault]:
    found = mapping(mapping(raw.get("monitoring")).get("probes"))
    path = "monitoring.probes"
    yield from _between(f"{path}.seconds", found.get("seconds"), 10, 3600)
    yield from _between(f"{path}.timeoutSeconds", found.get("timeoutSeconds"), 1, 600)
    servers = [one for _, one in maps(raw.get("servers"), "servers")]
    known = {str(model.get("name")) for one in servers for _, model in maps(one.get("models"), "models")}
    for where, text in texts(found.get("embedding"), f"{path}.embedding"):
        if text not in known:
            yield Fault(where, f"no server has the model `{text}`. Legal values: {listed(sorted(known))}")


def _exporters(raw: Raw) -> Iterator[Fault]:
    found = mapping(raw.get("monitoring"))
    if found.get("mode") != "existing":
        return
    asked = {
        "kubeStateMetrics": found.get("kubeStateMetrics"),
        "probes.enabled": mapping(found.get("probes")).get("enabled"),
        "gpuExporter.enabled": mapping(found.get("gpuExporter")).get("enabled"),
    }
    for key, value in asked.items():
        if value is True:
            yield Fault(f"monitoring.{key}", "is an exporter that `mode: bring` brings. Leave it out")


def _grafana(raw: Raw) -> Iterator[Fault]:
    monitoring = mapping(raw.get("monitoring"))
    found = mapping(monitoring.get("grafana"))
    path = "monitoring.grafana"
    yield from _url(f"{path}.rootUrl", found.get("rootUrl"))
    yield from object_faults(f"{path}.credentialsSecret", found.get("credentialsSecret"), "Secret")
    for place, key, value in pairs(found.get("settings"), f"{path}.settings"):
        if not _GRAFANA_KEY.fullmatch(key):
            yield Fault(place, f"`{key}` must be section and key, such as `auth.generic_oauth.enabled`")
        elif _SECRET_KEY.search(key) and isinstance(value, str) and not value.startswith("$__file{"):
            yield Fault(
                place,
                "is a secret, and whoever reads the plan sees it. Put it into the Secret of `credentialsSecret`, and "
                "write `$__file{/etc/grafana-credentials/<its key>}` here",
            )
    if found.get("enabled") is not True:
        return
    if monitoring.get("mode") == "existing":
        yield Fault(f"{path}.enabled", "needs the Prometheus that `mode: bring` brings. Leave it out")
    if monitoring.get("dashboards") is False:
        yield Fault(f"{path}.enabled", "has nothing to show without `monitoring.dashboards`. Leave one of them out")


def _gpu_exporter(raw: Raw) -> Iterator[Fault]:
    found = mapping(mapping(raw.get("monitoring")).get("gpuExporter"))
    path = "monitoring.gpuExporter"
    existing = found.get("mode") == "existing"
    yield from namespace_faults(f"{path}.namespace", found.get("namespace"))
    if existing and found.get("namespace") is None:
        yield Fault(f"{path}.namespace", "is required with `mode: existing`: where the exporter's pods are")
    for key in ("namespace", "labels"):
        if not existing and key in found:
            yield Fault(f"{path}.{key}", "is only for `mode: existing`. Leave it out")
    if existing and "pod" in found:
        yield Fault(f"{path}.pod", "is about what `mode: bring` brings. Leave it out with `mode: existing`")
    pools = [one for _, one in maps(raw.get("gpuPools"), "gpuPools")]
    if found.get("enabled") is True and not existing and not any(map(_nvidia, pools)):
        yield Fault(
            f"{path}.enabled",
            "has no node to run on: `gpuPools` has no pool of NVIDIA's GPUs. Name one there, or the exporter that is "
            "there already by `mode: existing`",
        )


def _nvidia(pool: Raw) -> bool:
    card = ACCELERATORS.get(str(pool.get("accelerator")))
    return card is not None and card.vendor == "nvidia"


def _collector(raw: Raw) -> Iterator[Fault]:
    found = mapping(mapping(raw.get("monitoring")).get("collector"))
    path = "monitoring.collector"
    for key in ("logs", "traces"):
        one = mapping(found.get(key))
        yield from _url(f"{path}.{key}.url", one.get("url"))
        yield from object_faults(f"{path}.{key}.credentialsSecret", one.get("credentialsSecret"), "Secret")
    if found.get("enabled") is not True:
        return
    if mapping(raw.get("monitoring")).get("mode") == "existing":
        yield Fault(f"{path}.enabled", "needs the namespace that `mode: bring` brings. Leave it out")
    if found.get("logs") is None and found.get("traces") is None and found.get("jaeger") is not True:
        yield Fault(path, "must have at least one of `logs`, `traces` and `jaeger`: else it sends nothing to nobody")


def _between(path: str, value: object, least: int, most: int) -> Iterator[Fault]:
    if isinstance(value, int) and not isinstance(value, bool) and not least <= value <= most:
        yield Fault(path, f"must be a whole number from {least} to {most}, not {value}")


def _url(path: str, text: object) -> Iterator[Fault]:
    if isinstance(text, str) and not _URL.fullmatch(text):
        yield Fault(
            path,
            "must be http:// or https://, a host and a path, without a user, a password or a query: whoever reads the "
            "plan sees it. Put an address with a secret into a Secret",
        )


CHECKS: tuple[Check, ...] = (
    _prometheus,
    _remote_write,
    _alertmanager,
    _objectives,
    _mode,
    _responder,
    _probes,
    _exporters,
    _collector,
    _grafana,
    _gpu_exporter,
)
