"""`echorator fit`: the table and its exit code, and facts that go into the settings as they are printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.__main__ import app
from components.settings import stack as settings
from tests.support.settings_cases import one
from tests.support.tiny_model import tiny_gguf


@pytest.fixture
def config(tmp_path: Path) -> Path:
    servers = one(models=[{"name": "smollm2:135m"}, {"name": "llama3.3:70b"}, {"name": "somebody/else"}])["servers"]
    path = tmp_path / "Pulumi.t.yaml"
    path.write_text(yaml.safe_dump({"config": {"echorator:servers": servers}}))
    return path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["fit", *arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.stdout


def test_the_table_says_what_fits(config: Path) -> None:
    code, text = run("--config-file", str(config))
    assert code == 3
    rows = {line.split()[1]: line for line in text.splitlines() if line.startswith("chat")}
    assert rows["smollm2:135m"].split()[-1] == "yes"
    assert rows["llama3.3:70b"].split()[-1] == "no"
    assert rows["somebody/else"].split()[-1] == "unknown"
    assert "What fits: class `large` with `gpus: 0`" in text


def test_json_has_the_numbers(config: Path) -> None:
    code, text = run("--config-file", str(config), "--json")
    assert code == 3
    small, large, unknown = json.loads(text)["models"]
    assert (small["fits"], large["fits"], unknown["fits"]) == (True, False, None)
    assert small["needBytes"] > small["weightsBytes"] + small["cacheBytes"]


def test_facts_of_a_file_are_legal_settings(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny_gguf(1))
    code, text = run("--gguf", str(path))
    assert code == 0
    found = yaml.safe_load(text)
    checked = settings.validate({**one(models=[{"name": "mine", **found}]), "fit": {"unknown": "refuse"}})
    facts = checked.servers[0].models[0].facts
    assert facts is not None
    assert facts.size == str(path.stat().st_size)


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("hello")
    assert run("--gguf", str(path))[0] == 2
    assert run("--gguf", str(tmp_path / "none"))[0] == 2
