"""Who is told of what, says amtool of the configuration that Alertmanager would get.

Not shown: that a receiver understands what it is sent. Inhibitions are shown by the drills (docs/monitoring.md).
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.monitoring import alertmanager
from components.settings.monitoring import AlertmanagerSettings
from tests.monitoring.rule_files import alerts, groups
from tests.support.prepared import prepared

PAGER = {"name": "pager", "url": "http://pager.example:8080/hook", "severities": ["critical"]}
CHAT = {"name": "chat", "url": "https://chat.example/hook", "severities": ["critical", "warning", "info"]}
NIGHT = {"start": "22:00", "end": "07:00"}
ALIVE = "https://alive.example/echorator"


def make(**raw: Any) -> AlertmanagerSettings:
    return AlertmanagerSettings.model_validate(raw)


def amtool(*arguments: str) -> str:
    done = subprocess.run([prepared("ECHORATOR_AMTOOL"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(folder: Path, settings: AlertmanagerSettings, responder: str | None = None) -> Path:
    file = folder / "alertmanager.yaml"
    file.write_text(yaml.safe_dump(alertmanager.config(settings, responder=responder), sort_keys=False))
    return file


def told(file: Path, **labels: str) -> set[str]:
    """Receivers of an alert with these labels."""
    pairs = [f"{key}={value}" for key, value in labels.items()]
    return set(amtool("config", "routes", "test", f"--config.file={file}", *pairs).strip().split(","))


@pytest.mark.parametrize(
    "settings",
    [
        make(),
        make(deadManUrl=ALIVE),
        make(receivers=[PAGER, CHAT], quiet=NIGHT),
        make(receivers=[CHAT], quiet={"start": "12:00", "end": "13:00"}),
    ],
)
def test_alertmanager_takes_it(settings: AlertmanagerSettings, tmp_path: Path) -> None:
    amtool("check-config", str(written(tmp_path, settings)))


def test_severities_decide_who_is_told(tmp_path: Path) -> None:
    file = written(tmp_path, make(receivers=[PAGER, CHAT], deadManUrl=ALIVE))
    assert told(file, alertname="ServerDown", severity="critical") == {"to-pager", "to-chat"}
    assert told(file, alertname="PullStuck", severity="warning") == {"to-chat"}
    assert told(file, alertname="ModelDrifted", severity="info") == {"to-chat"}
    assert told(file, alertname="Watchdog", severity="none") == {"dead-man"}


def test_without_receivers_nobody_is_told(tmp_path: Path) -> None:
    file = written(tmp_path, make())
    assert told(file, alertname="ServerDown", severity="critical") == {"nobody"}
    assert told(file, alertname="Watchdog", severity="none") == {"nobody"}


def test_the_responder_hears_of_what_it_may_act_on_besides(tmp_path: Path) -> None:
    settings = make(receivers=[CHAT])
    file = written(tmp_path, settings, responder="http://responder.example:8080/alerts")
    amtool("check-config", str(file))
    assert told(file, alertname="PullStuck", severity="warning", act="restart-stuck-pull") == {"responder", "to-chat"}
    assert told(file, alertname="StoreDown", severity="critical") == {"to-chat"}


def test_quiet_hours_hold_back_all_but_the_critical(tmp_path: Path) -> None:
    found = alertmanager.config(make(receivers=[CHAT], quiet=NIGHT))
    (interval,) = found["time_intervals"]
    assert interval["time_intervals"] == [
        {"times": [{"start_time": "22:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "07:00"}]}
    ]
    file = written(tmp_path, make(receivers=[CHAT], quiet=NIGHT))
    shown = amtool("config", "routes", "show", f"--config.file={file}")
    assert 'severity!="critical"' in shown
    (route,) = [one for one in found["route"]["routes"] if one["receiver"] == "to-chat"]
    assert "mute_time_intervals" not in route
    assert [one["mute_time_intervals"] for one in route["routes"]] == [["quiet"]]


def test_inhibitions_name_alerts_that_there_are(tmp_path: Path) -> None:
    known = set(alerts(groups(tmp_path)))
    for rule in alertmanager.inhibitions():
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]:
            key, _, value = matcher.partition("=")
            if key != "alertname":
                continue
            for name in value.strip('~"').split("|"):
                stem = name.replace(".*", "")
                assert any(stem in one if ".*" in name else stem == one for one in known), name


def test_ports_of_receivers_are_open_and_no_others() -> None:
    hidden = {"name": "hidden", "urlSecret": "hook"}
    assert alertmanager.ports_out(make()) == []
    assert alertmanager.ports_out(make(receivers=[PAGER, CHAT])) == [443, 8080]
    assert alertmanager.ports_out(make(receivers=[hidden])) == [443]
    assert alertmanager.ports_out(make(deadManUrl="http://alive.example/x")) == [80]
