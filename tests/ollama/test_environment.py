"""What a real Ollama makes of the variables: it prints its settings when it starts.

Not proved: that what they do is as described, such as how long a model stays in memory.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.ollama_environment import FIXED, VARIABLES, environment
from components.settings import stack as settings
from components.settings.server import OllamaSettings
from tests.support.ollama_process import OllamaProcess, find_ollama
from tests.support.processes import free_port
from tests.support.settings_cases import faults, one

pytestmark = pytest.mark.ollama

Start = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a server with further variables, and returns the settings it prints."""

    def run(env: dict[str, str]) -> str:
        home = tmp_path / str(free_port())
        home.mkdir()
        with OllamaProcess(find_ollama(), home, env=env):
            text = (home / "ollama.log").read_text()
        found = re.search(r'msg="server config" env="map\[(.*)\]"', text)
        assert found is not None, text
        return found[1]

    return run


def variables(raw: dict[str, Any]) -> dict[str, str]:
    """Those of the settings, without those that say where this test's server is."""
    found = {entry["name"]: entry["value"] for entry in environment(OllamaSettings.model_validate(raw))}
    return {name: value for name, value in found.items() if name not in FIXED}


SET: dict[str, Any] = {
    "keepAlive": "1h30m",
    "contextLength": 8192,
    "numParallel": 4,
    "maxLoadedModels": 2,
    "maxQueue": 64,
    "loadTimeout": "90",
    "flashAttention": True,
    "kvCacheType": "q8_0",
    "schedSpread": True,
    "gpuOverhead": "512Mi",
    "multiuserCache": True,
    "origins": ["https://a.example.com", "https://*.b.example.com"],
    "debug": True,
}

READ = {
    "OLLAMA_KEEP_ALIVE": "1h30m0s",
    "OLLAMA_CONTEXT_LENGTH": "8192",
    "OLLAMA_NUM_PARALLEL": "4",
    "OLLAMA_MAX_LOADED_MODELS": "2",
    "OLLAMA_MAX_QUEUE": "64",
    "OLLAMA_LOAD_TIMEOUT": "1m30s",
    "OLLAMA_FLASH_ATTENTION": "true",
    "OLLAMA_KV_CACHE_TYPE": "q8_0",
    "OLLAMA_SCHED_SPREAD": "true",
    "OLLAMA_GPU_OVERHEAD": str(512 * 2**20),
    "OLLAMA_MULTIUSER_CACHE": "true",
    "OLLAMA_ORIGINS": "[https://a.example.com https://*.b.example.com",
    "OLLAMA_DEBUG": "DEBUG",
    "OLLAMA_NO_CLOUD": "true",
}


def test_every_setting_is_read(start: Start) -> None:
    assert set(READ) == {variable.name for variable in VARIABLES.values()} | {"OLLAMA_NO_CLOUD"}
    assert faults(one(ollama=SET)) == []
    told = start(variables(SET))
    assert [f"{name}:{value}" for name, value in READ.items() if f"{name}:{value}" not in told] == []


def test_truths_that_are_false_and_times_without_end(start: Start) -> None:
    raw = {"keepAlive": "-1", "loadTimeout": "0", "flashAttention": False, "schedSpread": False, "debug": False}
    told = start(variables(raw))
    for part in ("KEEP_ALIVE:2562047h47m16.854775807s", "LOAD_TIMEOUT:2562047h47m16.854775807s"):
        assert f"OLLAMA_{part}" in told
    for part in ("FLASH_ATTENTION:false", "SCHED_SPREAD:false", "DEBUG:INFO"):
        assert f"OLLAMA_{part}" in told


@pytest.mark.parametrize("text", ["5 min", "9999999999h", "1.5", "1d"])
def test_a_time_that_is_refused_would_have_been_passed_over(start: Start, text: str) -> None:
    assert len(faults(one(ollama={"keepAlive": text}))) == 1
    assert "OLLAMA_KEEP_ALIVE:5m0s" in start({"OLLAMA_KEEP_ALIVE": text})


@pytest.mark.parametrize("origin", ["chat.example.com", "https://*.example.*"])
def test_an_origin_that_is_refused_would_have_ended_ollama(tmp_path: Path, origin: str) -> None:
    assert len(faults(one(ollama={"origins": [origin]}))) == 1
    env = {"HOME": str(tmp_path), "OLLAMA_HOST": f"127.0.0.1:{free_port()}", "OLLAMA_ORIGINS": origin}
    ended = subprocess.run([find_ollama(), "serve"], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert "panic: " in ended.stderr


@pytest.mark.parametrize("origin", ["*", "https://*.example.com", "chrome-extension://abc", "http://localhost:3000"])
def test_legal_origins(start: Start, origin: str) -> None:
    checked = settings.validate(one(ollama={"origins": [origin]})).servers[0].ollama
    assert f"OLLAMA_ORIGINS:[{origin} " in start(variables({"origins": checked.origins}))
