"""Runs a Pulumi program against mocks and gives back what it registered.

What that proves: types, names, parents and inputs of the resources. What it does not: that an API server accepts
them, that the engine orders them so, or anything that a provider computes.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import pulumi
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks

from components.certificates_provider import CertificatesProvider


@dataclass(frozen=True)
class Registered:
    """One resource as the engine would see it: inputs as Kubernetes spells them, numbers as floats."""

    inputs: Mapping[str, Any]
    provider: str
    component: bool


Seen = dict[tuple[str, str], Registered]
"""(type, name) to what was registered."""


class Recorder(Mocks):
    """Answers each registration with its own inputs."""

    def __init__(self) -> None:
        self.seen: Seen = {}

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        key = (args.typ, args.name)
        if key in self.seen:
            raise AssertionError(f"{key} is registered twice; the engine would refuse that")
        inputs = cast("dict[str, Any]", args.inputs)
        self.seen[key] = Registered(inputs, args.provider or "", component=not args.custom)
        outputs = dict(inputs)
        if args.resource_id == "default/kubernetes":
            # It is read, not made: where the API server listens.
            outputs |= {"endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 6443}]}
        if args.typ.endswith(":Certificates"):
            # Real ones: the program looks into them.
            outputs |= CertificatesProvider().create(inputs).outs or {}
        if args.typ.endswith(":RandomPassword"):
            outputs["result"] = f"password of {args.name}"
        metadata: dict[str, Any] = dict(outputs.get("metadata") or {})
        # What the provider adds: a name where none was given, and an identity.
        outputs["metadata"] = {"name": f"{args.name}-1a2b3c4d", **metadata, "uid": f"uid-of-{args.name}"}
        return f"{args.name}-id", outputs

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"no function is called here, but {args.token} was")


def deploy(program: Callable[[], object], *, config: Mapping[str, str] | None = None) -> Seen:
    """Runs `program` to the end of all its registrations.

    Args:
        program: registers resources.
        config: the stack's configuration, keys with their namespace, values as Pulumi stores them.
    """
    loops = [asyncio.new_event_loop()]
    asyncio.set_event_loop(loops[0])

    def begin_thread() -> None:
        # The SDK would make a loop in each worker thread and never close it.
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    workers = ThreadPoolExecutor(initializer=begin_thread)
    loops[0].set_default_executor(workers)
    recorder = Recorder()
    try:
        pulumi.runtime.set_mocks(recorder, project="echorator", stack="test", preview=False)
        pulumi.runtime.set_all_config(dict(config or {}), [])
        pulumi.runtime.test(program)()
    finally:
        workers.shutdown()
        asyncio.set_event_loop(None)
        for loop in loops:
            loop.close()
    return recorder.seen


def kinds(seen: Seen, suffix: str) -> dict[str, Mapping[str, Any]]:
    """Name to inputs of the resources whose type ends in `suffix`."""
    return {name: found.inputs for (kind, name), found in seen.items() if kind.endswith(suffix)}
