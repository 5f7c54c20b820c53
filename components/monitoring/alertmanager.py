"""Alertmanager: its object, and who is told of what."""

from collections.abc import Mapping, Sequence
from typing import Any

from components import workload
from components.monitoring import names, tls
from components.monitoring.prometheus import pods
from components.settings.monitoring import AlertmanagerSettings, QuietSettings, ReceiverSettings
from components.sizes import Size

CONFIG_SECRET = "alertmanager-routes"  # noqa: S105
"""Secret with the configuration, key `alertmanager.yaml`; addresses with a secret in them are not in it."""
NOBODY = "nobody"
DEAD_MAN = "dead-man"
RESPONDER = "responder"
WATCHDOG = "Watchdog"
QUIET = "quiet"

_SECRETS = "/etc/alertmanager/secrets"
_CONFIG_MAPS = "/etc/alertmanager/configmaps"
_ALL_DAY = ("00:00", "24:00")


def size(settings: AlertmanagerSettings) -> Size:
    """Of one replica."""
    return Size(cpu="10m", cpu_limit="200m", memory="48Mi", memory_limit="128Mi", storage=settings.storage)


def config(
    settings: AlertmanagerSettings, *, responder: str | None = None, responder_name: str | None = None
) -> dict[str, Any]:
    """The configuration.

    Args:
        settings: who is told.
        responder: address of the responder's web hook; None where there is none.
        responder_name: in its certificate; None where it takes alerts without TLS.
    """
    routes: list[dict[str, Any]] = [_dead_man(settings.dead_man_url)]
    receivers: list[dict[str, Any]] = [{"name": NOBODY}]
    if settings.dead_man_url is not None:
        receivers.append(
            {"name": DEAD_MAN, "webhook_configs": [{"url": settings.dead_man_url, "send_resolved": False}]}
        )
    if responder is not None:
        # It gets its alerts besides, not instead: `continue` has the people told too.
        routes.append(
            {
                "receiver": RESPONDER,
                "matchers": ['act=~".+"'],
                "group_by": ["..."],
                "group_wait": "0s",
                "continue": True,
            }
        )
        hook: dict[str, Any] = {"url": responder, "send_resolved": False}
        if responder_name is not None:
            trusted = f"{_CONFIG_MAPS}/{tls.AUTHORITY}/{tls.AUTHORITY_KEY}"
            hook["http_config"] = {"tls_config": {"ca_file": trusted, "server_name": responder_name}}
        receivers.append({"name": RESPONDER, "webhook_configs": [hook]})
    for one in settings.receivers:
        routes.append(_route(one, settings.quiet))
        receivers.append({"name": f"to-{one.name}", "webhook_configs": [_hook(one)]})
    found: dict[str, Any] = {
        "route": {
            "receiver": NOBODY,
            # One message for what is wrong with one server, not one for each of its replicas.
            "group_by": ["alertname", "server"],
            "group_wait": "10s",
            "group_interval": "2m",
            "repeat_interval": "4h",
            "routes": routes,
        },
        "inhibit_rules": inhibitions(),
        "receivers": receivers,
    }
    if settings.quiet is not None:
        found["time_intervals"] = [{"name": QUIET, "time_intervals": _interval(settings.quiet)}]
    return found


def inhibitions() -> list[dict[str, Any]]:
    """Which alerts are kept back while another one fires, as its consequence."""

    def because(cause: str, consequence: str, *equal: str) -> dict[str, Any]:
        return {
            "source_matchers": [f'alertname="{cause}"'],
            "target_matchers": [f'alertname=~"{consequence}"'],
            "equal": list(equal),
        }

    return [
        # The same thing said more loudly.
        {
            "source_matchers": ['severity="critical"'],
            "target_matchers": ['severity="warning"'],
            "equal": ["alertname", "server", "pod"],
        },
        because("ReplicaDown", "ModelNotReady|ModelWrongDigest|PullStuck|QueueLong", "server", "pod"),
        because("ServerDown", "ReplicaMissing|ReplicaDown|OllamaDown|ModelDoesNotAnswer|.*BudgetBurn.*", "server"),
        because("ReplicaDown", "ReplicaMissing", "server"),
        because("OllamaDown", "ModelNotReady|ModelWrongDigest|QueueLong", "server", "pod"),
        because("EchoDown", "EchoReplicaDown"),
        because("DatabaseDown", "DatabaseInstanceDown|MemoryUnreachable|RecallFailing|RecallSlow|Learning.*"),
        because("MemoryUnreachable", "RecallFailing|RecallSlow|Learning.*"),
        # Who is cut off falls behind.
        because("DatabaseStandbyCutOff", "DatabaseLagging", "pod"),
        # A replica cannot bring what it cannot fetch.
        because("StoreDown", "PullStuck|PullFailing|StoreVolumeFilling|StoreUpstreamFailing"),
        because("VolumeFull", "PullStuck|PullFailing|VolumeFilling", "pod"),
        because("PullStuck", "ModelNotReady", "pod", "model"),
        because("PullFailing", "ModelNotReady", "pod", "model"),
    ]


def _dead_man(url: str | None) -> dict[str, Any]:
    return {
        "receiver": NOBODY if url is None else DEAD_MAN,
        "matchers": [f'alertname="{WATCHDOG}"'],
        "group_by": ["alertname"],
        "group_wait": "0s",
        "group_interval": "1m",
        "repeat_interval": "1m",
    }


def _route(one: ReceiverSettings, quiet: QuietSettings | None) -> dict[str, Any]:
    severities = "|".join(one.severities)
    route: dict[str, Any] = {
        "receiver": f"to-{one.name}",
        "matchers": [f'severity=~"{severities}"'],
        "continue": True,
    }
    if quiet is None:
        return route
    # The loud ones are in a route of their own, to which the quiet hours do not apply.
    calm = {"receiver": f"to-{one.name}", "matchers": ['severity!="critical"'], "mute_time_intervals": [QUIET]}
    return {**route, "routes": [calm]}


def _hook(one: ReceiverSettings) -> dict[str, Any]:
    if one.url is not None:
        return {"url": one.url, "send_resolved": True}
    return {"url_file": f"{_SECRETS}/{one.url_secret}/url", "send_resolved": True}


def _interval(quiet: QuietSettings) -> list[dict[str, Any]]:
    # An interval cannot go over midnight; two can.
    start, end = _ALL_DAY
    spans = [(quiet.start, quiet.end)] if quiet.start <= quiet.end else [(quiet.start, end), (start, quiet.end)]
    return [{"times": [{"start_time": begin, "end_time": stop} for begin, stop in spans]}]


def ports_out(settings: AlertmanagerSettings) -> list[int]:
    """TCP ports that receivers listen on; those of addresses in Secrets are taken for https."""
    urls = [one.url for one in settings.receivers if one.url is not None]
    urls += [settings.dead_man_url] if settings.dead_man_url is not None else []
    known = {workload.port_of(url) for url in urls}
    hidden = {443} if any(one.url_secret is not None for one in settings.receivers) else set[int]()
    return sorted(known | hidden)


def spec(
    settings: AlertmanagerSettings,
    *,
    image: str,
    version: str,
    storage_class: str | None,
    by_tls: bool = False,
) -> dict[str, Any]:
    """Of the Alertmanager object; `by_tls`: it answers by TLS, and trusts those that do."""
    secrets = sorted({one.url_secret for one in settings.receivers if one.url_secret is not None})
    found: dict[str, Any] = {
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "version": version,
        "replicas": settings.replicas,
        "configSecret": CONFIG_SECRET,
        "retention": "120h",
        "serviceAccountName": names.ALERTMANAGER,
        "automountServiceAccountToken": False,
        "podMetadata": {"labels": {"app.kubernetes.io/part-of": "echorator"}},
        **pods(size(settings), names.operated(names.ALERTMANAGER)),
        # Silences and what was sent outlive a restart; else each rollout tells everybody everything again.
        "storage": {
            "volumeClaimTemplate": {"spec": workload.claim_spec(settings.storage, storage_class, "ReadWriteOnce")}
        },
        "logFormat": "json",
        **({**tls.web(names.ALERTMANAGER), "configMaps": [tls.AUTHORITY]} if by_tls else {}),
    }
    return {**found, "secrets": secrets} if secrets else found


def receiver_names(found: Mapping[str, Any]) -> Sequence[str]:
    """Names of the receivers of a configuration."""
    return [one["name"] for one in found["receivers"]]
