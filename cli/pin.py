"""Writes the digests of the images that the stack runs into its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from cli.exits import CliError, Exit, UsageError
from cli.image_registry import LIMIT_S, RegistryError, digest_of, own_registry
from cli.output import Output
from cli.place import Place
from cli.render import diff_lines
from cli.stack_file import CONFIG, PREFIX, StackFile
from components.kube_context import KubeContextError
from components.settings.stack import Settings
from components.versions import ADDON_IMAGES, IMAGES, MEMORY_IMAGES, MONITORING_IMAGES, Image
from toolchain.local import REGISTRY_FORWARD, known_node
from toolchain.node import ports

DIGESTS = (CONFIG, f"{PREFIX}imageDigests")


@dataclass(frozen=True)
class Pinned:
    """What the registries say: name of the image to digest, and to why there is none."""

    digests: dict[str, str]
    failures: dict[str, str]


def pin(place: Place, registry: str | None, output: Output, *, check: bool) -> None:
    """Ask for each image's digest and write them down.

    Args:
        place: the stack.
        registry: URL of a mirror that has all images; None asks each image's own registry, or the local cluster's
            where the stack goes there.
        output: where to say it.
        check: change nothing, and fail if something would change.

    Raises:
        CliError: a registry does not tell a digest, or, with `check`, another one is pinned.
    """
    file = StackFile.read(place.config)
    if registry is not None and urlsplit(registry).scheme not in ("http", "https"):
        raise UsageError(f"`{registry}` is no URL", "give one such as https://mirror.example.com")
    asked = registry or _local(place, file)
    found = ask(images(file.settings()), None if asked is None else asked.rstrip("/"))
    before: object = file.yaml.get(DIGESTS)
    kept: dict[str, object] = dict(before) if isinstance(before, dict) else {}  # pyright: ignore[reportUnknownArgumentType]
    changed = file.changed(file.yaml.set(DIGESTS, {**kept, **found.digests}))
    # A stack file with another fault is not made worse, and not called good.
    changed.settings()
    diff = changed.diff()
    output.console.print(diff_lines(diff) if diff else f"{file.path.name} says so already.", soft_wrap=True)
    if not check:
        changed.write()
    output.result({"stack": place.stack, "digests": found.digests, "failures": found.failures, "changed": bool(diff)})
    if found.failures:
        told = "\n".join(f"  - {name}: {why}" for name, why in found.failures.items())
        hint = "push them there, or give by --registry a mirror that has them"
        raise CliError(f"no digest for these images:\n{told}", hint)
    if check and diff:
        raise CliError(f"{file.path.name} pins other digests than the registry has", "run `echorator pin`")


def images(settings: Settings) -> Mapping[str, Image]:
    """What the stack runs that can be pinned."""
    brought = settings.monitoring.enabled and settings.monitoring.mode == "bring"
    monitoring = settings.monitoring
    asked_for = {
        "collector": monitoring.collector.enabled,
        "jaeger": monitoring.collector.enabled and monitoring.collector.jaeger,
        "grafana": monitoring.grafana.enabled,
        "dcgm-exporter": monitoring.gpu_exporter.enabled and monitoring.gpu_exporter.mode == "bring",
    }
    return {
        **IMAGES,
        **(MONITORING_IMAGES if brought else {}),
        **(MEMORY_IMAGES if settings.memory.enabled else {}),
        **{name: ADDON_IMAGES[name] for name, asked in asked_for.items() if brought and asked},
    }


def ask(wanted: Mapping[str, Image], registry: str | None) -> Pinned:
    """Each image's digest, or why there is none."""
    found = Pinned({}, {})
    # A mirror on this machine's loopback is not behind a proxy.
    outside = registry is None or urlsplit(registry).hostname not in ("127.0.0.1", "localhost")
    with httpx.Client(timeout=LIMIT_S, trust_env=outside, follow_redirects=True) as http:
        for name, image in wanted.items():
            path = image.repository.partition("/")[2]
            try:
                where = own_registry(image.repository) if registry is None else registry
                found.digests[name] = digest_of(http, where, path, image.tag)
            except RegistryError as error:
                found.failures[name] = str(error)
    return found


def _local(place: Place, file: StackFile) -> str | None:
    """The local cluster's registry, where the stack goes to that cluster: its images are built on this machine."""
    node = known_node()
    try:
        context = place.context(file.settings())
    except KubeContextError:
        return None
    if context.name != node.layout.name:
        return None
    forward = ports.read(node.layout.forwards_file).get(REGISTRY_FORWARD)
    if forward is None:
        raise CliError("the local cluster's registry is not there", "run `make up`", code=Exit.UNREACHABLE)
    return f"http://127.0.0.1:{forward.port}"
