"""What the plan learns of models from a real registry: their bytes, their shape, and what it does without an answer.

Does not prove that public registries answer alike; they are not reached here.
"""

from __future__ import annotations

import json
import runpy
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from components import fit_check
from components.model_lookup import CREDENTIALS
from components.settings import stack as settings
from components.settings.stack import Settings, SettingsError
from components.versions import ROOT
from tests.model_store.harness import Model, make_model, push
from tests.model_store.test_private import PASSWORD, USER, GuardedRegistry, guarded, secret
from tests.support.faulty_proxy import FaultyProxy
from tests.support.processes import free_port
from tests.support.pulumi_mocks import deploy
from tests.support.registry import Registry
from tests.support.settings_cases import one
from tests.support.tiny_model import tiny_gguf
from tests.unit.components.conftest import write_kubeconfig
from tests.unit.fit.test_gguf import SHAPE, file, words

__all__ = ["guarded"]


def configuration(
    *models: Mapping[str, Any], hosts: Mapping[str, str], fit: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A server with these models, and `host` to the mirror before it."""
    upstreams = [{"host": host, "mirrors": [mirror]} for host, mirror in hosts.items()]
    asked = {"lookup": "registry", "lookupSeconds": 60, **(fit or {})}
    return {**one(models=list(models)), "modelStore": {"upstreams": upstreams}, "fit": asked}


def own(host: str) -> dict[str, str]:
    """A registry that is asked over plain HTTP."""
    return {host: f"http://{host}"}


def seen(config: Settings) -> dict[str, fit_check.Fit]:
    return {row.model: row for row in fit_check.fits(config)}


def program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"))


def tiny(registry: Registry, repository: str, filling: bytes = b"") -> Model:
    return push(registry.host, make_model(repository, "1", [tiny_gguf() + filling, b"template"]))


def test_bytes_and_shape_are_the_registry_s(registry: Registry, proxy: FaultyProxy) -> None:
    filling = bytes(8 << 20)
    source = f"{proxy.host}/team/plan:1"
    tiny(registry, "team/plan", filling)
    made = {"name": "made", "create": {"from": "mine", "system": "Be brief."}}
    raw = configuration({"name": "mine", "source": source}, made, hosts=own(proxy.host))
    found = seen(settings.validate(raw, ask=True))
    for row in (found["mine"], found["made"]):
        assert row.source == "registry"
        assert row.facts is not None
        assert row.facts.weights == len(tiny_gguf()) + len(filling)
        assert (row.facts.layers, row.facts.heads, row.facts.embedding, row.facts.context) == (2, 4, 64, 256)
    # Once for both, and of the weights no more than their head, whatever was still on the way.
    assert [request.path.rsplit("/", 2)[1] for request in proxy.requests] == ["manifests", "blobs"]
    assert proxy.requests[1].ranged


def test_the_command_asks_too(registry: Registry, tmp_path: Path) -> None:
    tiny(registry, "team/command")
    raw = configuration({"name": "m", "source": f"{registry.host}/team/command:1"}, hosts=own(registry.host))
    file = tmp_path / "Pulumi.t.yaml"
    file.write_text(json.dumps({"config": {f"echorator:{key}": value for key, value in raw.items()}}))
    result = CliRunner().invoke(app, ["fit", "--config-file", str(file), "--json"])
    (model,) = json.loads(result.stdout)["models"]
    assert (model["source"], model["weightsBytes"]) == ("registry", len(tiny_gguf()))


def test_a_head_of_several_megabytes_is_read_to_its_end(registry: Registry) -> None:
    vocabulary = [f"a word of some length {index}" for index in range(100_000)]
    longer = file(*SHAPE[:-1], words("tokenizer.ggml.tokens", vocabulary)).getvalue()
    assert len(longer) > 2 << 20
    push(registry.host, make_model("team/words", "1", [longer, b"template"]))
    raw = configuration({"name": "m", "source": f"{registry.host}/team/words:1"}, hosts=own(registry.host))
    facts = seen(settings.validate(raw, ask=True))["m"].facts
    assert facts is not None
    assert (facts.vocabulary, facts.window, facts.weights) == (100_000, 512, len(longer))


def test_a_known_model_keeps_its_shape_and_gets_its_bytes(registry: Registry) -> None:
    push(registry.host, make_model("library/smollm2", "135m", [bytes(12345), b"template"]))
    raw = configuration({"name": "smollm2:135m"}, hosts={"registry.ollama.ai": f"http://{registry.host}"})
    row = seen(settings.validate(raw, ask=True))["smollm2:135m"]
    assert row.facts is not None
    assert (row.source, row.facts.weights, row.facts.layers) == ("registry", 12345, 30)
    # A model that does not fit by its manifest is refused by it.
    raw["servers"][0]["resources"]["limits"]["memory"] = "1Gi"
    raw["servers"][0]["models"][0]["facts"] = {"size": "1Gi"}
    with pytest.raises(SettingsError, match="`smollm2:135m` does not fit server `chat`"):
        settings.validate(raw, ask=True)


def test_a_private_registry_is_shown_credentials_and_nobody_else(
    registry: Registry, guarded: GuardedRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny(registry, "team/hidden")
    raw = configuration({"name": "m", "source": f"{guarded.host}/team/hidden:1"}, hosts=own(guarded.host))
    (note,) = fit_check.notes(settings.validate(raw, ask=True))
    assert "wants credentials" in note
    assert f"${CREDENTIALS}/{guarded.host}" in note

    monkeypatch.setenv(CREDENTIALS, str(tmp_path / "logins"))
    (tmp_path / "logins").mkdir()
    folder = secret(tmp_path / "logins" / guarded.host, "not the password")
    (note,) = fit_check.notes(settings.validate(raw, ask=True))
    assert f"it refused the credentials in {folder}" in note
    assert "not the password" not in note

    secret(folder, PASSWORD)
    config = settings.validate(raw, ask=True)
    facts = seen(config)["m"].facts
    assert facts is not None
    assert facts.weights == len(tiny_gguf())
    assert PASSWORD not in repr(config) + config.model_dump_json()

    # The whole program, in Pulumi's own loop; what it registers is what the state would hold.
    write_kubeconfig(tmp_path / "kubeconfig", {"local": "https://127.0.0.1:6443"}, "local")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    values = {f"echorator:{key}": json.dumps(value) for key, value in raw.items()}
    registered = deploy(program, config=values)
    told = json.dumps([[kind, dict(one.inputs)] for (kind, _), one in registered.items()], default=str)
    assert "StatefulSet" in told
    for word in (PASSWORD, USER, str(folder)):
        assert word not in told


def test_without_an_answer_it_is_as_before_and_says_so() -> None:
    silent = f"127.0.0.1:{free_port()}"
    hosts = {"registry.ollama.ai": f"http://{silent}", **own(silent)}
    known, unknown = {"name": "smollm2:135m"}, {"name": "m", "source": f"{silent}/team/none:1"}
    raw = configuration(known, unknown, hosts=hosts)
    config = settings.validate(raw, ask=True)
    assert seen(config)["smollm2:135m"].source == "table"
    first, second = fit_check.notes(config)
    assert first.startswith("servers[0].models[0]: the size of `smollm2:135m` is that of the table of known models")
    assert f"http://{silent}: cannot connect" in first
    assert "whether `m` fits is not known" in second
    assert f"http://{silent}: cannot connect" in second

    refusing = configuration(unknown, hosts=hosts, fit={"unknown": "refuse"})
    with pytest.raises(SettingsError, match=r"its registry did not tell: .*cannot connect"):
        settings.validate(refusing, ask=True)
    # A command that asks nobody cannot know that nobody knows.
    assert seen(settings.validate(refusing))["m"].facts is None


def test_a_registry_that_says_nothing_ends_with_the_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        model = {"name": "m", "source": f"{host}/team/slow:1"}
        raw = configuration(model, hosts=own(host), fit={"lookupSeconds": 0.2})
        (note,) = fit_check.notes(settings.validate(raw, ask=True))
    assert "its registry did not say it within 0.2 s" in note


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ([b"GGUF but no more"], "is of GGUF version"),
        ([tiny_gguf()[:500]], "ends in the middle of its head"),
        ([], "has no weights in GGUF"),
    ],
)
def test_what_is_no_model_is_told(registry: Registry, layers: list[bytes], why: str) -> None:
    repository = f"team/odd{len(layers)}{len(b''.join(layers))}"
    push(registry.host, make_model(repository, "1", layers))
    raw = configuration({"name": "m", "source": f"{registry.host}/{repository}:1"}, hosts=own(registry.host))
    (note,) = fit_check.notes(settings.validate(raw, ask=True))
    assert why in note


def test_nobody_is_asked_unless_the_settings_say_so(registry: Registry, proxy: FaultyProxy) -> None:
    tiny(registry, "team/quiet")
    raw = configuration({"name": "m", "source": f"{proxy.host}/team/quiet:1"}, hosts=own(proxy.host))
    del raw["fit"]
    assert seen(settings.validate(raw, ask=True))["m"].facts is None
    assert not proxy.requests
