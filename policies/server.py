"""Serves the pack to the engine.

The SDK's server turns each request into JSON and proxies anew for every policy: a hundred policies and a thousand
resources take it minutes. It also keeps from policies what is secret and how the stack is configured. This one reads
each request once, knows both, and leaves everything else to the SDK.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from concurrent import futures
from typing import Any

import grpc
import pulumi_policy as sdk
from google.protobuf import json_format
from pulumi.runtime import proto
from pulumi.runtime.proto import analyzer_pb2_grpc
from pulumi_policy.policy import _PolicyAnalyzerServicer as SdkServicer  # pyright: ignore[reportPrivateUsage]

from policies import exceptions
from policies.catalog import misnamed
from policies.context import Context
from policies.items import Resource
from policies.pack import NAME, POLICIES, ObjectPolicy, WholeStackPolicy, message
from policies.runner import Runner
from policies.wire import from_struct

_LIMIT = 400 << 20
"""Bytes of one message: the engine sends a whole stack in one."""


class Servicer(SdkServicer):
    """The Analyzer service."""

    def __init__(self) -> None:
        super().__init__(NAME, "0.0.1", POLICIES, sdk.EnforcementLevel.MANDATORY)
        self._context = Context()
        self._given: dict[str, Mapping[str, Any]] = {}
        self._runner = self._made()

    def _made(self) -> Runner:
        return Runner(self._context, self._given, exceptions.current())

    def Configure(self, request: Any, _context: Any) -> Any:  # noqa: N802, ANN401
        """Take parameters and levels."""
        unknown = misnamed(list(request.policyConfig))
        if unknown:
            _context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no such policy: {', '.join(unknown)}")
        self._given = {
            name: json_format.MessageToDict(config.properties) for name, config in request.policyConfig.items()
        }
        self._runner = self._made()
        return super().Configure(request, _context)

    def ConfigureStack(self, request: Any, _context: Any) -> Any:  # noqa: N802, ANN401
        """Learn the stack's name and configuration."""
        self._context = Context(request.stack, dict(request.config), frozenset(request.config_secret_keys))
        self._runner = self._made()
        return super().ConfigureStack(request, _context)

    def Analyze(self, request: Any, _context: Any) -> Any:  # noqa: N802, ANN401
        """Check one resource."""
        response = proto.AnalyzeResponse()
        resource = Resource(request.type, request.name, from_struct(request.properties), request.urn)
        for policy in POLICIES:
            if isinstance(policy, ObjectPolicy):
                level = self._level(policy)
                if level == sdk.EnforcementLevel.DISABLED:
                    continue
                for finding in self._runner.resource(policy.check, resource):
                    self._report(response, policy, level, message(policy.check, finding), request.urn)
        return response

    def AnalyzeStack(self, request: Any, _context: Any) -> Any:  # noqa: N802, ANN401
        """Check the stack as a whole."""
        response = proto.AnalyzeResponse()
        resources = [Resource(one.type, one.name, from_struct(one.properties), one.urn) for one in request.resources]
        for policy in POLICIES:
            if isinstance(policy, WholeStackPolicy):
                level = self._level(policy)
                if level == sdk.EnforcementLevel.DISABLED:
                    continue
                for finding, resource in self._runner.stack(policy.check, resources):
                    urn = "" if resource is None else resource.urn
                    self._report(response, policy, level, message(policy.check, finding), urn)
        return response

    def _level(self, policy: sdk.Policy) -> sdk.EnforcementLevel:
        level = self._get_enforcement_level(policy)
        # A check repairs nothing: whoever sets it to `remediate` means that it must hold.
        return sdk.EnforcementLevel.MANDATORY if level == sdk.EnforcementLevel.REMEDIATE else level

    def _report(
        self, response: Any, policy: sdk.Policy, level: sdk.EnforcementLevel, text: str, urn: str  # noqa: ANN401
    ) -> None:  # fmt: skip
        report = self._create_report_violation(response, policy.name, policy.description, level, policy.severity)
        report(text, urn)


def serve() -> None:
    """Serve on a free port of 127.0.0.1, print the port (the engine reads the first line), and stay."""
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=4),
        options=[("grpc.max_receive_message_length", _LIMIT), ("grpc.max_send_message_length", _LIMIT)],
    )
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop(0)
