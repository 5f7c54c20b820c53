"""Models of a server: names, aliases, digests, preloading.

Not proved: that a model of that name is there, and has that digest.
"""

from typing import Any

import pytest

from tests.support.settings_cases import DIGEST, cases, check, faults, model, one


@cases(
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
        "digest",
        one(models=[{"name": "a", "digest": "sha256:12"}]),
        "servers[0].models[0].digest: `sha256:12` is no digest: must be `sha256:` and 64 lower-case hex digits",
    ),
    (
        "prod without digest",
        {"environment": "prod", **one()},
        "servers[0].models[0].digest: is required where environment is `prod`, since a tag can move",
    ),
    ("alias", model(aliases=["x y"]), "servers[0].models[0].aliases[0]: not a model's name"),
    (
        "alias in the cloud",
        model(aliases=["x:8b-cloud"]),
        "servers[0].models[0].aliases[0]: `x:8b-cloud` would run on Ollama's own service",
    ),
    (
        "alias that is the name",
        model(aliases=["a:latest"]),
        "models[0].aliases[0]: is `registry.ollama.ai/library/a:latest`, which servers[0].models[0].name is too",
    ),
    (
        "alias twice",
        model(aliases=["x", "X"]),
        "models[0].aliases[1]: is `registry.ollama.ai/library/x:latest`, which servers[0].models[0].aliases[0] is too",
    ),
    (
        "alias of another model",
        model(aliases=["base"]),
        "models[1].name: is `registry.ollama.ai/library/base:latest`, which servers[0].models[0].aliases[0] is",
    ),
    (
        "name that is kept for ourselves",
        model(aliases=["echorator-previous/x"]),
        "servers[0].models[0].aliases[0]: names in `echorator-previous/` are for work in progress",
    ),
    (
        "source in the cloud",
        model(source="b:cloud"),
        "servers[0].models[0].source: `b:cloud` would run on Ollama's own service",
    ),
    (
        "time",
        model(preload=True, keepAlive="1 day"),
        "servers[0].models[0].keepAlive: `1 day` is no legal duration: must be a number and a unit",
    ),
    (
        "time without preload",
        model(keepAlive="1h"),
        "servers[0].models[0].keepAlive: has an effect only on a model that is preloaded",
    ),
    (
        "preloaded for no time",
        model(preload=True, keepAlive="0"),
        "servers[0].models[0].keepAlive: `0` unloads the model at once",
    ),
)
def test_refusals(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


@pytest.mark.parametrize("form", ["0", "0s", "-0m", "0h0m"])
def test_every_form_of_no_time(form: str) -> None:
    check(model(preload=True, keepAlive=form), f"`{form}` unloads the model at once")


@pytest.mark.parametrize(
    "raw",
    [
        model(aliases=["x", "team/x:v1", "registry.example.com/team/x"]),
        model(preload=True, keepAlive="-1", retain=True),
        model(preload=True),
        {"environment": "prod", **one(models=[{"name": "a", "digest": DIGEST}])},
        # What is made has no digest that one could know before; what it is made from has.
        {
            "environment": "prod",
            **one(models=[{"name": "a", "digest": DIGEST}, {"name": "b", "create": {"from": "a"}}]),
        },
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert faults(raw) == []
