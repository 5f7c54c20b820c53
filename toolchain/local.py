"""The local cluster from nothing to ready: tools, node, registry, images, models, add-ons."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager

from components.memory.manifest import KEPT
from toolchain import catalog, extras, monitoring, paths
from toolchain.build import progress
from toolchain.build.builder import Builder
from toolchain.build.progress import Reporter
from toolchain.extras import NONE, Extra
from toolchain.images import ImageSpec, build_and_push, images, prefetch
from toolchain.models.make import make_models
from toolchain.node.layout import NODE_ADDRESS, REGISTRY_PORT, REQUIRED_TOOLS, NodeLayout
from toolchain.node.node import Node

REGISTRY_FORWARD = "registry"
REGISTRY_INSIDE = f"{NODE_ADDRESS}:{REGISTRY_PORT}"
# What a node needs to start, and what the images and models are made of.
START_TOOLS = (*catalog.NODE_TOOLS, "kube-router")
FILL_TOOLS = (*catalog.IMAGE_TOOLS, *catalog.MODEL_TOOLS)
CLUSTER_TOOLS = tuple(dict.fromkeys((*START_TOOLS, *FILL_TOOLS)))


def layout(tools: catalog.Tools | None = None) -> NodeLayout:
    """The node of this checkout; without tools it can be looked at and ended, not started."""
    nowhere = paths.tools_dir()
    return NodeLayout(
        state=paths.state_dir() / "node",
        run=paths.run_dir(),
        id=paths.checkout_id(),
        tools={name: nowhere / name if tools is None else tools.path(name) for name in REQUIRED_TOOLS},
        debs_prefix=nowhere if tools is None else tools.debs_prefix,
    )


def known_node() -> Node:
    """The node for looking at and ending, also where its tools are gone."""
    return Node(layout())


def _keep_manifest(tools: catalog.Tools) -> None:
    """Put the operator's definitions where the program looks for them, which knows nothing of the toolchain."""
    KEPT.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copyfile(tools.path("cloudnative-pg-manifest"), KEPT)


class LocalCluster:
    """Brings the local cluster up while the later tools are still being built."""

    def __init__(self, builder: Builder, reporter: Reporter | None = None, *, wanted: frozenset[Extra] = NONE) -> None:
        """Prepare.

        Args:
            builder: was started with ``CLUSTER_TOOLS`` and the tools of the extras.
            reporter: where progress is shown; the process's one when None.
            wanted: what can be deployed on it besides.
        """
        self._builder = builder
        self._reporter = reporter if reporter is not None else progress.reporter()
        self._wanted = wanted

    def _images(self) -> tuple[ImageSpec, ...]:
        return (*images(), *extras.images(self._wanted))

    def up(self) -> Node:
        """Start or mend the node and fill its registry; returns when every add-on is available."""
        cache = paths.cache_dir() / "images"
        if not all(self._builder.ready(name) for name in START_TOOLS):
            # There is time: the compiler is at work, and this only downloads.
            with self._step("Fetching the images' Debian packages") as tell:
                prefetch(self._images(), work_dir=cache, progress=tell)
        node = Node(layout(self._builder.wait_for(START_TOOLS)))
        with self._step("Starting the node") as tell:
            node.start(tell)
            port = node.forward(REGISTRY_FORWARD, REGISTRY_INSIDE, tell)
        registry = f"http://127.0.0.1:{port}"
        tools = self._builder.wait_for((*FILL_TOOLS, *extras.tools(self._wanted)))
        if Extra.MEMORY in self._wanted:
            _keep_manifest(tools)
        with self._step("Filling the registry with images") as tell:
            build_and_push(self._images(), tools=tools, registry_url=registry, work_dir=cache, progress=tell)
        with self._step("Starting DNS, storage and the registry's Service") as tell:
            node.install_addons(tell)
            if Extra.MONITORING in self._wanted:
                with node.api() as api:
                    monitoring.install_definitions(api, tools.path(monitoring.DEFINITIONS), tell)
        with self._step("Filling the registry with models") as tell:
            make_models(
                ollama=tools.path("ollama"),
                wheels={name: tools.path(name) for name in catalog.MODEL_TOOLS},
                registry_url=registry,
                record=node.layout.state / "models.json",
                progress=tell,
            )
        with self._step("Waiting for the cluster") as tell:
            node.wait_ready(tell)
        return node

    @contextmanager
    def _step(self, title: str) -> Generator[Callable[[str, str], None]]:
        with self._reporter.step(title) as step:
            yield lambda what, detail: step.detail(f"{what}: {detail}")
