"""One control plane with KWOK's nodes for all tests here: real API server, controllers and scheduler, no containers."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulated.cluster import simulated
from tests.support.kube import Kube
from tests.support.prepared import prepared, tools
from tests.support.stack import Engine, LiveStack

CRDS = (
    "karpenter-crds.yaml",
    "keda-crds.yaml",
    "cluster-api-crds.yaml",
    "vertical-pod-autoscaler-crds.yaml",
    "cert-manager-crds.yaml",
    "istio-crds.yaml",
)


@pytest.fixture(scope="package")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with simulated(tmp_path_factory.mktemp("simulated")) as found:
        yield found


@pytest.fixture(scope="package")
def kube(kubeconfig: Path) -> Iterator[Kube]:
    with Kube(kubeconfig) as client:
        yield client


@pytest.fixture(scope="package")
def kubectl(kubeconfig: Path) -> Callable[..., str]:
    """Run kubectl on the cluster and return what it wrote; fails the test where it fails."""
    program = tools().path("kubectl")

    def run(*arguments: str, text: str | None = None) -> str:
        done = subprocess.run(
            [program, f"--kubeconfig={kubeconfig}", *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="package")
def resources(kubectl: Callable[..., str]) -> None:
    """The custom resources of everything that the program may ask of a cluster."""
    for name in CRDS:
        # Server-side: what `kubectl apply` would note on them is longer than an annotation may be.
        kubectl("apply", "--server-side", f"--filename={tools().path(name)}")
    kubectl("wait", "--for=condition=Established", "--all", "customresourcedefinitions", "--timeout=60s")


@pytest.fixture
def live_stack(kubeconfig: Path, tmp_path: Path) -> Iterator[LiveStack]:
    """A stack of its own name, destroyed at the end."""
    engine = Engine(
        folder=prepared("ECHORATOR_PULUMI_ENGINE"), home=prepared("ECHORATOR_PULUMI_HOME"), kubeconfig=kubeconfig
    )
    stack = LiveStack(engine, tmp_path, f"sim-{secrets.token_hex(2)}")
    yield stack
    stack.end()


SETTINGS: dict[str, Any] = {"modelStore": {"enabled": False}, "cluster": {"apiServer": []}}
"""Of every stack here: nothing runs in the pods that could pull a model or ask the API server."""
