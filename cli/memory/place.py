"""The memory store of a stack, in its cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from cli.exits import CliError, Exit, UsageError
from cli.place import Place
from cli.stack_file import StackFile
from components.kube_api import KubeApi
from components.memory import names
from components.settings.stack import Settings

T = TypeVar("T")
MANAGER = "echorator"
_POLL_S = 1.0


@dataclass(frozen=True)
class Store:
    """A stack's store and its cluster.

    Attributes:
        settings: of the stack.
        api: the cluster's API server.
    """

    settings: Settings
    api: KubeApi

    @property
    def name(self) -> str:
        """Of the database."""
        return self.settings.memory.name

    @property
    def namespace(self) -> str:
        """Where it runs."""
        return names.namespace(self.settings.namespace)

    def path(self, group: str, kind: str, name: str = "") -> str:
        """Of a kind of objects in its namespace, or of one of them."""
        root = f"/api/{group}" if "/" not in group else f"/apis/{group}"
        return f"{root}/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    def operated(self, kind: str, name: str = "") -> str:
        """The same for what the operator looks after."""
        return self.path("postgresql.cnpg.io/v1", kind, name)

    def cluster(self, name: str | None = None) -> dict[str, Any]:
        """The database.

        Raises:
            CliError: it is not there.
        """
        wanted = self.name if name is None else name
        found = self.api.get(self.operated("clusters", wanted))
        if found is None:
            raise CliError(
                f"there is no store `{wanted}` in the namespace {self.namespace}",
                "deploy the stack first: `pulumi up`",
                code=Exit.UNREACHABLE,
            )
        return found

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make an object.

        Raises:
            CliError: there is one of its name already.
        """
        made = self.api.create(path, body, manager=MANAGER)
        if made is None:
            raise CliError(f"{body['metadata']['name']} is there already in {self.namespace}", "try again")
        return made


@contextmanager
def open_store(place: Place) -> Generator[Store]:
    """The stack's store.

    Raises:
        CliError: the stack has none, or none with backups; and others that `failures` knows.
    """
    settings = StackFile.read(place.config).settings()
    if not settings.memory.enabled:
        raise UsageError(f"stack {place.stack} has no memory store", "set memory.enabled and deploy")
    if not settings.memory.backups.enabled:
        raise UsageError(f"stack {place.stack} makes no backups", "set memory.backups.enabled and deploy")
    with KubeApi(place.context(settings)) as api:
        yield Store(settings, api)


def wait_for(what: str, look: Callable[[], T | None], limit_s: float) -> T:
    """The first answer of `look` that is not None.

    Raises:
        CliError: there was none within `limit_s`.
    """
    until = time.monotonic() + limit_s
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > until:
            raise CliError(f"{what}: not within {limit_s:g} s", "`kubectl get events` in its namespace says why")
        time.sleep(_POLL_S)


def items(found: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Of a list of objects; none where the list is not there."""
    return [] if found is None else cast("list[dict[str, Any]]", found["items"])
