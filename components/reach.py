"""The ways in which a deploy looks at the replicas of a server."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

import httpx

from components.pod_proxy import PodProxy
from components.port_forward import forwarded

Mode = Literal["podProxy", "portForward", "direct", "url"]

OpenAgent = Callable[[str], Awaitable[httpx.AsyncClient]]
"""Gives a client whose base URL is the API of that pod's agent."""

_TIMES = httpx.Timeout(15.0, connect=5.0)


@asynccontextmanager
async def agents(
    proxy: PodProxy, *, mode: Mode, context: str, namespace: str, service: str, port: int, url: str | None
) -> AsyncGenerator[OpenAgent]:
    """How to open the agent of a pod; everything opened is closed at the end.

    Args:
        proxy: connection to the API server, which `podProxy` goes through.
        mode: the server's `reach.mode`.
        context: of the kubeconfig, for `portForward`.
        namespace: of the pods.
        service: headless service of the pods, for `direct`.
        port: of the agent.
        url: for `url`: with `{replica}` where the pod's name goes.
    """
    async with AsyncExitStack() as stack:
        guard = asyncio.Lock()

        async def enter(base: str) -> httpx.AsyncClient:
            return await stack.enter_async_context(httpx.AsyncClient(base_url=base, timeout=_TIMES))

        async def open_agent(pod: str) -> httpx.AsyncClient:
            match mode:
                case "podProxy":
                    return proxy.http(pod, port)
                case "portForward":
                    # The exit stack closes in order; entering it from many tasks at once would mix that up.
                    async with guard:
                        base = await stack.enter_async_context(forwarded(context, namespace, pod, port))
                        return await enter(base)
                case "direct":
                    return await enter(f"http://{pod}.{service}.{namespace}.svc:{port}")
                case "url":
                    return await enter((url or "").replace("{replica}", pod))

        yield open_agent
