"""The gRPC service ``LanguageRuntime`` for Python programs, policy packs and plugins.

Pulumi's release ships this service as a Go program whose module is in no registry, so an engine built from
source lacks it. This one answers what ``preview``, ``up``, ``refresh``, ``destroy``, ``about``, ``install``,
dynamic providers and ``--policy-pack`` ask; code generation (``convert``, ``package gen-sdk``) needs a release.

Run as ``language_host.py [--...] ENGINE_ADDRESS`` by a Python that has the pulumi SDK; beside it stands
Pulumi's own ``pulumi-language-python-exec``, which runs the program.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent import futures
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import IO

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import language_pb2 as language
from pulumi.runtime.proto import language_pb2_grpc as language_grpc
from pulumi.runtime.proto import plugin_pb2 as plugin

sys.path.insert(0, str(Path(__file__).resolve().parent))
from interpreter import NoInterpreterError, interpreter

EXEC = Path(__file__).resolve().parent / "pulumi-language-python-exec"

# The exit code by which pulumi-language-python-exec says that it has told the user already.
SHOWN_TO_USER = 32
# What Pulumi's own host allows: snapshots of large stacks pass in one message.
MAX_MESSAGE_BYTES = 400 << 20
STOP_GRACE_S = 5
ENGINE_CHECK_S = 2

_PACKAGES = """
import importlib.metadata, json
found = []
for dist in importlib.metadata.distributions():
    for file in dist.files or []:
        if file.name == "pulumi-plugin.json" and len(file.parts) == 2:
            plugin = json.loads(file.locate().read_text())
            if plugin.get("resource") and plugin.get("name"):
                found.append([plugin["name"], plugin.get("version") or ""])
print(json.dumps(found))
"""
_DEPENDENCIES = """
import importlib.metadata, json
print(json.dumps(sorted((d.metadata["Name"], d.version) for d in importlib.metadata.distributions())))
"""


def _options(info: language.ProgramInfo) -> dict[str, object]:
    return dict(json_format.MessageToDict(info.options)) if info.HasField("options") else {}


def _python(info: language.ProgramInfo, fallback_root: str) -> Path:
    return interpreter(_options(info), Path(info.root_directory or fallback_root))


def _ask(python: Path, code: str) -> list[tuple[str, str]]:
    """Run a few lines in the program's own environment; they print a JSON list of names and versions."""
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True, timeout=60)
    answer: list[tuple[str, str]] = json.loads(done.stdout)
    return answer


class LanguageHost(language_grpc.LanguageRuntimeServicer):
    """Runs Python programs for one engine; several at once when a policy pack is used."""

    def __init__(self, engine_address: str, version: str) -> None:
        self._engine = engine_address
        self._version = version
        self._children: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def Handshake(
        self, request: language.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language.LanguageHandshakeResponse:
        """Learn the engine's address, which older engines gave on the command line."""
        self._engine = request.engine_address
        return language.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin.PluginInfo:
        """Say the version: the SDK's, since the protocol is the SDK's."""
        return plugin.PluginInfo(version=self._version)

    def About(self, request: language.AboutRequest, context: grpc.ServicerContext) -> language.AboutResponse:
        """Describe the program's interpreter for ``pulumi about``."""
        try:
            python = _python(request.info, str(Path.cwd()))
        except NoInterpreterError as missing:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(missing))
        version = subprocess.run([str(python), "--version"], capture_output=True, text=True, check=True)
        return language.AboutResponse(
            executable=str(python), version=version.stdout.split()[-1], metadata={"host": "echorator"}
        )

    def GetRequiredPackages(
        self, request: language.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language.GetRequiredPackagesResponse:
        """List the resource plugins that the installed SDK packages name, with their versions."""
        try:
            python = _python(request.info, str(Path.cwd()))
        except NoInterpreterError:
            return language.GetRequiredPackagesResponse()
        packages = [
            plugin.PackageDependency(name=name, kind="resource", version=version.removeprefix("v"))
            for name, version in _ask(python, _PACKAGES)
        ]
        return language.GetRequiredPackagesResponse(packages=packages)

    def GetRequiredPlugins(
        self, request: language.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language.GetRequiredPluginsResponse:
        """Answer the older form of the question above with nothing: registrations carry the version."""
        return language.GetRequiredPluginsResponse()

    def GetProgramDependencies(
        self, request: language.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language.GetProgramDependenciesResponse:
        """List the distributions of the program's environment."""
        python = _python(request.info, str(Path.cwd()))
        found = _ask(python, _DEPENDENCIES)
        return language.GetProgramDependenciesResponse(
            dependencies=[language.DependencyInfo(name=name, version=version) for name, version in found]
        )

    def RuntimeOptionsPrompts(
        self, request: language.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> language.RuntimeOptionsResponse:
        """Ask nothing: a project says its toolchain in Pulumi.yaml."""
        return language.RuntimeOptionsResponse()

    def InstallDependencies(
        self, request: language.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language.InstallDependenciesResponse]:
        """Bring the program's environment to its lockfile for ``pulumi install``."""
        folder = request.info.program_directory or request.directory
        uses_uv = str(_options(request.info).get("toolchain") or "") == "uv"
        command = (
            ["uv", "sync", "--frozen"]
            if uses_uv
            else [sys.executable, "-m", "pip", "install", "-r", "requirements.txt"]
        )
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            assert child.stdout is not None  # noqa: S101
            for line in child.stdout:
                yield language.InstallDependenciesResponse(stdout=line)
        if child.returncode:
            context.abort(grpc.StatusCode.INTERNAL, f"{' '.join(command)} failed with exit code {child.returncode}")

    def Run(self, request: language.RunRequest, context: grpc.ServicerContext) -> language.RunResponse:
        """Run the program to its end; its registrations go from it to the engine directly."""
        try:
            python = _python(request.info, request.pwd)
        except NoInterpreterError as missing:
            return language.RunResponse(error=str(missing))
        arguments = {
            "monitor": request.monitor_address,
            "engine": self._engine,
            "project": request.project,
            "stack": request.stack,
            "organization": request.organization,
            "pwd": request.pwd,
            "root_directory": request.info.root_directory,
            "dry_run": "true" if request.dryRun else "",
            "parallel": str(request.parallel),
        }
        command = [str(python), "-u", str(EXEC)]
        for name, value in arguments.items():
            if value:
                command += [f"--{name}", value]
        command += [self._program(request), *request.args]
        env = self._environment(python) | {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        child = subprocess.Popen(command, cwd=request.pwd, env=env)
        code = self._wait(child)
        if code == SHOWN_TO_USER:
            return language.RunResponse(bail=True)
        return language.RunResponse(error=f"the program ended with exit code {code}" if code else "")

    def RunPlugin(
        self, request: language.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language.RunPluginResponse]:
        """Run a policy pack or a provider written in Python and stream what it prints."""
        try:
            python = _python(request.info, request.info.program_directory or request.program)
        except NoInterpreterError as missing:
            yield language.RunPluginResponse(stderr=f"{missing}\n".encode())
            yield language.RunPluginResponse(exitcode=1)
            return
        given = dict(entry.split("=", 1) for entry in request.env)
        child = subprocess.Popen(
            [str(python), "-u", request.info.program_directory or request.program, *request.args],
            cwd=request.pwd,
            env=self._environment(python, given or None),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert child.stdout is not None and child.stderr is not None  # noqa: S101, PT018
        context.add_callback(lambda: self._stop(child))
        lines: queue.SimpleQueue[language.RunPluginResponse | None] = queue.SimpleQueue()
        for stream, is_error in ((child.stdout, False), (child.stderr, True)):
            threading.Thread(target=_pump, args=(stream, is_error, lines), daemon=True).start()
        open_streams = 2
        while open_streams:
            message = lines.get()
            if message is None:
                open_streams -= 1
            else:
                yield message
        yield language.RunPluginResponse(exitcode=self._wait(child))

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Stop the programs that run: the engine was interrupted."""
        self.stop_children()
        return empty_pb2.Empty()

    def stop_children(self) -> None:
        """Stop every program that this host started: a polite signal first, then the certain one."""
        with self._lock:
            children = list(self._children)
        for child in children:
            self._stop(child)

    @staticmethod
    def _program(request: language.RunRequest) -> str:
        entry = request.info.entry_point
        if request.info.program_directory:
            return str(Path(request.info.program_directory) / (entry if entry and entry != "." else ""))
        return request.program

    @staticmethod
    def _environment(python: Path, given: Mapping[str, str] | None = None) -> dict[str, str]:
        env = dict(os.environ if given is None else given)
        env["PATH"] = f"{python.parent}{os.pathsep}{env.get('PATH', os.defpath)}"
        env.pop("PYTHONHOME", None)
        return env

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        with self._lock:
            self._children.add(child)
        try:
            return child.wait()
        finally:
            with self._lock:
                self._children.discard(child)

    @staticmethod
    def _stop(child: subprocess.Popen[bytes]) -> None:
        if child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()


def _pump(stream: IO[bytes], is_error: bool, lines: queue.SimpleQueue[language.RunPluginResponse | None]) -> None:
    while chunk := os.read(stream.fileno(), 1 << 16):
        lines.put(language.RunPluginResponse(stderr=chunk) if is_error else language.RunPluginResponse(stdout=chunk))
    lines.put(None)


def serve(engine_address: str, version: str) -> None:
    """Serve on a free port of 127.0.0.1, print it (the engine reads the first line), and stop on a signal."""
    options = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=options)
    host = LanguageHost(engine_address, version)
    language_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    engine = os.getppid()
    # An engine that was killed cannot say goodbye; its program would otherwise run on without it.
    while not stopped.wait(ENGINE_CHECK_S) and os.getppid() == engine:
        pass
    host.stop_children()
    server.stop(grace=1)


def main() -> None:
    """Read the engine's address and serve."""
    engine = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
    serve(engine, version("pulumi"))


if __name__ == "__main__":
    main()
