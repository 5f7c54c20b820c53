"""Clients for a deployed server's replicas, from where the commands run."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import httpx

from components.kube_context import KubeContext, kubeconfig_paths, load
from components.pod_proxy import PodProxy
from ollama import OllamaClient
from toolchain.stack.pulumi import Pulumi
from toolchain.stack.target import Server

OLLAMA_PORT = 11434
# A first answer loads the model from disk; on a small machine that takes a while.
CALL_LIMIT_S = 300


def kube_context(pulumi: Pulumi) -> KubeContext:
    """The cluster that the stack's commands go to.

    Raises:
        KubeContextError: its kubeconfig is gone or not complete.
    """
    return load(paths=kubeconfig_paths(environment={**os.environ, **pulumi.variables}))


@asynccontextmanager
async def replicas(pulumi: Pulumi, server: Server, namespace: str) -> AsyncGenerator[Callable[[str], OllamaClient]]:
    """A function from a replica's name to its client; through the API server for replicas in the cluster.

    Raises:
        KubeContextError: the cluster's kubeconfig is gone or not complete.
        OllamaError: its credentials cannot be used.
    """
    if server.in_cluster:
        async with PodProxy(kube_context(pulumi), namespace) as proxy:
            yield lambda replica: proxy.ollama(replica, OLLAMA_PORT)
    else:
        async with httpx.AsyncClient(base_url=server.endpoint, timeout=CALL_LIMIT_S) as http:
            yield lambda replica: OllamaClient(http, replica)
