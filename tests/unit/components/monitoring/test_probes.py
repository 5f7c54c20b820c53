"""What models are asked, by whom; and that whoever tells of the cluster's objects reads no secret.

That a real exporter asks a real model is shown in tests/drill/test_stack.py.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import yaml

from components.monitoring import kube_state, probes
from components.settings.monitoring import ProbeSettings
from replica_agent.ports import GATE_PORT

MODELS = {"chat": ["smollm2:135m", "all-minilm:22m"], "large": ["smollm2:135m"]}
SETTINGS = ProbeSettings.model_validate({"enabled": True, "embedding": ["all-minilm:22m"]})


def test_each_model_of_each_server_is_asked_in_its_own_way() -> None:
    found = probes.asked(MODELS)
    assert [(one.server, one.model) for one in found] == [
        ("chat", "all-minilm:22m"), ("chat", "smollm2:135m"), ("large", "smollm2:135m")
    ]  # fmt: skip
    modules: dict[str, Any] = yaml.safe_load(probes.config(found, SETTINGS))["modules"]
    assert set(modules) == {one.module for one in found}
    assert len({one.name for one in found}) == len(found)
    bodies = {json.loads(module["http"]["body"])["model"]: module["http"]["body"] for module in modules.values()}
    assert json.loads(bodies["smollm2:135m"])["options"] == {"num_predict": 1}
    assert "input" in json.loads(bodies["all-minilm:22m"])
    specs = {(one.server, one.model): probes.probe(one, "team", SETTINGS) for one in found}
    chat = specs["chat", "smollm2:135m"]
    target = f"http://chat.team-models.svc.cluster.local:{GATE_PORT}/api/generate"
    assert chat["targets"]["staticConfig"]["static"] == [target]
    assert chat["targets"]["staticConfig"]["labels"] == {
        "server": "chat", "model": "smollm2:135m", "namespace": "team-models"
    }  # fmt: skip
    embedding = specs["chat", "all-minilm:22m"]["targets"]["staticConfig"]["static"]
    assert embedding == [target.replace("generate", "embed")]


def test_the_exporter_gives_up_before_prometheus_does() -> None:
    for timeout, seconds in pairwise((10, 20, 60, 90, 3600)):
        settings = ProbeSettings.model_validate({"seconds": seconds, "timeoutSeconds": timeout})
        spec = probes.probe(probes.asked(MODELS)[0], "team", settings)
        scraped, interval = (int(spec[key].removesuffix("s")) for key in ("scrapeTimeout", "interval"))
        assert timeout < scraped <= interval


def test_objects_are_listed_in_named_namespaces_and_none_of_them_holds_a_secret() -> None:
    listed = {one for rule in kube_state.rules() for one in rule["resources"]}
    assert not listed & {"secrets", "configmaps"}
    assert {verb for rule in kube_state.rules() for verb in rule["verbs"]} == {"list", "watch"}
    (container,) = kube_state.deployment("team", ["a", "b"], image="i")["template"]["spec"]["containers"]
    assert "--namespaces=a,b" in container["args"]
    (resources,) = [one for one in container["args"] if one.startswith("--resources=")]
    assert set(resources.removeprefix("--resources=").split(",")) == listed
