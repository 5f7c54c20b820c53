"""A way to pods for users who may not use pods/proxy: kubectl's port-forward, one process for each pod."""

import asyncio
import re
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ollama import ConfigurationError, TransientError

START_S = 20.0
"""kubectl says within a second or two where it listens, or why it cannot."""

STOP_S = 5.0

_LISTENS = re.compile(rb"Forwarding from 127\.0\.0\.1:(\d+) -> ")


@asynccontextmanager
async def forwarded(context: str, namespace: str, pod: str, port: int) -> AsyncGenerator[str]:
    """The URL on this machine's loopback that leads to a pod's port, for as long as the body runs.

    Raises:
        ConfigurationError: there is no kubectl, or the user may not forward ports.
        TransientError: the pod cannot be reached now.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        hint = "put kubectl on PATH, or set the server's `reach.mode` to podProxy"
        raise ConfigurationError(pod, None, "`reach.mode: portForward` needs kubectl, which is not on PATH", hint)
    process = await asyncio.create_subprocess_exec(
        kubectl,
        f"--context={context}",
        f"--namespace={namespace}",
        "port-forward",
        "--address=127.0.0.1",
        f"pod/{pod}",
        f":{port}",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        local = await _local_port(process, pod)
        # Nobody reads what it says from now on, and a full pipe would stop it.
        drain = asyncio.create_task(_drain(process))
        try:
            yield f"http://127.0.0.1:{local}"
        finally:
            drain.cancel()
    finally:
        await _stop(process)


async def _local_port(process: asyncio.subprocess.Process, pod: str) -> int:
    said: list[str] = []
    try:
        async with asyncio.timeout(START_S):
            while line := await _line(process):
                found = _LISTENS.match(line)
                if found is not None:
                    return int(found[1])
                said.append(line.decode(errors="replace").strip())
    except TimeoutError:
        said.append(f"nothing within {START_S:g} s")
    told = "; ".join(said) or "it ended without a word"
    if "forbidden" in told.lower():
        hint = "the user needs `create` on pods/portforward"
        raise ConfigurationError(pod, None, f"kubectl port-forward: {told}", hint)
    raise TransientError(pod, None, f"kubectl port-forward: {told}", "see that the pod runs, then deploy again")


async def _line(process: asyncio.subprocess.Process) -> bytes:
    return b"" if process.stdout is None else await process.stdout.readline()


async def _drain(process: asyncio.subprocess.Process) -> None:
    while await _line(process):
        pass


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
