"""What may be configured, and that every fault is told at once, with its place and what would be right.

Not proved: what Pulumi's own command line says about a top-level key of the wrong type, before our program runs.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
import yaml

from components import settings
from components.settings import Settings, SettingsError
from components.versions import ROOT

DIGEST = "sha256:" + "ab" * 32

SERVER: dict[str, Any] = {
    "name": "chat",
    "resources": {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "3Gi"}},
    "storage": "4Gi",
    "models": [{"name": "smollm2:135m"}],
}


def server(**changes: Any) -> dict[str, Any]:
    """A legal server with some keys changed; None takes a key away."""
    found = {**copy.deepcopy(SERVER), **changes}
    return {key: value for key, value in found.items() if value is not None}


def one(**changes: Any) -> dict[str, Any]:
    """A configuration of one server with some of its keys changed."""
    return {"servers": [server(**changes)]}


def refusal(raw: Mapping[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings.validate(raw)
    return [str(fault) for fault in caught.value.faults]


def sized(requests: Mapping[str, str], limits: Mapping[str, str]) -> dict[str, Any]:
    return one(resources={"requests": requests, "limits": limits})


FINE = {"cpu": "1", "memory": "1Gi"}
UPSTREAM = {"host": "registry.ollama.ai"}

REFUSALS: list[tuple[str, dict[str, Any], str]] = [
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
        "servers[0].models[0].sorce: unknown key; did you mean `source`? Legal keys here: `name`, `source`, `digest`",
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
    ("unknown mode", {"cluster": {"mode": "make"}}, "cluster.mode: must be one of 'adopt', not \"make\""),
    (
        "unknown class",
        one(**{"class": "huge", "resources": None}),
        "servers[0].class: must be one of 'small', 'medium' or 'large', not \"huge\"",
    ),
    ("bad prefix", {"namespace": "My_Stack"}, "namespace: `My_Stack` is no legal name: at most 40 lower-case letters"),
    ("long prefix", {"namespace": "a" * 41}, "namespace: `" + "a" * 41 + "` is no legal name"),
    ("bad server name", one(name="Chat"), "servers[0].name: `Chat` is no legal name"),
    (
        "name of the store",
        one(name="model-store"),
        "servers[0].name: `model-store` is the name of a service of the model store. Choose another",
    ),
    (
        "name of an upstream",
        one(name="registry-ollama-ai"),
        "servers[0].name: `registry-ollama-ai` is the name of a service of the model store",
    ),
    ("name of a pods service", one(name="chat-pods"), "servers[0].name: `chat-pods` ends in `-pods`"),
    (
        "server named twice",
        {"servers": [server(), server()]},
        "servers[1].name: `chat` is also the name at servers[0].name. Names of servers must differ",
    ),
    (
        "model named twice",
        one(models=[{"name": "a"}, {"name": "A:latest"}]),
        "servers[0].models[1].name: is `registry.ollama.ai/library/a:latest`, which servers[0].models[0].name is too",
    ),
    ("model name", one(models=[{"name": "a b"}]), "servers[0].models[0].name: not a model's name"),
    (
        "model name with digest",
        one(models=[{"name": f"a@{DIGEST}"}]),
        "servers[0].models[0].name: Ollama cannot pull by digest",
    ),
    ("model source", one(models=[{"name": "a", "source": ""}]), "servers[0].models[0].source: not a model's name"),
    (
        "model in the cloud",
        one(models=[{"name": "a:cloud"}]),
        "servers[0].models[0].name: `a:cloud` would run on Ollama's own service, not here",
    ),
    (
        "no replicas",
        one(replicas=0),
        "servers[0].replicas: is 0, but the server has models, and no replica could hold them",
    ),
    ("negative replicas", one(replicas=-1), "servers[0].replicas: must be from 0 to 1000, not -1"),
    (
        "digest",
        one(models=[{"name": "a", "digest": "sha256:12"}]),
        "servers[0].models[0].digest: `sha256:12` is no digest: must be `sha256:` and 64 lower-case hex digits",
    ),
    (
        "url and replicas",
        {"servers": [{"name": "a", "url": "http://h:1", "replicas": 2}]},
        "servers[0].url: is of a server that already runs, so `replicas` cannot be set here.",
    ),
    (
        "url and size",
        {
            "servers": [
                {
                    "name": "a",
                    "url": "http://h:1",
                    "class": "small",
                    "storage": "1Gi",
                    "resources": {"requests": FINE, "limits": FINE},
                }
            ]
        },
        "so `storage`, `class`, `resources` cannot be set here",
    ),
    (
        "url with a path",
        {"servers": [{"name": "a", "url": "http://h/x"}]},
        "servers[0].url: `http://h/x` is no legal URL: must be `http://HOST[:PORT]`",
    ),
    ("url without scheme", {"servers": [{"name": "a", "url": "h:11434"}]}, "servers[0].url: `h:11434` is no legal URL"),
    (
        "url with password",
        {"servers": [{"name": "a", "url": "http://u:pw@h"}]},
        "servers[0].url: holds a user or password; configuration is stored in clear",
    ),
    ("class and resources", one(**{"class": "small"}), "servers[0]: has `class` and `resources`. Keep one"),
    ("no size", one(resources=None), "servers[0]: has neither `class` (`small`, `medium`, `large`) nor `resources`"),
    ("resources without storage", one(storage=None), "servers[0].storage: is required beside `resources`"),
    ("storage", one(storage="4GB"), "servers[0].storage: `4GB` is no legal quantity: must be a number followed by Ki"),
    ("store's storage", {"modelStore": {"storage": "0Gi"}}, "modelStore.storage: `0Gi` is no legal quantity"),
    (
        "cpu",
        sized({**FINE, "cpu": "1Gi"}, FINE),
        "servers[0].resources.requests.cpu: `1Gi` is no legal quantity: must be a number of cores",
    ),
    (
        "cpu above its limit",
        sized({**FINE, "cpu": "2"}, FINE),
        "servers[0].resources.requests.cpu: is more than the limit",
    ),
    (
        "memory above its limit",
        sized({**FINE, "memory": "1025Mi"}, FINE),
        "servers[0].resources.requests.memory: is more than the limit",
    ),
    (
        "no upstreams",
        {"modelStore": {"upstreams": []}},
        "modelStore.upstreams: is empty, so the store could fetch nothing",
    ),
    (
        "upstream with scheme",
        {"modelStore": {"upstreams": [{"host": "https://r.io"}]}},
        "modelStore.upstreams[0].host: `https://r.io` is no registry",
    ),
    (
        "upstream twice",
        {"modelStore": {"upstreams": [UPSTREAM, UPSTREAM]}},
        "modelStore.upstreams[1].host: its service would be called `registry-ollama-ai`, like that of modelStore",
    ),
    (
        "upstreams of one alias",
        {"modelStore": {"upstreams": [{"host": "a.b"}, {"host": "a-b"}]}},
        "modelStore.upstreams[1].host: its service would be called `a-b`",
    ),
    (
        "mirror",
        {"modelStore": {"upstreams": [{**UPSTREAM, "mirrors": ["mirror:5000"]}]}},
        "modelStore.upstreams[0].mirrors[0]: `mirror:5000` is no legal URL",
    ),
    (
        "mirror with password",
        {"modelStore": {"upstreams": [{**UPSTREAM, "mirrors": ["http://u:pw@m"]}]}},
        "mirrors[0]: holds a user or password",
    ),
    (
        "source outside the store",
        one(models=[{"name": "a", "source": "hf.co/x/y"}]),
        "servers[0].models[0].source: comes from `hf.co`, which the model store does not fetch from.",
    ),
    ("empty context", {"cluster": {"context": ""}}, "cluster.context: is empty: must be a name, or left out"),
    (
        "address range",
        {"cluster": {"apiServerCidrs": ["10.0.0.0/33"]}},
        "cluster.apiServerCidrs[0]: must be an address range such as 10.0.0.0/24",
    ),
    (
        "unknown image",
        {"imageDigests": {"olama": DIGEST}},
        "imageDigests.olama: unknown image. Legal names: `ollama`, `runtime`",
    ),
    ("image digest", {"imageDigests": {"ollama": "latest"}}, "imageDigests.ollama: `latest` is no digest"),
    (
        "prod without digest",
        {"environment": "prod", **one()},
        "servers[0].models[0].digest: is required where environment is `prod`, since a tag can move",
    ),
]


@pytest.mark.parametrize(("raw", "told"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_refusals(raw: dict[str, Any], told: str) -> None:
    assert any(told in fault for fault in refusal(raw)), refusal(raw)


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


def test_a_refusal_is_shown_without_traceback() -> None:
    assert issubclass(SettingsError, pulumi.RunError)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        one(),
        one(replicas=0, models=[]),
        one(**{"class": "large", "resources": None, "storage": None}),
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
