"""How the stack configuration is read: keys, types, secrets, and that every fault is told at once, with its place.

What a value may be is tested with the checks (`test_settings_checks_*`). Not proved: what Pulumi's own command line
says about a top-level key of the wrong type, before our program runs.
"""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any, cast

import pulumi
import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from components.settings import stack as settings
from components.settings.stack import Settings, SettingsError
from components.versions import ROOT
from tests.support.settings_cases import DIGEST, POOL, cases, check, faults, model, one, refusal, server, sized

FINE = {"cpu": "1", "memory": "1Gi"}
UPSTREAM = {"host": "registry.ollama.ai"}


@cases(
    (
        "unknown top-level key",
        {"server": []},
        "server: unknown key; did you mean `servers`? Legal keys here: `environment`",
    ),
    (
        "unknown key far from any",
        {"zzz": 1},
        "zzz: unknown key. Legal keys here: `environment`, `namespace`, `cluster`",
    ),
    ("unknown key in a section", {"cluster": {"contxt": "x"}}, "cluster.contxt: unknown key; did you mean `context`?"),
    (
        "unknown key in a model",
        one(models=[{"name": "a", "sorce": "b"}]),
        "servers[0].models[0].sorce: unknown key; did you mean `source`? Legal keys here: `name`, `source`, `create`",
    ),
    (
        "unknown key in resources",
        sized({**FINE, "gpu": "1"}, FINE),
        "servers[0].resources.requests.gpu: unknown key. Legal keys here: `cpu`, `memory`",
    ),
    ("missing name", one(name=None), "servers[0].name: is required"),
    ("text for a number", one(replicas="3"), 'servers[0].replicas: must be a whole number, not "3"'),
    (
        "number for a text",
        one(storage=4),
        "servers[0].storage: must be a text (put it in quotes if YAML",
    ),
    ("truth for a number", one(replicas=True), "servers[0].replicas: must be a whole number, not true"),
    ("text for a truth", {"modelStore": {"enabled": "yes"}}, 'modelStore.enabled: must be true or false, not "yes"'),
    ("map for a list", {"servers": {}}, "servers: must be a list, not {}"),
    ("text for a map", {"cluster": "x"}, 'cluster: must be a map of keys to values, not "x"'),
    ("unknown environment", {"environment": "staging"}, "environment: must be one of 'dev' or 'prod', not \"staging\""),
    ("unknown mode", {"cluster": {"mode": "make"}}, "cluster.mode: must be one of 'adopt' or 'clusterApi', not"),
    (
        "unknown class",
        one(**{"class": "huge", "resources": None}),
        "servers[0].class: must be one of 'small', 'medium', 'large' or 'echo', not \"huge\"",
    ),
    (
        "unknown key in a model's recipe",
        model(create={"from": "base", "system": "x", "sytem": "y"}),
        "servers[0].models[0].create.sytem: unknown key; did you mean `system`?",
    ),
    (
        "unknown key in a list of maps",
        one(pod={"env": [{"name": "A", "value": "1", "valeu": "2"}]}),
        "servers[0].pod.env[0].valeu: unknown key; did you mean `value`?",
    ),
    (
        "a parameter of no legal type",
        model(create={"from": "base", "parameters": {"stop": {"a": 1}}}),
        "servers[0].models[0].create.parameters.stop: must be a number, a text, true or false, or a list of",
    ),
    (
        "text for a list",
        one(ollama={"origins": "https://a"}),
        'servers[0].ollama.origins: must be a list, not "https://a"',
    ),
    ("number for a label", one(pod={"labels": {"team": 1}}), "servers[0].pod.labels.team: must be a text"),
    (
        "unknown type of service",
        one(expose={"type": "Route"}),
        "servers[0].expose.type: must be one of 'ClusterIP', 'NodePort' or 'LoadBalancer', not \"Route\"",
    ),
    (
        "unknown quantization of the cache",
        one(ollama={"kvCacheType": "q5_0"}),
        "servers[0].ollama.kvCacheType: must be one of 'f16', 'q8_0' or 'q4_0', not",
    ),
)
def test_refusals(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


def test_nothing_but_the_fault_is_told() -> None:
    assert len(refusal(one(storage="4GB"))) == 1


def test_all_faults_at_once() -> None:
    raw = {"environment": "prod", "oops": 1, "servers": [server(replicas="3", storage="x"), server(name="B")]}
    told = "\n".join(refusal(raw))
    for part in (
        "oops: unknown key",
        "servers[0].replicas",
        "servers[0].storage",
        "servers[1].name",
        "models[0].digest",
    ):
        assert part in told
    with pytest.raises(SettingsError, match=r"The stack configuration has 6 faults; nothing was deployed:\n  - "):
        settings.validate(raw)


EVERYTHING: dict[str, Any] = {
    "environment": "prod",
    "namespace": "team",
    "clusters": [
        {
            "name": "east",
            "role": "primary",
            "mode": "adopt",
            "context": "c",
            "storageClass": "s",
            "storage": [
                {
                    "driver": "cephRbd",
                    "name": "fast",
                    "key": "k",
                    "secret": {"name": "s", "namespace": "n"},
                    "parameters": {"clusterID": "c", "pool": "p"},
                }
            ],
            "secretsAtRest": "required",
            "apiServer": ["10.0.0.1:6443"],
            "apiServerCidrs": ["10.0.0.0/24"],
        },
        {
            "name": "west",
            "role": "secondary",
            "mode": "clusterApi",
            "context": "d",
            "lost": True,
            "clusterApi": {
                "management": "m",
                "infrastructure": "azure",
                "version": "v1.34.4",
                "region": "r",
                "subscription": "s",
                "identity": "i",
                "sshKey": "k",
                "pods": "10.0.0.0/16",
                "services": "10.1.0.0/16",
                "controlPlane": {"machine": "m", "replicas": 3, "disk": 100, "image": "i"},
                "workers": [
                    {
                        "name": "cpu",
                        "machine": "m",
                        "replicas": 1,
                        "disk": 100,
                        "image": "i",
                        "labels": {"a": "b"},
                        "taints": [{"key": "a", "value": "b", "effect": "NoExecute"}],
                    }
                ],
            },
        },
    ],
    "modelStore": {
        "enabled": True,
        "storage": "20Gi",
        "upstreams": [{"host": "registry.ollama.ai", "mirrors": ["http://m:1"], "credentialsSecret": "login"}],
        "uploads": True,
        "collect": {"enabled": True, "keepHours": 1.5},
    },
    "servers": [
        server(
            cluster="east",
            replicas=2,
            volume={"mode": "shared", "storageClass": "nfs", "accessMode": "ReadWriteMany"},
            ollama={"keepAlive": "-1", "contextLength": 1, "origins": ["https://a"], "gpuOverhead": "1Gi"},
            expose={
                "type": "NodePort",
                "nodePort": 30000,
                "sourceRanges": ["10.0.0.0/8"],
                "annotations": {"a": "b"},
                "ingress": {"host": "a.example.com", "tlsSecret": "t", "annotations": {"a": "b"}},
                "gateway": {"host": "b.example.com", "gateway": "g", "namespace": "n", "section": "s"},
                "fromNamespaces": ["n"],
                "fromPods": [{"namespace": "n", "labels": {"a": "b"}}],
            },
            pod={
                "image": f"ollama/ollama:0.17.4@{DIGEST}",
                "imagePullSecrets": ["s"],
                "runtimeClass": "r",
                "nodeSelector": {"a": "b"},
                "tolerations": [{"key": "a", "operator": "Equal", "value": "b", "effect": "NoExecute"}],
                "affinity": {"podAffinity": {}},
                "labels": {"a": "b"},
                "annotations": {"a": "b"},
                "env": [{"name": "A", "value": "1"}, {"name": "B", "secret": "s", "key": "k"}],
                "envFromSecrets": ["s"],
                "envFromConfigMaps": ["c"],
                "terminationGraceSeconds": 60,
                "template": {
                    "metadata": {"labels": {"a": "b"}, "annotations": {"a": "b"}},
                    "spec": {
                        "volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}],
                        "containers": [
                            {
                                "name": "proxy",
                                "securityContext": {"runAsUser": 1, "capabilities": {"drop": ["ALL"]}},
                                "ports": [{"containerPort": 1}],
                                "env": [{"name": "A", "value": "1"}],
                                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                            }
                        ],
                    },
                },
            },
            reach={"mode": "url", "url": "https://{replica}.example.com"},
            models=[
                {
                    "name": "a",
                    "create": {
                        "from": "b",
                        "adapter": {"claim": "c", "path": "p"},
                        "parameters": {"num_ctx": 1, "stop": ["x"]},
                        "messages": [{"role": "user", "content": "x"}],
                    },
                    "preload": True,
                    "keepAlive": "1h",
                },
                {"name": "b", "source": "c:v1", "digest": DIGEST, "aliases": ["d"]},
                {"name": "e", "create": {"files": {"claim": "c", "path": "p"}}},
            ],
        ),
        {"name": "far", "url": "http://h:1", "models": [{"name": "a", "digest": DIGEST}]},
    ],
    "imageDigests": {"ollama": DIGEST},
}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every map and list within `value`, with each of its keys."""
    if isinstance(value, dict):
        keys: list[Any] = list(cast("dict[Any, Any]", value))
    else:
        keys = list(range(len(cast("list[Any]", value)))) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from places(value[key])


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)


def test_everything_at_once_is_legal() -> None:
    assert faults(EVERYTHING) == []


# How long a busy machine takes to think of values says nothing of the checks.
@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0), st.integers(0), JUNK, JUNK)
def test_no_value_anywhere_breaks_the_checks(first: int, second: int, junk: Any, other: Any) -> None:
    """Each is legal or told as a fault; a check that fails itself would show a traceback and hide the rest."""
    raw = copy.deepcopy(EVERYTHING)
    for choice, value in ((first, junk), (second, other)):
        found = list(places(raw))
        owner, key = found[choice % len(found)]
        owner[key] = value
    for environment in ("dev", "prod"):
        for fault in faults({**raw, "environment": environment}):
            assert re.match(r"\S.*: ", fault, re.DOTALL), fault


@given(st.integers(0))
def test_each_key_is_looked_at(choice: int) -> None:
    """In place of any value, something of another type is a fault, except where anything that Kubernetes takes goes."""
    raw = copy.deepcopy(EVERYTHING)
    found = [
        (owner, key, value)
        for owner, key in places(raw)
        for value in [owner[key]]
        if key not in ("affinity", "podAffinity") and owner is not raw["servers"][0]["pod"]["affinity"]
    ]
    template = raw["servers"][0]["pod"]["template"]
    free = [id(owner) for owner, _ in places(template)]
    owner, key, _ = [one for one in found if id(one[0]) not in free][
        choice % (len(found) - len(list(places(template))))
    ]
    owner[key] = object()
    assert faults(raw)


def test_keys_of_another_project_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def raw(project: str) -> tuple[dict[str, str], frozenset[str]]:
        return {"servers": "[]"} if project == "echorator" else {}, frozenset()

    monkeypatch.setattr(pulumi, "get_project", lambda: "mine")
    monkeypatch.setattr(settings, "raw_config", raw)
    with pytest.raises(SettingsError, match="echorator:servers: belongs to a project called `echorator`"):
        settings.load()


def test_a_refusal_is_shown_without_traceback() -> None:
    assert issubclass(SettingsError, pulumi.RunError)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        one(),
        one(replicas=0, models=[]),
        {**one(**{"class": "large", "resources": None, "storage": None}), "gpuPools": [POOL]},
        {"servers": [{"name": "far", "url": "https://ollama.example.com", "models": [{"name": "hf.co/x/y"}]}]},
        {"modelStore": {"enabled": False}, **one(models=[{"name": "hf.co/x/y"}])},
        {"modelStore": {"upstreams": [{"host": "registry.example.com:5000"}, UPSTREAM]}, **one()},
        {"environment": "prod", **one(models=[{"name": "a", "digest": DIGEST}])},
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert isinstance(settings.validate(raw), Settings)


def test_values_arrive() -> None:
    found = settings.parse({"environment": "dev", "servers": json.dumps([server(replicas=3)]), "namespace": "team"})
    assert (found.namespace, found.servers[0].replicas, found.servers[0].storage) == ("team", 3, "4Gi")
    assert found.model_store.upstreams[0].host == "registry.ollama.ai"


def test_text_where_json_belongs() -> None:
    with pytest.raises(SettingsError, match="servers: must be a list, not the text `oops`") as caught:
        settings.parse({"servers": "oops", "zzz": "1"})
    assert len(caught.value.faults) == 2


def test_secrets_are_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError, match="servers: is set as a secret") as caught:
        settings.parse({"servers": '["hidden-value"]', "zzz": "1"}, frozenset({"servers"}))
    assert "hidden-value" not in str(caught.value)
    assert any(fault.path == "zzz" for fault in caught.value.faults)


def test_raw_config_sees_every_key_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"echorator:oops": "1", "kubernetes:context": "x"}))
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps(["echorator:oops"]))
    pulumi.runtime.set_all_config({"echorator:namespace": "team"}, [])
    assert settings.raw_config("echorator") == ({"oops": "1", "namespace": "team"}, frozenset({"oops"}))


def project() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]


def test_pulumi_yaml_declares_every_key() -> None:
    aliases = [field.alias for field in Settings.model_fields.values()]
    assert list(project()) == aliases
    for declared in project().values():
        assert declared["description"]
        assert "type" in declared


def test_defaults_of_pulumi_yaml_are_those_of_the_model() -> None:
    assert settings.validate({key: declared["default"] for key, declared in project().items()}) == Settings()


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_stacks_in_the_repository_are_legal(stack: str) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    raw = {key.removeprefix("echorator:"): value for key, value in config.items() if key.startswith("echorator:")}
    assert settings.validate(raw).environment == stack
