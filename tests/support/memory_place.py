"""A deployed stack's memory store as the command line sees it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from cli.memory import backups
from cli.memory.place import Store
from components.kube_api import KubeApi
from components.kube_context import load
from components.settings.stack import validate
from tests.support.kube import wait_for
from tests.support.stack import Engine, LiveStack


@contextmanager
def opened(stack: LiveStack, engine: Engine) -> Generator[Store]:
    """The store, once its first backup is whole."""
    with KubeApi(load(None, paths=[engine.kubeconfig])) as api:
        made = Store(validate(stack.configured), api)
        wait_for("the first backup is whole", lambda: any(one.whole for one in backups.all_of(made)), 300)
        yield made
