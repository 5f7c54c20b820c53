"""Brings a private model from this machine into the stack's model store."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from cli.exits import CliError, Exit, UsageError
from cli.look import namespace
from cli.output import Output
from cli.place import Place
from cli.render import size
from cli.stack_file import StackFile
from components.kube_api import KubeApi
from components.kube_context import KubeContext
from components.port_forward import forwarded
from components.registries import PUSHED_HOST, STORE_PORT, STORE_SERVICE, UPLOAD_SECRET, alias_of
from model_store.client import Pushed, PushError, PushProgress, StoreClient
from model_store.package import PackageError
from ollama.errors import ConfigurationError, OllamaError
from ollama.names import DEFAULT_HOST, ModelName

_TIMES = httpx.Timeout(60.0, connect=10.0)
"""The store answers a part once it is on its disk."""


@dataclass(frozen=True)
class Name:
    """Where a model goes in the store: `repository:tag`; `source` is what a server pulls it by."""

    repository: str
    tag: str

    @property
    def source(self) -> str:
        """The whole name, as `models[].source` has it."""
        return f"{PUSHED_HOST}/{self.repository}:{self.tag}"


def parse(text: str) -> Name:
    """The place that a name such as `team/assistant:2` stands for.

    Raises:
        UsageError: it is no name, or one of another registry.
    """
    try:
        name = ModelName.parse(text)
    except ConfigurationError as error:
        raise UsageError(error.message, error.hint) from error
    if name.host not in (DEFAULT_HOST, PUSHED_HOST):
        raise UsageError(f"`{text}` is in the registry {name.host}", "give a name without a host, such as team/model:1")
    return Name(f"{name.namespace}/{name.model}", name.tag)


def upload(place: Place, path: Path, text: str, output: Output) -> None:
    """Push a GGUF file, or a folder with one, and say how to deploy it.

    Raises:
        CliError: and others that `failures` knows.
    """
    name = parse(text)
    settings = StackFile.read(place.config).settings()
    if not (settings.model_store.enabled and settings.model_store.uploads):
        hint = "set `uploads: true` under echorator:modelStore and deploy, then upload again"
        raise CliError("the model store of this stack takes no uploads", hint, code=Exit.REFUSED)
    context = place.context(settings)
    where = namespace(settings)
    token = _token(context, where)
    try:
        pushed = asyncio.run(_push(_Store(context, where, token), path, name, output))
    except (PackageError, PushError, OllamaError, OSError) as error:
        raise CliError(f"{path} was not uploaded: {error}", "the same command goes on with what is missing") from error
    deploy = f"echorator deploy {text} --source {name.source} --digest {pushed.digest}"
    output.say(
        f"Uploaded {name.repository}:{name.tag}: {size(pushed.size)}, {size(pushed.sent)} of it new to the store."
    )
    output.say(f"Deploy it: {deploy}")
    output.result(
        {
            "stack": place.stack,
            "source": name.source,
            "digest": pushed.digest,
            "sizeBytes": pushed.size,
            "sentBytes": pushed.sent,
        }
    )


def _token(context: KubeContext, where: str) -> str:
    with KubeApi(context, retry_s=0) as api:
        secret = api.get(f"/api/v1/namespaces/{where}/secrets/{UPLOAD_SECRET}")
    if secret is None:
        raise CliError(f"there is no Secret {where}/{UPLOAD_SECRET}", "deploy the stack first: `pulumi up`")
    return base64.b64decode(secret["data"]["token"]).decode()


@dataclass(frozen=True)
class _Store:
    context: KubeContext
    namespace: str
    token: str


async def _push(store: _Store, path: Path, name: Name, output: Output) -> Pushed:
    # Not by the API server's proxy: it keeps the header with the store's token for itself.
    async with (
        forwarded(store.context.name, store.namespace, f"{STORE_SERVICE}-0", STORE_PORT) as url,
        httpx.AsyncClient(base_url=url, timeout=_TIMES, trust_env=False) as http,
    ):
        client = StoreClient(http, alias=alias_of(PUSHED_HOST), token=store.token)
        with _Bars(output) as bars:
            return await client.push(path, name.repository, name.tag, bars.take)


class _Bars(Progress):
    """A bar for each file and what is done with it."""

    def __init__(self, output: Output) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=output.console,
        )
        self._known: dict[tuple[str, str], TaskID] = {}

    def take(self, progress: PushProgress) -> None:
        """Move the bar of one file."""
        key = (progress.phase, progress.label)
        if key not in self._known:
            self._known[key] = self.add_task(f"{progress.label} {progress.phase}", total=progress.total)
        self.update(self._known[key], completed=progress.done, total=progress.total)
