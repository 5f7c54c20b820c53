"""Models that are made on a replica: from what, with what.

Not proved: that Ollama can make them; the tests with a real Ollama are for that.
"""

from typing import Any

import pytest

from components.settings.checks import create as settings_checks_create
from ollama.settings import PARAMETERS
from tests.support.settings_cases import cases, check, faults, model, one, refusal

HERE = "servers[0].models[0].create"


def made(**keys: Any) -> dict[str, Any]:
    """A configuration with a model that is made from the model `base`, with further keys."""
    return model(create={"from": "base", **keys})


def given(**parameters: Any) -> dict[str, Any]:
    return made(parameters=parameters)


@cases(
    (
        "nothing to make it of",
        model(create={"system": "x"}),
        f"{HERE}: has neither `from` (a base model that this server has too) nor `files`",
    ),
    (
        "an adapter alone",
        model(create={"adapter": {"claim": "w"}}),
        f"{HERE}: has neither `from` (a base model that this server has too) nor `files` (weights on a volume)",
    ),
    ("base and files", made(files={"claim": "w"}), f"{HERE}: has `from` and `files`. Keep one"),
    (
        "made and pulled",
        model(source="b", create={"from": "base"}),
        "servers[0].models[0]: has `create` and `source`. Keep one",
    ),
    (
        "base of another server",
        model(create={"from": "other:7b"}),
        f"{HERE}.from: `other:7b` is no model of this server. Add it to `models` (there now: `base`)",
    ),
    (
        "base of nobody",
        one(models=[{"name": "a", "create": {"from": "b"}}]),
        f"{HERE}.from: `b` is no model of this server. Add it to `models` (there now: none else)",
    ),
    ("base that is no name", model(create={"from": "a b"}), f"{HERE}.from: `a b` is no model's name"),
    ("base that is empty", model(create={"from": ""}), f"{HERE}.from: is empty, which Ollama takes for not given"),
    (
        "made from itself",
        one(models=[{"name": "a", "create": {"from": "A:latest"}}]),
        f"{HERE}.from: is made from servers[0].models[0]: no model could be made first",
    ),
    (
        "made from each other",
        one(models=[{"name": n, "create": {"from": f}} for n, f in ("ab", "bc", "ca")]),
        f"{HERE}.from: is made from servers[0].models[1], which is made from servers[0].models[2],",
    ),
    (
        "absolute path",
        model(create={"files": {"claim": "w", "path": "/x"}}),
        f"{HERE}.files.path: `/x` is no legal path: must be relative",
    ),
    (
        "path upwards",
        made(adapter={"claim": "w", "path": "a/../../b"}),
        f"{HERE}.adapter.path: `a/../../b` is no legal path",
    ),
    ("empty path", made(adapter={"claim": "w", "path": ""}), f"{HERE}.adapter.path: `` is no legal path"),
    (
        "name of a claim",
        made(adapter={"claim": "W"}),
        f"{HERE}.adapter.claim: `W` is no legal name of a PersistentVolumeClaim",
    ),
    ("no claim", model(create={"files": {"path": "x"}}), f"{HERE}.files.claim: is required"),
    (
        "files for an adopted server",
        {
            "servers": [
                {"name": "far", "url": "http://h", "models": [{"name": "a", "create": {"files": {"claim": "w"}}}]}
            ]
        },
        f"{HERE}.files: is on a volume of the cluster, which a server that already runs has not got",
    ),
    ("empty system prompt", made(system=""), f"{HERE}.system: is empty, which Ollama takes for not given"),
    ("empty template", made(template=""), f"{HERE}.template: is empty"),
    ("empty license", made(license=""), f"{HERE}.license: is empty"),
    (
        "quantization",
        made(quantize="q5_K_M"),
        f"{HERE}.quantize: `q5_K_M` is none that Ollama makes. Legal are `f16`, `f32`, `q4_K_M`, `q4_K_S`, `q8_0`",
    ),
    (
        "role",
        made(messages=[{"role": "tool", "content": "x"}]),
        f"{HERE}.messages[0].role: `tool` is no role. Legal are `system`, `user`, `assistant`",
    ),
    (
        "unknown parameter",
        given(num_contexts=1),
        f"{HERE}.parameters.num_contexts: unknown parameter. Legal are `frequency_penalty`, `main_gpu`",
    ),
    ("parameter that was dropped", given(mirostat=1), f"{HERE}.parameters.mirostat: unknown parameter"),
    (
        "text for a number",
        given(temperature="hot"),
        f"{HERE}.parameters.temperature: parameter `temperature` must be a number",
    ),
    (
        "fraction for a whole number",
        given(num_ctx=1.5),
        f"{HERE}.parameters.num_ctx: parameter `num_ctx` must be a whole number",
    ),
    ("truth for a number", given(top_k=True), f"{HERE}.parameters.top_k: parameter `top_k` must be a number"),
    (
        "number for a truth",
        given(use_mmap=1),
        f"{HERE}.parameters.use_mmap: parameter `use_mmap` must be true or false",
    ),
    ("number for a text", given(stop=1), f"{HERE}.parameters.stop: parameter `stop` must be a text or a list of texts"),
    ("no stop", given(stop=[]), f"{HERE}.parameters.stop: must not be empty"),
    ("stop everywhere", given(stop=["x", ""]), f"{HERE}.parameters.stop: must not be empty, nor hold an empty text"),
    ("stop at once", given(stop=""), f"{HERE}.parameters.stop: must not be empty"),
    (
        "endless temperature",
        given(temperature=float("inf")),
        f"{HERE}.parameters.temperature: must be a finite number, not inf",
    ),
    (
        "whole number that is none",
        given(num_ctx=float("nan")),
        f"{HERE}.parameters.num_ctx: must be a finite number, not nan",
    ),
    ("no context", given(num_ctx=0), f"{HERE}.parameters.num_ctx: must be at least 1, not 0"),
    ("negative temperature", given(temperature=-0.1), f"{HERE}.parameters.temperature: must be at least 0, not -0.1"),
    ("more than all", given(top_p=1.1), f"{HERE}.parameters.top_p: must be from 0 to 1, not 1.1"),
    ("penalty", given(presence_penalty=3), f"{HERE}.parameters.presence_penalty: must be from -2 to 2, not 3"),
    ("fewer than none", given(num_predict=-3), f"{HERE}.parameters.num_predict: must be at least -2, not -3"),
    (
        "more than Ollama can count",
        given(num_ctx=2**31),
        f"{HERE}.parameters.num_ctx: must be from 1 to 2147483647, not 2147483648",
    ),
)
def test_refusals(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


def test_every_number_has_a_range() -> None:
    assert set(settings_checks_create.RANGES) == set(PARAMETERS) - {"stop", "use_mmap"}


def test_a_circle_is_told_once() -> None:
    circle = [{"name": name, "create": {"from": base}} for name, base in ("ab", "ba", "ca")]
    assert len(refusal(one(models=circle))) == 1


def test_two_circles_are_told_twice() -> None:
    circles = [{"name": name, "create": {"from": base}} for name, base in ("ab", "ba", "cd", "dc")]
    assert len(refusal(one(models=circles))) == 2


@pytest.mark.parametrize(
    "raw",
    [
        made(),
        made(system="Be brief.", template="{{ .Prompt }}", license="MIT", quantize="Q4_k_m"),
        made(adapter={"claim": "adapters", "path": "tune/v1.gguf"}, messages=[{"role": "user", "content": ""}]),
        given(num_ctx=8192, temperature=0, top_p=0.9, top_k=40.0, seed=-1, stop=["</s>", "User:"], use_mmap=False),
        given(stop="</s>", num_predict=-2, repeat_last_n=-1, num_keep=-1, num_gpu=-1, min_p=0.0, typical_p=1),
        model(create={"files": {"claim": "weights"}}),
        model(create={"files": {"claim": "weights", "path": "a..b/..c"}, "adapter": {"claim": "weights", "path": "x"}}),
        # By an alias, and before the base's place in the list.
        one(models=[{"name": "a", "create": {"from": "short"}}, {"name": "base", "aliases": ["short"]}]),
        one(models=[{"name": n, "create": {"from": f}} for n, f in ("ab", "bc")] + [{"name": "c"}]),
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert faults(raw) == []
