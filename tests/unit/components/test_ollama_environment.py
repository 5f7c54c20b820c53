"""The variables that Ollama gets: every setting, written as its version reads it, and those that never change.

Not proved: what Ollama does with them; the tests with a real Ollama are for that.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.ollama_environment import (
    FIXED,
    FURTHER,
    NO_PRUNE,
    NUMBERS,
    OLDEST,
    VARIABLES,
    environment,
    known,
    version_of,
)
from components.settings.server import OllamaSettings
from components.versions import OLLAMA_VERSION

EVERYTHING: dict[str, Any] = {
    "keepAlive": "-1",
    "contextLength": 8192,
    "numParallel": 4,
    "maxLoadedModels": 2,
    "maxQueue": 64,
    "loadTimeout": "10m",
    "flashAttention": True,
    "kvCacheType": "q8_0",
    "schedSpread": True,
    "gpuOverhead": "512Mi",
    "multiuserCache": False,
    "origins": ["https://a.example.com", "chrome-extension://*"],
    "debug": False,
}


def variables(raw: dict[str, Any], **more: Any) -> dict[str, str]:
    entries = environment(OllamaSettings.model_validate(raw), **more)
    names = [entry["name"] for entry in entries]
    assert len(names) == len(set(names))
    assert all(set(entry) == {"name", "value"} for entry in entries)
    return {entry["name"]: entry["value"] for entry in entries}


def test_defaults() -> None:
    assert variables({}) == {
        "OLLAMA_HOST": "127.0.0.1:11435",
        "HOME": "/data",
        "OLLAMA_MODELS": "/data/models",
        "OLLAMA_NO_CLOUD": "1",
        "OLLAMA_KEEP_ALIVE": "5m",
        "OLLAMA_CONTEXT_LENGTH": "4096",
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_MAX_LOADED_MODELS": "0",
        "OLLAMA_MAX_QUEUE": "512",
        "OLLAMA_LOAD_TIMEOUT": "5m",
    }


def test_every_setting() -> None:
    assert set(EVERYTHING) == {field.alias for field in OllamaSettings.model_fields.values()}
    assert variables(EVERYTHING) == {
        **FIXED,
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_CONTEXT_LENGTH": "8192",
        "OLLAMA_NUM_PARALLEL": "4",
        "OLLAMA_MAX_LOADED_MODELS": "2",
        "OLLAMA_MAX_QUEUE": "64",
        "OLLAMA_LOAD_TIMEOUT": "10m",
        "OLLAMA_FLASH_ATTENTION": "1",
        "OLLAMA_KV_CACHE_TYPE": "q8_0",
        "OLLAMA_SCHED_SPREAD": "1",
        "OLLAMA_GPU_OVERHEAD": str(512 * 2**20),
        "OLLAMA_MULTIUSER_CACHE": "0",
        "OLLAMA_ORIGINS": "https://a.example.com,chrome-extension://*",
        "OLLAMA_DEBUG": "0",
    }


def test_a_reader_of_a_shared_volume_does_not_tidy_up() -> None:
    assert variables({}, shared_reader=True) == {**variables({}), NO_PRUNE: "1"}


def test_a_version_gets_what_it_reads() -> None:
    newer = variables(EVERYTHING, image="docker.io/ollama/ollama:0.30.0")
    assert set(variables(EVERYTHING)) - set(newer) == {"OLLAMA_MULTIUSER_CACHE"}


@pytest.mark.parametrize(
    ("image", "version"),
    [
        (None, OLLAMA_VERSION),
        ("ollama/ollama:0.30.1", "0.30.1"),
        ("r.io:5000/ollama:v0.20.3-rc1", "0.20.3"),
        ("r.io:5000/ollama:0.20.3-rocm@sha256:" + "0" * 64, "0.20.3"),
        # No version: taken for the pinned one.
        ("r.io:5000/ollama", OLLAMA_VERSION),
        ("r.io/ollama:stable", OLLAMA_VERSION),
        ("r.io/ollama:0.20", OLLAMA_VERSION),
        ("r.io/ollama:0.20.3.4", OLLAMA_VERSION),
        ("r.io/ollama@sha256:" + "0" * 64, OLLAMA_VERSION),
    ],
)
def test_versions_of_images(image: str | None, version: str) -> None:
    assert version_of(image) == tuple(map(int, version.split(".")))


def test_the_pinned_version_reads_all_settings() -> None:
    pinned = version_of(None)
    assert pinned >= OLDEST
    assert all(known(variable, pinned) for variable in VARIABLES.values())


def test_no_variable_has_two_owners() -> None:
    names = [*FIXED, NO_PRUNE, *FURTHER, *(variable.name for variable in VARIABLES.values())]
    assert len(names) == len(set(names))


def test_numbers_have_a_least_value() -> None:
    assert set(NUMBERS) == {key for key, variable in VARIABLES.items() if variable.kind == "number"}


@given(st.integers(1, 10**6), st.sampled_from(["", "k", "Ki", "M", "Mi", "Gi"]))
def test_overhead_is_whole_bytes(number: int, unit: str) -> None:
    size = {"": 1, "k": 10**3, "Ki": 2**10, "M": 10**6, "Mi": 2**20, "Gi": 2**30}[unit]
    assert variables({"gpuOverhead": f"{number}{unit}"})["OLLAMA_GPU_OVERHEAD"] == str(number * size)


def test_overhead_is_rounded_up() -> None:
    assert variables({"gpuOverhead": "1.0001Ki"})["OLLAMA_GPU_OVERHEAD"] == "1025"
