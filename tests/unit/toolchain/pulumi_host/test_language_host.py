# pyright: basic, reportMissingTypeStubs=false
# The generated client leaves its answers untyped.
"""Proves the protocol with a real host process and a real gRPC client; a script stands for Pulumi's program runner.

That real programs, dynamic providers and policy packs run through it is shown by the deploys on the real cluster.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Generator
from importlib.metadata import version
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import language_pb2 as language
from pulumi.runtime.proto import language_pb2_grpc as language_grpc

from toolchain.stack.engine import HOST_SOURCES

RUNNER = """
import json, os, sys
print("program speaks", flush=True)
record = {"arguments": sys.argv[1:], "config": os.environ["PULUMI_CONFIG"], "folder": os.getcwd()}
open(os.environ["RECORD"], "w").write(json.dumps(record))
"""
PLUGIN = """
import sys
print("out", *sys.argv[1:])
print("err", file=sys.stderr)
sys.exit(3)
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[language_grpc.LanguageRuntimeStub]:
    """A client of a host process that was started as the engine starts it."""
    folder = tmp_path / "engine"
    shutil.copytree(HOST_SOURCES, folder)
    (folder / "pulumi-language-python-exec").write_text(RUNNER)
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("RECORD", str(tmp_path / "record.json"))
    yield from serve(folder)


def serve(folder: Path) -> Generator[language_grpc.LanguageRuntimeStub]:
    command = [sys.executable, "-u", str(folder / "language_host.py"), "127.0.0.1:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield language_grpc.LanguageRuntimeStub(channel)
        process.terminate()
        assert process.wait(timeout=10) == 0


def program(tmp_path: Path) -> language.ProgramInfo:
    options = struct_pb2.Struct()
    options.update({"virtualenv": "env"})
    return language.ProgramInfo(
        root_directory=str(tmp_path), program_directory=str(tmp_path), entry_point=".", options=options
    )


def run_request(tmp_path: Path) -> language.RunRequest:
    return language.RunRequest(
        project="p",
        stack="s",
        pwd=str(tmp_path),
        config={"p:key": "value"},
        configSecretKeys=["p:secret"],
        dryRun=True,
        parallel=4,
        monitor_address="127.0.0.1:2",
        info=program(tmp_path),
    )


def test_it_says_the_sdks_version(host: language_grpc.LanguageRuntimeStub) -> None:
    assert host.GetPluginInfo(empty_pb2.Empty()).version == version("pulumi")


def test_a_program_gets_addresses_and_configuration(host: language_grpc.LanguageRuntimeStub, tmp_path: Path) -> None:
    host.Handshake(language.LanguageHandshakeRequest(engine_address="127.0.0.1:3"))
    answer = host.Run(run_request(tmp_path))
    assert (answer.error, answer.bail) == ("", False)
    record = json.loads((tmp_path / "record.json").read_text())
    pairs = dict(zip(record["arguments"][:-1:2], record["arguments"][1::2], strict=True))
    assert pairs["--monitor"] == "127.0.0.1:2"
    assert pairs["--engine"] == "127.0.0.1:3"
    assert pairs["--dry_run"] == "true"
    assert record["arguments"][-1] == str(tmp_path)
    assert json.loads(record["config"]) == {"p:key": "value"}
    assert record["folder"] == str(tmp_path)


@pytest.mark.parametrize(
    ("code", "error", "bail"), [("1", "the program ended with exit code 1", False), ("32", "", True)]
)
def test_a_program_that_fails(
    host: language_grpc.LanguageRuntimeStub, tmp_path: Path, code: str, error: str, *, bail: bool
) -> None:
    (tmp_path / "engine" / "pulumi-language-python-exec").write_text(f"raise SystemExit({code})")
    answer = host.Run(run_request(tmp_path))
    assert (answer.error, answer.bail) == (error, bail)


def test_a_missing_environment_is_an_answer_not_a_crash(
    host: language_grpc.LanguageRuntimeStub, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "env")
    assert "no virtual environment" in host.Run(run_request(tmp_path)).error


def test_a_plugin_streams_what_it_prints(host: language_grpc.LanguageRuntimeStub, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(PLUGIN)
    request = language.RunPluginRequest(pwd=str(tmp_path), args=["one", "two"], info=program(tmp_path))
    messages = list(host.RunPlugin(request))
    assert b"".join(message.stdout for message in messages) == b"out one two\n"
    assert b"".join(message.stderr for message in messages) == b"err\n"
    assert messages[-1].exitcode == 3


def test_it_lists_plugins_and_dependencies(host: language_grpc.LanguageRuntimeStub, tmp_path: Path) -> None:
    packages = host.GetRequiredPackages(language.GetRequiredPackagesRequest(info=program(tmp_path))).packages
    found = {package.name: package.version for package in packages}
    assert found["kubernetes"] == version("pulumi-kubernetes")
    assert found["random"] == version("pulumi-random")
    listed = host.GetProgramDependencies(language.GetProgramDependenciesRequest(info=program(tmp_path))).dependencies
    assert ("pulumi", version("pulumi")) in {(one.name, one.version) for one in listed}
